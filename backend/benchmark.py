"""From a click to the reply, over HTTP and on one core: `squeezesam bench --suite http`."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import cv2
import httpx

from squeezesam_core.benchmark import PHOTOS, Row, photograph
from squeezesam_core.errors import SqueezeSAMError

NAMES = ("cold_click_1mpx", "warm_click_1mpx", "preannotate_1mpx")
CONFIG = """<View><Image name="image" value="$image"/>
<BrushLabels name="brush" toName="image"><Label value="Object"/></BrushLabels>
<KeyPointLabels name="keypoint" toName="image" smart="true"><Label value="Object"/></KeyPointLabels></View>"""
START_TIMEOUT = 60.0
"""Seconds."""


def http(weights: Path, repeats: int) -> list[Row]:
    """Rows of the time from request to reply at 1 megapixel.

    cold: the first click on a photo (read, decode, detector, segmenter); warm: later clicks on it; preannotate: the
    salient object of a photo not seen before. The photos are local JPEG files. If the backend does not start, each row
    says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for index in range(2 * repeats + 1):
            photo = photograph(PHOTOS["1mpx"], seed=index)
            cv2.imwrite(str(root / f"{index}.jpg"), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
        try:
            with _backend(weights, root) as client:
                _predict(client, 0, click=True)  # a process's first request costs more than any later one
                cold = [_predict(client, 1 + index, click=True) for index in range(repeats)]
                warm = [_predict(client, 1 + index % repeats, click=True) for index in range(repeats)]
                before = [_predict(client, 1 + repeats + index, click=False) for index in range(repeats)]
        except SqueezeSAMError as error:
            return [Row(name, reason=error.cause) for name in NAMES]
    return [Row.of(name, times) for name, times in zip(NAMES, (cold, warm, before), strict=True)]


def _predict(client: httpx.Client, photo: int, click: bool) -> float:
    """One request; the time to its reply in ms. Raises SqueezeSAMError if the reply holds no prediction."""
    body: dict[str, Any] = {
        "tasks": [{"id": photo, "data": {"image": f"/data/local-files/?d={photo}.jpg"}}],
        "label_config": CONFIG,
        "params": {"context": {"result": [_CLICK]} if click else None},
    }
    start = time.perf_counter()
    reply = client.post("/predict", json=body)
    milliseconds = 1000 * (time.perf_counter() - start)
    if reply.status_code != httpx.codes.OK:
        raise SqueezeSAMError(f"The backend answers {reply.status_code}: {reply.text}", "See its cause and remedy.")
    return milliseconds


_CLICK = {
    "id": "click",
    "type": "keypointlabels",
    "from_name": "keypoint",
    "original_width": PHOTOS["1mpx"][0],
    "original_height": PHOTOS["1mpx"][1],
    "image_rotation": 0,
    "is_positive": 1,
    "value": {"x": 50, "y": 50, "width": 0.2, "keypointlabels": ["Object"]},
}


@contextmanager
def _backend(weights: Path, root: Path) -> Iterator[httpx.Client]:
    """`squeezesam serve` on a free loopback port and, where the system can, on one core."""
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"SQUEEZESAM_WEIGHTS": str(weights), "SQUEEZESAM_LOCAL_FILES_ROOT": str(root), "OMP_NUM_THREADS": "1"}
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SQUEEZESAM_", "LABEL_STUDIO_"))}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.cli", "serve", "--host", "127.0.0.1", "--port", str(port)],
            env=environment | settings,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0, trust_env=False) as client:
                if not _answers(client, process):
                    log.seek(0)
                    last = log.read().decode(errors="replace").strip().splitlines()[-2:]
                    raise SqueezeSAMError(f"The backend does not start: {' '.join(last)}", "Try `squeezesam serve`.")
                yield client
        finally:
            process.terminate()
            process.wait(10)


def _answers(client: httpx.Client, process: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return client.get("/health").is_success
        except httpx.ConnectError:
            time.sleep(0.1)
    return False
