"""The proxies that are compared: each started on free ports of 127.0.0.1, and ended by its process id.

A peer has a port without a cap worth mentioning, and a port that refuses beyond CAP generations. `direct` is no proxy:
its port is the emulator's.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from processes import free_port

from bench.process_figures import family

CAP = 64
OURS, BASELINE, DIRECT = "frontdoor", "nginx", "direct"
HOST = "127.0.0.1"
PATIENCE_S = 30.0
WANTED_FILES = 20_000


class CannotRun(Exception):
    """Something that is needed did not start: the message says what it said."""


@dataclass
class Peer:
    """`roots` are the processes that serve `port`, `capped_roots` those that serve `capped_port`."""

    name: str
    port: int
    capped_port: int | None = None
    roots: list[int] = field(default_factory=list)
    capped_roots: list[int] = field(default_factory=list)

    @property
    def is_proxy(self) -> bool:
        return bool(self.roots)

    def pids(self) -> list[int]:
        return [pid for root in self.roots for pid in family(root)]

    def capped_pids(self) -> list[int]:
        return [pid for root in self.capped_roots for pid in family(root)]


def installed() -> list[str]:
    """The peers that can run here, ours first."""
    return [OURS, *([BASELINE] if _nginx() else []), DIRECT]


def allow_many_connections() -> int:
    """Raises this process's limit of open files, which its children inherit; returns what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


@contextmanager
def emulator() -> Iterator[int]:
    """The emulator's port."""
    command = [sys.executable, "-m", "bench.emulator"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            _end(process)


@contextmanager
def running(name: str, emulator_port: int, directory: Path) -> Iterator[Peer]:
    """The peer, as soon as it listens. Its log goes into `directory`. Raises CannotRun."""
    if name == DIRECT:
        yield Peer(DIRECT, emulator_port)
        return
    with ExitStack() as stack:
        if name == BASELINE:
            pid, port, capped_port = stack.enter_context(_running_nginx(emulator_port, directory))
            yield Peer(name, port, capped_port, [pid], [pid])
            return
        pid, port = stack.enter_context(_running_frontdoor(emulator_port, directory))
        capped_pid, capped_port = stack.enter_context(_running_frontdoor(emulator_port, directory, CAP))
        yield Peer(name, port, capped_port, [pid], [capped_pid])


@contextmanager
def just_started(name: str, emulator_port: int, directory: Path) -> Iterator[tuple[float, list[int]]]:
    """Another copy of a proxy: the seconds from its start until it took a connection, and its processes."""
    begin = time.monotonic()
    if name == BASELINE:
        with _running_nginx(emulator_port, directory) as (pid, _, _):
            yield time.monotonic() - begin, family(pid)
    else:
        with _running_frontdoor(emulator_port, directory) as (pid, _):
            yield time.monotonic() - begin, family(pid)


@contextmanager
def _running_frontdoor(emulator_port: int, directory: Path, cap: int = 4096) -> Iterator[tuple[int, int]]:
    port = free_port()
    told = {
        "FRONTDOOR_HOST": HOST,
        "FRONTDOOR_PORT": str(port),
        "FRONTDOOR_BACKEND_URL": f"http://{HOST}:{emulator_port}",
        "FRONTDOOR_MAX_ACTIVE_GENERATIONS": str(cap),
    }
    environment = {name: text for name, text in os.environ.items() if not name.startswith("FRONTDOOR_")} | told
    with _running([sys.executable, "-m", "frontdoor"], environment, directory / "frontdoor.log", port) as pid:
        yield pid, port


_NGINX_CONF = """
worker_processes 1; daemon off; pid nginx.pid; error_log stderr warn;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; use epoll; }}
http {{
  access_log off; tcp_nodelay on; gzip off; keepalive_requests 100000000; keepalive_timeout 300s;
  client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  limit_conn_zone $server_name zone=cap:1m;
  upstream engine {{ server {host}:{engine}; keepalive 512; keepalive_requests 100000000; }}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_buffering off; proxy_read_timeout 600s; proxy_send_timeout 600s; client_body_buffer_size 256k;
  server {{ listen {host}:{port} backlog=4096; server_name plain; location / {{ proxy_pass http://engine; }} }}
  server {{
    listen {host}:{capped_port} backlog=4096; server_name capped;
    location / {{ limit_conn cap {cap}; limit_conn_status 503; error_page 503 @busy; proxy_pass http://engine; }}
    location @busy {{
      internal; default_type application/json; add_header Retry-After 1 always;
      return 503 '{{"error":{{"message":"at capacity","type":"overloaded","param":null,"code":"at_capacity"}}}}';
    }}
  }}
}}
"""


@contextmanager
def _running_nginx(emulator_port: int, directory: Path) -> Iterator[tuple[int, int, int]]:
    command = _nginx()
    assert command is not None
    port, capped_port = free_port(), free_port()
    prefix = directory / f"nginx-{port}"
    prefix.mkdir()
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    config = _NGINX_CONF.format(
        host=HOST,
        engine=emulator_port,
        port=port,
        capped_port=capped_port,
        cap=CAP,
        files=files,
        connections=files // 2,
    )
    (prefix / "nginx.conf").write_text(config)
    arguments = [command, "-p", f"{prefix}/", "-c", "nginx.conf", "-e", "stderr"]
    with _running(arguments, dict(os.environ), directory / "nginx.log", port) as pid:
        yield pid, port, capped_port


def _nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path, port: int) -> Iterator[int]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=_end_with_parent,
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace")[-2000:]
                raise CannotRun(f"{' '.join(command)} does not listen. It said:\n{said}")
            time.sleep(0.001)  # how long it takes is a figure of the bench; `processes.until` looks every 10 ms
        yield process.pid
    finally:
        _end(process)


def _end_with_parent() -> None:
    """Nothing is left behind, not even by a SIGKILL. Source: PR_SET_PDEATHSIG of prctl(2)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
