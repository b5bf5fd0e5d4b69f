"""The demo's composition root: what `squeezesam demo` starts, in which order, and what it tells."""

import fcntl
import os
import signal
import time
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import httpx
import typer
from rich.console import Console

from backend.demo import credentials, installation, project, queue_server, servers
from backend.demo.credentials import Credentials
from backend.demo.ports import HOST, free_port
from backend.demo.processes import Child, wait_until_healthy
from backend.jobs import RedisJobs
from backend.label_studio import LabelStudio
from squeezesam_core.errors import SqueezeSAMError

_PHOTOS = Path(__file__).with_name("photos")
_LABEL_STUDIO_SECONDS = 600.0  # the first start migrates a database, on a slow machine too
_BACKEND_SECONDS = 180.0  # seconds are enough, but for a machine that is busy
_WATCH_SECONDS = 0.5
_REQUEST_SECONDS = 100.0  # what Label Studio itself grants a prediction


class DemoRunningError(SqueezeSAMError):
    """Two demos on one data folder."""


def run(data: Path, port: int, backend_port: int, label_studio: Path | None, browser: bool) -> None:
    """Start everything, tell where it is, and watch it until Ctrl-C; the arguments are the command's (cli.py)."""
    console = Console(soft_wrap=True, highlight=False)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell that starts us in the background has SIGINT ignored
        signal.signal(number, _interrupt)
    data = data.resolve()
    logs = data / "logs"
    try:
        with _only_demo(data), ExitStack() as stack:
            venv = label_studio.resolve() if label_studio else data / "label-studio-venv"
            _ensure_installed(console, venv, logs / "install.log")
            login = credentials.load_or_create(data / "credentials.json")
            queue, children = _start_queue(data / "queue", logs / "queue.log")
            for child in children:
                stack.callback(child.stop)

            address = _address(console, "Label Studio", port)
            server = servers.start_label_studio(venv, data / "label-studio", logs / "label-studio.log", address, login)
            stack.callback(server.stop)
            backend = _address(console, "The backend", backend_port)
            versions = data / "versions"  # empty, so the weights that ship serve, until a round of fine-tuning wins
            versions.mkdir(exist_ok=True)
            environment = servers.environment(address, login, queue, versions)
            service = servers.start_backend(logs / "backend.log", backend, environment)
            stack.callback(service.stop)
            for child in (
                servers.start_worker(logs / "worker.log", environment),
                servers.start_scheduler(logs / "scheduler.log", environment),
            ):
                children.append(child)
                stack.callback(child.stop)
            with console.status("Starting Label Studio and the backend (the first start takes a minute or two)"):
                wait_until_healthy(service, f"{backend}/health", _BACKEND_SECONDS)
                wait_until_healthy(server, f"{address}/health", _LABEL_STUDIO_SECONDS)

            url = _prepare_project(console, address, backend, login, RedisJobs(queue))
            console.print(_welcome(url, login, logs))
            if browser:
                webbrowser.open(url)
            _watch([*children, server, service])
    except KeyboardInterrupt:
        console.print("Stopped. The next `squeezesam demo` finds everything again.")
    except SqueezeSAMError as error:
        console.print(error.cause, error.remedy, sep="\n", markup=False, style="red")
        raise typer.Exit(1) from error


@contextmanager
def _only_demo(data: Path) -> Iterator[None]:
    """Hold the data folder's lock; the kernel lets go of it however the process ends."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoRunningError(
                f"A demo runs already with the data folder {data}.",
                "Stop that one, or name another folder with --data.",
            ) from error
        yield


def _ensure_installed(console: Console, venv: Path, log: Path) -> None:
    if installation.is_installed(venv):
        return
    began = time.monotonic()
    with console.status("Installing Label Studio") as status:
        for step in installation.install(venv, log):
            status.update(f"Installing Label Studio, {time.monotonic() - began:.0f} s: {step}")
    console.print(f"Installed {installation.LABEL_STUDIO} in {time.monotonic() - began:.0f} s.")


def _start_queue(directory: Path, log: Path) -> tuple[str, list[Child]]:
    """The queue's address, and its server unless that one is another's."""
    given = os.environ.get("REDIS_URL")
    if given:
        queue_server.check(given)
        return given, []
    child, address = queue_server.start_embedded(directory, log)
    return address, [child]


def _address(console: Console, name: str, wished: int) -> str:
    port = free_port(wished)
    if port != wished:
        console.print(f"{name}: port {wished} is taken, using {port}.")
    return f"http://{HOST}:{port}"


def _prepare_project(console: Console, address: str, backend: str, login: Credentials, jobs: RedisJobs) -> str:
    with (
        httpx.Client(timeout=_REQUEST_SECONDS, trust_env=False) as client,
        console.status("Preparing the project") as status,
    ):
        label_studio = LabelStudio(address, login.token, client)
        number = project.find_or_create(label_studio)
        project.import_photos(label_studio, client, number, sorted(_PHOTOS.glob("*.jpg")))
        project.use_backend(label_studio, number, backend)
        for job in project.pre_annotate(label_studio, jobs, number, backend):
            status.update(f"Pre-annotating: {job.message or job.state}")
        empty = project.without_mask(label_studio, number)
    if empty:
        console.print(f"{empty} photos have no mask; {backend}/status says what went wrong, if anything did.")
    return f"{address}/projects/{number}/data"


def _welcome(url: str, login: Credentials, logs: Path) -> str:
    return f"""
[bold]{url}[/]
  login     {login.email}
  password  {login.password}
  logs      {logs}

Log in and open a photo: its main object is masked already. Turn on Auto-Annotation at the bottom, then
  choose Smart click and Ctrl+click what the mask lacks, Ctrl+Alt+click what it should not have (Cmd on a Mac),
  or choose Smart box and drag one around another object; accept the suggestion (the tick), then Submit.
Ctrl-C stops everything."""


def _watch(children: list[Child]) -> None:
    while True:
        for child in children:
            child.require_running()
        time.sleep(_WATCH_SECONDS)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """SIGTERM ends the demo as Ctrl-C does, and both end it wherever it was started."""
    raise KeyboardInterrupt
