"""`squeezesam demo` from an empty folder to nothing left behind (issue 4, item 8)."""

import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.demo import ports
from tests.e2e.conftest import FirstStart
from tests.e2e.running_demo import RunningDemo, processes_left, processes_of

pytestmark = pytest.mark.e2e

PHOTOS = sorted((Path(ports.__file__).parent / "photos").glob("*.jpg"))


def test_first_start_imports_and_masks_every_photo(first_start: FirstStart) -> None:
    images = sorted(task["data"]["image"].partition("-")[2] for task in first_start.tasks)
    masked = [task["data"]["image"] for task in first_start.tasks if task["predictions"][0]["result"]]
    assert images == [photo.name for photo in PHOTOS]
    assert len(masked) >= len(PHOTOS) - 1, first_start.output


def test_sigterm_stops_everything(first_start: FirstStart) -> None:
    assert (first_start.exit_status, first_start.left) == (0, {})


def test_credentials_are_private(first_start: FirstStart) -> None:
    assert (first_start.data / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_second_start_takes_other_ports_and_doubles_nothing(
    first_start: FirstStart, again: Callable[..., RunningDemo]
) -> None:
    with socket.socket() as taken:
        taken.bind((ports.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = again(port=port)
        assert f"port {port} is taken" in demo.output
        assert not demo.address.endswith(f":{port}")
    backends = demo.get(f"/api/ml?project={demo.project}")
    hooks = demo.get(f"/api/webhooks/?project={demo.project}")
    assert [task["id"] for task in demo.tasks()] == [task["id"] for task in first_start.tasks]
    assert all(task["total_predictions"] == 1 for task in demo.tasks())
    assert [backend["readable_state"] for backend in backends] == ["Connected"]
    assert [hook["url"] for hook in hooks] == [f"{backends[0]['url']}/webhook"]
    assert demo.end(signal.SIGINT) == 0
    assert processes_left(demo.data) == {}


def test_sigkill_leaves_no_process(again: Callable[..., RunningDemo]) -> None:
    demo = again()
    running = " ".join(processes_of(demo.data).values())
    assert "label-studio start" in running
    assert all(f"squeezesam {command}" in running for command in ("serve", "worker", "scheduler"))
    assert ".sock" in running
    demo.end(signal.SIGKILL)
    assert processes_left(demo.data) == {}
