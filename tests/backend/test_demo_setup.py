"""What the demo prepares before anything runs: credentials, ports, installation, queue, photos, configuration."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from backend import demo
from backend.demo import credentials, installation, queue_server
from backend.demo.ports import HOST, PortError, free_port

DEMO = Path(demo.__file__).parent
PHOTOS = sorted(DEMO.joinpath("photos").glob("*.jpg"))


def test_credentials_are_drawn_once_and_are_private(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    first = credentials.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert credentials.load_or_create(path) == first
    assert credentials.load_or_create(tmp_path / "other.json").password != first.password


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port(port) <= port + 50


def test_no_port_left_is_an_error() -> None:
    with pytest.raises(PortError, match="--port"):
        free_port(65536)


@pytest.mark.parametrize(
    ("files", "installed"),
    [
        ({}, False),
        ({"bin/label-studio": ""}, False),
        ({"installation-finished": installation.LABEL_STUDIO}, False),
        ({"bin/label-studio": "", "installation-finished": "label-studio==1.0"}, False),
        ({"bin/label-studio": "", "installation-finished": installation.LABEL_STUDIO}, True),
    ],
    ids=["nothing", "interrupted", "emptied", "another-version", "finished"],
)
def test_only_a_finished_installation_counts(tmp_path: Path, files: dict[str, str], installed: bool) -> None:
    for name, text in files.items():
        tmp_path.joinpath(name).parent.mkdir(exist_ok=True)
        tmp_path.joinpath(name).write_text(text)
    assert installation.is_installed(tmp_path) is installed


def test_embedded_queue_keeps_its_data(tmp_path: Path) -> None:
    redis = pytest.importorskip("redis")
    for expected in (None, b"value"):
        child, url = queue_server.start_embedded(tmp_path / "queue", tmp_path / "log")
        try:
            client = redis.Redis.from_url(url)
            assert client.get("key") == expected
            client.set("key", "value")
        finally:
            child.stop()


def test_embedded_queue_comes_from_the_wheel_when_none_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    binary = Path(queue_server._server_binary())
    assert binary.name == "valkey-server"
    assert binary.is_file()


@pytest.mark.parametrize(
    ("act", "remedy"),
    [
        pytest.param(lambda: queue_server.check("redis://127.0.0.1:9"), "unset REDIS_URL", id="silent-server"),
        pytest.param(lambda: queue_server.check("nonsense"), "unset REDIS_URL", id="not-an-address"),
        pytest.param(
            lambda: queue_server.start_embedded(Path("/tmp") / ("x" * 120), Path("log")), "--data", id="path-too-long"
        ),
    ],
)
def test_queue_errors_say_what_to_do(act: Callable[[], object], remedy: str) -> None:
    with pytest.raises(queue_server.QueueError) as caught:
        act()
    assert remedy in caught.value.remedy


def test_photos_are_credited_small_and_one_is_rotated() -> None:
    credits = DEMO.joinpath("photos", "CREDITS.md").read_text()
    assert [photo.name for photo in PHOTOS if f"| {photo.name} |" not in credits] == []
    assert sum(photo.stat().st_size for photo in PHOTOS) < 2_000_000
    opened = {photo.name: Image.open(photo) for photo in PHOTOS}
    assert max(max(image.size) for image in opened.values()) <= 1024
    rotated = [name for name, image in opened.items() if ImageOps.exif_transpose(image).size != image.size]
    assert rotated == ["navy-officer.jpg"]
