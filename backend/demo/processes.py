"""Child processes on a leash: each has a log file, and none outlives the demo, however the demo ends."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from backend.leash import leash
from squeezesam_core.errors import SqueezeSAMError

_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.2
_TAIL_LINES = 15


class ProcessError(SqueezeSAMError):
    """A child process that did not start, did not answer, or ended by itself."""


@dataclass(frozen=True)
class Child:
    """A running process, its name for messages, and the file that holds what it says."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def stop(self) -> None:
        """Ask the whole process group to end; kill what is left after ten seconds."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def require_running(self) -> None:
        """Raise ProcessError with the end of the log if the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise ProcessError(
                f"{self.name} ended with exit status {code}. The end of its log:\n{_tail(self.log)}",
                f"The whole log is {self.log}. Mend what it names, then start the demo again.",
            )


def start(name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> Child:
    """Start `argv` with `env` added to this environment; both output streams go to the file `log`.

    The process leads a group of its own, so a Ctrl-C in the terminal reaches the demo alone, which then stops its
    children in order. On Linux the kernel kills the process when the demo dies without doing so (SIGKILL); call this
    from the main thread, because that signal is tied to the thread that starts the process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                list(argv),
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=leash(),  # noqa: PLW1509 - no Python lock is taken in there, and the process is about to exec
            )
        except OSError as error:
            raise ProcessError(
                f"{name} cannot be started: {error}.", f"Check that {argv[0]} exists and runs."
            ) from error
    return Child(name, process, log)


def follow(name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator[str]:
    """Run `argv` to its end, yielding the newest line of its log a few times a second.

    Raises ProcessError when the exit status is not 0. The process is stopped when the iteration is interrupted.
    """
    child = start(name, argv, env, log)
    try:
        while child.process.poll() is None:
            yield _tail(log, 1).strip()
            time.sleep(_POLL_SECONDS)
    finally:
        child.stop()
    if child.process.returncode:
        child.require_running()


def wait_until_healthy(child: Child, url: str, seconds: float) -> None:
    """Return as soon as GET `url` answers 200; raise ProcessError if the child ends or `seconds` pass."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        child.require_running()
        try:
            if httpx.get(url, timeout=5.0, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(_POLL_SECONDS)
    raise ProcessError(
        f"{child.name} did not answer at {url} within {seconds:.0f} s. The end of its log:\n{_tail(child.log)}",
        f"The whole log is {child.log}. On a very slow machine, starting again goes on where this start got to.",
    )


def _tail(log: Path, lines: int = _TAIL_LINES) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
