"""A server process on a loopback port, held to some of the machine's cores."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import httpx

from squeezesam_core.errors import SqueezeSAMError

START_SECONDS = 300.0
TUNING = ("SQUEEZESAM_THREADS", "SQUEEZESAM_CONCURRENCY")
"""What a benchmark may compare."""


class ServerError(SqueezeSAMError):
    """A server that does not start, or answers with an error."""


@dataclass(frozen=True)
class Server:
    """A server that answers. process: its number; url: http://127.0.0.1:PORT."""

    process: int
    url: str

    def client(self) -> httpx.Client:
        """A client of its own, as every annotator has."""
        return httpx.Client(base_url=self.url, timeout=120.0, trust_env=False)

    def memory(self) -> float | None:
        """Resident memory in MiB; None where the system does not tell."""
        status = Path(f"/proc/{self.process}/status")
        if not status.is_file():
            return None
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@contextmanager
def serving(module: str, arguments: Sequence[str], settings: Mapping[str, str], cores: int) -> Iterator[Server]:
    """`python -m module ARGUMENTS --port PORT` until it answers GET /health; ended afterwards.

    settings: its environment beside this process's, of which only TUNING is kept of what SqueezeSAM and Label Studio
    read.
    Raises ServerError with its last words if it does not start.
    """
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = ("SQUEEZESAM_", "LABEL_STUDIO_")
    inherited = {k: v for k, v in os.environ.items() if k in TUNING or not k.startswith(ours)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, "--port", str(port)],
            env={**inherited, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[-cores:])
            server = Server(process.pid, f"http://127.0.0.1:{port}")
            if not _answers(server, process):
                log.seek(0)
                last = log.read().decode(errors="replace").strip().splitlines()[-2:]
                raise ServerError(f"{module} does not start: {' '.join(last)}", f"Try `python -m {module}`.")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ask(client: httpx.Client, body: dict[str, Any]) -> tuple[float, list[dict[str, Any]]]:
    """One POST /predict: ms from its first byte until the reply is there, and the regions in it. Raises ServerError."""
    content = json.dumps(body).encode()
    start = time.perf_counter()
    reply = client.post("/predict", content=content, headers={"Content-Type": "application/json"})
    milliseconds = 1000 * (time.perf_counter() - start)
    if reply.status_code != httpx.codes.OK:
        raise ServerError(f"/predict answers {reply.status_code}: {reply.text[:500]}", "See its cause and remedy.")
    found: list[dict[str, Any]] = reply.json()["results"][0]["result"]
    return milliseconds, found


def _answers(server: Server, process: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + START_SECONDS
    with server.client() as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                return client.get("/health").is_success
            except httpx.ConnectError:
                time.sleep(0.1)
    return False
