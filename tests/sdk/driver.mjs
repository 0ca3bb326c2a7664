// openai-node in a process of its own: the same protocol as driver.py, see there.
//
// Run as `node driver.mjs PLACE`, with the place that holds node_modules.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(`${process.argv[2]}/package.json`);
const { OpenAI } = require("openai");
const clients = new Map();

const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");

// As in an application one client is kept, and its connections are used again.
function clientOf(baseURL, apiKey) {
  const key = `${baseURL} ${apiKey}`;
  if (!clients.has(key)) clients.set(key, new OpenAI({ baseURL, apiKey }));
  return clients.get(key);
}

async function call(job, answers) {
  const chosen = { headers: { "X-Request-Id": job.request_id } };
  if (job.timeout !== null) chosen.timeout = job.timeout * 1000;
  if (job.max_retries !== null) chosen.maxRetries = job.max_retries;
  const names = job.method.split(".");
  const method = names.pop();
  const resource = names.reduce((at, name) => at[name], clientOf(job.base_url, job.api_key));
  const { extra_body, ...body } = job.arguments;
  const answer = await resource[method]({ ...body, ...extra_body }, chosen);
  if (!body.stream) {
    answers.push(answer);
    return;
  }
  for await (const event of answer) {
    answers.push(event);
    if (answers.length === job.leave_after) return;
  }
}

function raised(error) {
  const kinds = [];
  for (let at = Object.getPrototypeOf(error); at; at = Object.getPrototypeOf(at)) {
    const name = at.constructor.name;
    kinds.push(`${OpenAI[name] === at.constructor ? "openai" : "node"}.${name}`);
  }
  return {
    kinds,
    message: String(error.message),
    status: error.status ?? null,
    code: error.code ?? null,
    request_id: error.requestID ?? null,
    headers: error.headers ? Object.fromEntries(error.headers.entries()) : {},
    body: error.error ?? null,
  };
}

async function outcome(job) {
  const answers = [];
  const begun = performance.now();
  let exception = null;
  try {
    await call(job, answers);
  } catch (error) {
    exception = raised(error);
  }
  return { answers, raised: exception, seconds: (performance.now() - begun) / 1000 };
}

tell({ version: require("openai/version").VERSION });
for await (const line of createInterface({ input: process.stdin })) tell(await outcome(JSON.parse(line)));
process.exit(0); // kept connections would hold it
