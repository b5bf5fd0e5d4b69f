"""`squeezesam demo` as a process: started, waited for, talked to, ended, and looked for afterwards."""

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_READY = "Ctrl-C stops everything."
SQUEEZESAM = Path(sys.executable).with_name("squeezesam")


@dataclass(frozen=True)
class RunningDemo:
    """A demo that has said that it is ready; `output` is what it printed."""

    process: "subprocess.Popen[bytes]"
    data: Path
    output: str
    seconds: float

    @property
    def address(self) -> str:
        return _found(r"(http://[\w.:]+)/projects", self.output)

    @property
    def project(self) -> int:
        return int(_found(r"/projects/(\d+)", self.output))

    @property
    def login(self) -> dict[str, str]:
        """email, password, token."""
        login: dict[str, str] = json.loads((self.data / "credentials.json").read_text())
        return login

    def get(self, path: str) -> Any:
        """What Label Studio's API answers."""
        headers = {"Authorization": f"Token {self.login['token']}"}
        return httpx.get(f"{self.address}{path}", headers=headers, timeout=30.0).raise_for_status().json()

    def tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.get(f"/api/tasks?project={self.project}&fields=all")["tasks"]
        return tasks

    def end(self, signal: int) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(signal)
        return self.process.wait(30)


def start_demo(data: Path, label_studio: Path, port: int = 8080, seconds: float = 900.0) -> RunningDemo:
    """Start a demo and wait until it is ready; raises AssertionError with its output when it ends before."""
    began = time.monotonic()
    printed = data.with_suffix(".out")
    argv = [str(SQUEEZESAM), "demo", "--data", str(data), "--label-studio", str(label_studio), "--port", str(port)]
    with printed.open("wb") as file:
        process = subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT)
    while _READY not in printed.read_text():
        assert process.poll() is None, printed.read_text()
        assert time.monotonic() - began < seconds, printed.read_text()
        time.sleep(0.1)
    return RunningDemo(process, data, printed.read_text(), time.monotonic() - began)


def processes_of(data: Path) -> dict[int, str]:
    """Every process that has the data folder in its arguments or environment: its number and arguments."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:  # it ended just now, or is another user's
            continue
        if str(data).encode() in arguments + environment:
            found[int(folder.name)] = arguments.replace(b"\0", b" ").decode()
    return found


def processes_left(data: Path, seconds: float = 10.0) -> dict[int, str]:
    """What processes_of still finds after it was given up to `seconds` to find nothing."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(data)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text
    return match[1]
