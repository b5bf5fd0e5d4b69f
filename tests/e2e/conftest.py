"""One Label Studio installation and one first start serve all end-to-end tests; each gets a copy of the data."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.running_demo import RunningDemo, processes_left, start_demo

_REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class FirstStart:
    """What a demo on an empty folder did, from start to SIGTERM."""

    data: Path
    output: str
    tasks: list[dict[str, object]]
    exit_status: int
    left: dict[int, str]


@pytest.fixture(scope="session")
def label_studio() -> Path:
    """Label Studio's virtual environment: $SQUEEZESAM_LABEL_STUDIO, else one in the clone that later runs reuse."""
    return Path(os.environ.get("SQUEEZESAM_LABEL_STUDIO", _REPOSITORY / ".cache" / "label-studio"))


@pytest.fixture(scope="session")
def first_start(label_studio: Path, tmp_path_factory: pytest.TempPathFactory) -> FirstStart:
    demo = start_demo(tmp_path_factory.mktemp("first") / "data", label_studio)
    tasks = demo.tasks()
    exit_status = demo.end(signal.SIGTERM)
    return FirstStart(demo.data, demo.output, tasks, exit_status, processes_left(demo.data))


@pytest.fixture(scope="module")
def again(
    first_start: FirstStart, label_studio: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., RunningDemo]]:
    """Starts demos, each on a copy of its own of the first start's data; what still runs at the end is killed."""
    with ExitStack() as stack:

        def start(**options: int) -> RunningDemo:
            data = tmp_path_factory.mktemp("again") / "data"
            shutil.copytree(first_start.data, data, ignore=shutil.ignore_patterns("*.sock"))
            demo = start_demo(data, label_studio, **options)
            stack.callback(demo.process.kill)
            return demo

        yield start
