"""A profile of the predecessor, which was a shell script, as one of ours; and a list of what could not be carried over.

Nothing is executed. What becomes of a line:

    a comment, an empty line       stays where it is
    VLLM_MAX_MODEL_LEN, MODEL_DIR  becomes our key for it, with its words for yes and no in ours
    VLLM_EXTRA_ARGS=(--flag ...)   becomes a key for each flag that has one
    source NAME.env                becomes MODEL_SLOT_EXTENDS=NAME
    X="${X:-default}"              becomes the default: no environment wins over a profile
    anything else                  is told, with its line and the reason

What the predecessor's scripts assumed where a profile was silent is written out at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from slot.profiles import dotenv_file, engine_flags, keys, kinds, predecessor, rules, shell_file
from slot.profiles.engine_face import known_environment, known_flags
from slot.profiles.problems import Problem, ProfileError
from slot.profiles.profile import Value
from slot.profiles.resolution import of_text, resolve
from slot.profiles.shell_words import OnlyAShellKnows, expand

PLACES = frozenset({"MODEL_SLOT_VENV", "MODEL_SLOT_MODEL_DIR"})

_YES = ("1", "true", "yes")
_NO = ("0", "false", "no")
_YES_AND_NO = dict.fromkeys(_YES, "true") | dict.fromkeys(_NO, "false")
_NO_AND_YES = dict.fromkeys(_YES, "false") | dict.fromkeys(_NO, "true")

# serve-vllm-profile.sh and run-openai-frontdoor-profile.sh
ASSUMED_BY_PREDECESSOR = {
    "MODEL_SLOT_VENV": "~/.venvs/vllm-xpu",
    "SERVE_TRUST_REMOTE_CODE": "true",
    "FRONTDOOR_HOST": "0.0.0.0",
    "FRONTDOOR_MAX_ACTIVE_GENERATIONS": "1",
    "FRONTDOOR_QUEUE_TIMEOUT_S": "3600",
    "FRONTDOOR_BACKEND_TIMEOUT_S": "7200",
}

# What the scripts took for "do not pass the flag".
_SETS_NO_FLAG = frozenset(
    {("VLLM_QUANTIZATION", "auto"), ("VLLM_QUANTIZATION", "none"), ("VLLM_NO_SCHEDULER_RESERVE_FULL_ISL", "0")}
)


@dataclass(frozen=True)
class NotCarried:
    """A line of the predecessor's profile that has no place in ours, and why. `line` counts from 1."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Imported:
    """What a predecessor's profile became. `problems` are those that `slotctl check` would find in `text`."""

    name: str
    text: str
    not_carried: tuple[NotCarried, ...]
    problems: tuple[Problem, ...]


def convert(source: str, name: str) -> Imported:
    """The predecessor's profile `source`, whose file is called `name` (with or without `.env`), in our form."""
    conversion = _Conversion()
    for statement in shell_file.read(source.replace("\r\n", "\n")):
        conversion.take(statement)
    conversion.finish(name.removesuffix(".env"))
    text = conversion.text()
    final = conversion.values["MODEL_SLOT_NAME"]
    return Imported(final, text, tuple(conversion.not_carried), tuple(_problems(text, final)))


def _problems(text: str, name: str) -> Iterator[Problem]:
    file = of_text(text.encode(), Path(f"{name}.env"))
    try:
        resolve([file])
    except ProfileError as exc:
        # What is missing may be in the profile that it extends.
        yield from (problem for problem in exc.problems if problem.line or not file.find("MODEL_SLOT_EXTENDS"))


class _Conversion:
    """Takes statement after statement; what was said last about a key is what counts, as in a shell."""

    def __init__(self) -> None:
        # The shell's variables, to look up what a later line refers to.
        self.variables = {"HOME": "~"}
        # What VLLM_EXTRA_ARGS holds so far.
        self.extra_words: list[str] = []
        # Our keys and their values; a key's line in the result is where it was set last.
        self.values: dict[str, str] = {}
        self.lines: list[tuple[str | None, str]] = []
        self.not_carried: list[NotCarried] = []

    def take(self, statement: shell_file.Statement) -> None:
        try:
            match statement:
                case shell_file.Comment(_, text):
                    self.lines += _comment(text)
                case shell_file.Unread(_, _, reason):
                    self._leave(statement, reason)
                case shell_file.Sourced(file=file):
                    self._extend(statement, expand(file, self.variables))
                case shell_file.Assignment(is_array=True):
                    self._take_array(statement)
                case shell_file.Assignment(appends=True):
                    self._leave(statement, "it appends to a value: write the whole value")
                case shell_file.Assignment(name=name, words=(word,)):
                    value = expand(word, self.variables, assigned=name)
                    self.variables[name] = value
                    self._assign(statement, name, value)
        except OnlyAShellKnows as exc:
            self._leave(statement, str(exc))

    def finish(self, name: str) -> None:
        """Adds what the file's name says, and what the predecessor assumed of a profile that stands by itself."""
        if "MODEL_SLOT_NAME" not in self.values:
            self._put("MODEL_SLOT_NAME", _legal_name(name))
            self.lines.insert(0, self.lines.pop())
        if "MODEL_SLOT_EXTENDS" in self.values:
            return
        assumed = {key: value for key, value in ASSUMED_BY_PREDECESSOR.items() if key not in self.values}
        if assumed:
            self.lines += [(None, ""), (None, "# The predecessor's scripts assumed, where a profile was silent:")]
        for key, value in assumed.items():
            self._put(key, value)

    def text(self) -> str:
        lines = "\n".join(line for _, line in self.lines)
        return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"

    def _assign(self, statement: shell_file.Assignment, name: str, value: str) -> None:
        """Numbered: 1. a flag that was not set by this value, 2. the model, 3. any other variable."""
        if (name, value) in _SETS_NO_FLAG:  # 1
            self._leave(statement, "the predecessor set no flag for this value")
        elif name == "MODEL_DIR" and not value.startswith(("/", "~/")):  # 2
            self._carry(statement, "MODEL_SLOT_HF_ID", value)
        else:  # 3
            key = predecessor.twin(name, known_environment()) or name
            words = _NO_AND_YES if name.removeprefix("VLLM_") in predecessor.INVERTED else _YES_AND_NO
            self._carry(statement, key, words.get(value.lower(), value) if _takes_yes_or_no(key) else value)

    def _take_array(self, statement: shell_file.Assignment) -> None:
        if statement.name.removeprefix("VLLM_") != "EXTRA_ARGS":
            self._leave(statement, "an array that nobody reads")
            return
        extended = self.values.get("MODEL_SLOT_EXTENDS")
        if extended and not statement.appends:
            reason = f"its flags are carried over, but it also took back the extra flags of {extended}: compare them"
            self._leave(statement, reason)
        words = [expand(word, self.variables) for word in statement.words]
        self.extra_words = [*self.extra_words, *words] if statement.appends else words
        for key, value in _keys_of_flags(self.extra_words):
            self._carry(statement, key, value)

    def _extend(self, statement: shell_file.Sourced, file: str) -> None:
        path = PurePosixPath(file)
        if path.suffix == ".env" and keys.PROFILE_NAME.fullmatch(path.stem):
            self._carry(statement, "MODEL_SLOT_EXTENDS", path.stem)
        else:
            self._leave(statement, "a script: nothing is executed; write out what it sets")

    def _carry(self, statement: shell_file.Statement, key: str, value: str) -> None:
        """Writes a line of ours, unless our own reader would refuse it."""
        if value.startswith("~") and key not in PLACES:
            self._leave(statement, f"only {' and '.join(sorted(PLACES))} may begin with '~': write the path in full")
            return
        if not value and key.startswith(keys.OUR_PREFIXES) and "MODEL_SLOT_EXTENDS" not in self.values:
            self._leave(statement, "an empty value: the default counts")
            return
        problem = rules.problem_of(key, Value(value, "", statement.line, ""))
        if problem:
            self._leave(statement, problem.complaint)
            return
        try:
            self._put(key, value)
        except ValueError as exc:
            self._leave(statement, str(exc))

    def _put(self, key: str, value: str) -> None:
        line = dotenv_file.write(key, value)
        self.lines = [(of, text) for of, text in self.lines if of != key]
        self.lines.append((key, line))
        self.values[key] = value

    def _leave(self, statement: shell_file.Statement, reason: str) -> None:
        first, more, _ = statement.text.partition("\n")
        self.not_carried.append(NotCarried(statement.line, f"{first} …" if more else first, reason))


def _comment(text: str) -> list[tuple[None, str]]:
    """A comment in our form: no interpreter line, no backslash at its end."""
    return [] if text.startswith("#!") else [(None, text.rstrip("\\ \t"))]


def _legal_name(name: str) -> str:
    """The name of a file as the name of a profile."""
    legal = re.sub(r"[^a-z0-9.]+|[.]{2,}", "-", name.lower()).strip("-.")
    return legal or "imported"


def _takes_yes_or_no(key: str) -> bool:
    kind = rules.kind_of(key)
    return kind is not None and kind.fits("true") and not kind.fits("anything else")


def _keys_of_flags(words: list[str]) -> Iterator[tuple[str, str]]:
    """Our keys for the words of a command line: one for each flag that has one, and one for all the others."""
    left: list[str] = []
    for flag, values in _flags(words):
        name = flag.removeprefix("--").replace("_", "-")
        is_off = name.startswith("no-") and name not in known_flags()
        name = name.removeprefix("no-") if is_off else name
        known = known_flags().get(name)
        if known and known.kind in ("bool", "switch") and not values:
            yield engine_flags.key_of(name), "false" if is_off else "true"
        elif known and not is_off and (known.many or len(values) == 1):
            yield engine_flags.key_of(name), kinds.join(values) if known.many else values[0]
        else:
            left += [flag, *values]
    if left:
        yield "MODEL_SLOT_EXTRA_ARGS", msgspec.json.encode(left).decode()


def _flags(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each flag with the words up to the next one; `--flag=value` is taken apart."""
    position = 0
    while position < len(words):
        flag, equals, value = words[position].partition("=")
        following = position + 1
        while following < len(words) and not words[following].startswith("--"):
            following += 1
        yield flag, ([value] if equals else []) + words[position + 1 : following]
        position = following
