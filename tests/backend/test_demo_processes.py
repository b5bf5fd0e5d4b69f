"""The leash on the demo's children, without Label Studio."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.demo.processes import Child, ProcessError, follow, start, wait_until_healthy

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
FAIL = [sys.executable, "-c", "import sys; sys.exit('the disk is full')"]


def test_stop_ends_the_process(tmp_path: Path) -> None:
    child = start("sleeper", SLEEP, {}, tmp_path / "log")
    child.require_running()
    child.stop()
    assert child.process.returncode == -signal.SIGTERM


def ended(tmp_path: Path) -> Child:
    child = start("worker", FAIL, {}, tmp_path / "log")
    child.process.wait()
    return child


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(lambda path: ended(path).require_running(), id="watched"),
        pytest.param(lambda path: wait_until_healthy(ended(path), "http://127.0.0.1:9", 5), id="waited-for"),
        pytest.param(lambda path: list(follow("worker", FAIL, {}, path / "log")), id="followed"),
    ],
)
def test_a_process_that_failed_is_reported_with_its_log(tmp_path: Path, look: Callable[[Path], object]) -> None:
    with pytest.raises(ProcessError) as caught:
        look(tmp_path)
    assert "worker ended with exit status 1" in caught.value.cause
    assert "the disk is full" in caught.value.cause
    assert str(tmp_path / "log") in caught.value.remedy


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="no-such-program"):
        start("worker", [str(tmp_path / "no-such-program")], {}, tmp_path / "log")


def test_a_server_that_stays_silent_is_reported(tmp_path: Path) -> None:
    child = start("sleeper", SLEEP, {}, tmp_path / "log")
    try:
        with pytest.raises(ProcessError, match="did not answer"):
            wait_until_healthy(child, "http://127.0.0.1:9", 0.5)
    finally:
        child.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends children with their parent on Linux only")
def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    parent = textwrap.dedent(
        f"""
        import pathlib, time
        from backend.demo.processes import start
        child = start("sleeper", {SLEEP!r}, {{}}, pathlib.Path({str(tmp_path / "log")!r}))
        print(child.process.pid, flush=True)
        time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        os.kill(child, 0)
        process.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """False too for a zombie, which nobody has waited for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second if it goes between open and read
        return False
