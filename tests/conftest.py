"""Networks of the test's own: they satisfy the Session protocols, draw what the prompt says and remember what came."""

from uuid import uuid4

import numpy as np
import pytest
from hypothesis import settings

from backend.annotator import Annotator, Service
from backend.cache import ByteCache
from backend.images import Photo
from squeezesam_core.geometry import NetworkInput

settings.register_profile("any machine", deadline=None)  # a busy one is slow, not wrong
settings.load_profile("any machine")


class DrawingSegmenter:
    """The object is the previous mask, a disc around each click and the box, without a disc around each other click."""

    spec = NetworkInput(side=128)

    def __init__(self):
        self.calls = []

    def run(self, fused, points, labels):
        self.calls.append((fused, points, labels))
        _, height, width = fused.shape
        clicks, box, background, previous = fused[3:].reshape(4, height // 4, 4, width // 4, 4).max((2, 4))
        drawn = np.maximum(np.maximum(clicks, box), previous) * (1 - background)
        logits = np.repeat(drawn[None] * 10 - 5, 4, axis=0).astype(np.float32)
        return logits, np.full(4, 0.75, np.float32)


class CentreDetector:
    """A salient square in the middle; `salient` False makes the map flat."""

    spec = NetworkInput(side=128, channels=3)

    def __init__(self):
        self.salient = True
        self.calls = 0

    def run(self, image):
        self.calls += 1
        height, width = image.shape[1] // 4, image.shape[2] // 4
        saliency = np.zeros((height, width), np.float32)
        if self.salient:
            saliency[height // 4 : -height // 4, width // 4 : -width // 4] = 1
        return saliency


@pytest.fixture
def service():
    return Service(DrawingSegmenter(), CentreDetector(), "squeezesam-0123456789ab", "int8", "int8")


@pytest.fixture
def photos():
    """URL -> (width, height) of the photo there."""
    return {}


@pytest.fixture
def annotator(service, photos):
    def load(url):
        width, height = photos[url]
        return Photo.of(np.zeros((height, width, 3), np.uint8))

    return Annotator(service, load, ByteCache(2**24))


@pytest.fixture
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every prompt is one call of the network, on the whole photo: for tests that look at the calls.

    Without it there are looks through windows (test_zoom.py) and at the mirror image (test_mirror.py).
    """
    monkeypatch.setattr("squeezesam_core.zoom.window_around", lambda *_: None)
    monkeypatch.setattr("squeezesam_core.zoom.windows_near", lambda *_: [])
    monkeypatch.setattr("squeezesam_core.zoom.window_clear", lambda *_: None)
    monkeypatch.setattr("squeezesam_core.segmenter.mean_answer", lambda session, *inputs: session.run(*inputs))


@pytest.fixture(scope="session")
def s3():
    """The address of an S3 server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3, monkeypatch, tmp_path):
    """The URL of a folder in an empty bucket that this process and its children reach; what they fetch goes into
    tmp_path/cache."""
    import fsspec

    environment = {"AWS_ENDPOINT_URL": s3, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    for name, value in (environment | {"AWS_DEFAULT_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    name = f"bucket-{uuid4().hex}"
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}/models"
