"""A small Label Studio on a port of this machine: the routes of tasks and predictions as version 1.23 answers them."""

import io
import json
import math
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

CONFIG = """<View><Image name="image" value="$image"/>
<BrushLabels name="brush" toName="image"><Label value="Object"/></BrushLabels>
<KeyPointLabels name="kp" toName="image" smart="true"><Label value="Object"/></KeyPointLabels>
<RectangleLabels name="box" toName="image" smart="true"><Label value="Object"/></RectangleLabels></View>"""
LEGACY_KEY = "0" * 40
PERSONAL_KEY = "head.personal.signature"
ACCESS = "access-1"


class Project:
    """Tasks and predictions of project 1, and how often each route was called.

    most: with so many predictions stored, whoever sends another one waits for the answer until `release`. held: how
    many wait.
    """

    def __init__(self) -> None:
        self.tasks: dict[int, dict[str, Any]] = {}
        self.predictions: dict[int, dict[str, Any]] = {}
        self.annotations: dict[int, list[dict[str, Any]]] = {}
        self.calls: Counter[str] = Counter()
        self.refused: list[str] = []
        self.url = ""
        self.keeps_results = True
        self.most = math.inf
        self.held = 0
        self.gate = threading.Condition()

    def add_tasks(self, count: int, image: str = "/data/upload/photo.png") -> list[int]:
        numbers = [len(self.tasks) + 1 + offset for offset in range(count)]
        for number in numbers:
            self.tasks[number] = {"id": number, "data": {"image": image}, "annotations": [{"id": 900 + number}]}
        return numbers

    def annotate(self, task: int, image: str, *regions: dict[str, Any], **fields: Any) -> None:
        """Give a task the photo `image` and one more annotation; fields: was_cancelled and the like."""
        annotations = self.annotations.setdefault(task, [])
        annotation = {"id": 9000 + len(annotations), "result": list(regions), "was_cancelled": False, "lead_time": 9.5}
        annotations.append({**annotation, "updated_at": "2026-11-26T10:00:00Z", "completed_by": 1, **fields})
        self.tasks[task] = {"id": task, "data": {"image": image}, "total_annotations": len(annotations)}

    def predict(self, task: int, model_version: str) -> int:
        return self._store({"task": task, "result": [], "score": 0.5, "model_version": model_version})

    def versions(self, task: int) -> list[str]:
        return sorted(p["model_version"] for p in self.predictions.values() if p["task"] == task)

    def listed(self, query: dict[str, Any], size: int) -> dict[str, Any]:
        after, versions = query["filters"]["items"]
        assert (after["filter"], after["operator"]) == ("filter:tasks:id", "greater")
        assert (versions["filter"], versions["operator"]) == ("filter:tasks:predictions_model_versions", "not_contains")
        assert query["ordering"] == ["tasks:id"]
        found = [task for number, task in sorted(self.tasks.items()) if number > after["value"]]
        tasks = [
            {
                **task,
                "predictions_model_versions": ", ".join(sorted(set(self.versions(task["id"])))),
                "total_predictions": len(self.versions(task["id"])),
            }
            for task in found[:size]
        ]
        return {"tasks": tasks, "total": len(found)}

    def release(self) -> None:
        """Store what is held, and hold nothing any more."""
        with self.gate:
            self.most = math.inf
            self.gate.notify_all()
            self.gate.wait_for(lambda: self.held == 0)

    def _receive(self, prediction: dict[str, Any]) -> int:
        with self.gate:
            if len(self.predictions) >= self.most:
                self.held += 1
                self.gate.wait_for(lambda: len(self.predictions) < self.most)
                self.held -= 1
                self.gate.notify_all()
            return self._store(prediction)

    def _store(self, prediction: dict[str, Any]) -> int:
        with self.gate:
            number = max(self.predictions, default=0) + 1
            self.predictions[number] = {"id": number, **prediction, "result": prediction["result"] * self.keeps_results}
        return number

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        self.calls[f"{method} {path.rstrip('/').rstrip('0123456789')}"] += 1
        match method, path.strip("/").split("/"):
            case "GET", ["api", "projects", "1"]:
                return 200, {"id": 1, "label_config": CONFIG}
            case "GET", ["api", "tasks"]:
                return 200, self.listed(json.loads(query["query"][0]), int(query["page_size"][0]))
            case "GET", ["api", "tasks", number, "annotations"]:
                return 200, self.annotations[int(number)]
            case "GET", ["api", "predictions"]:
                return 200, [p for p in self.predictions.values() if p["task"] == int(query["task"][0])]
            case "POST", ["api", "predictions"]:
                return 201, {"id": self._receive(body)}
            case "DELETE", ["api", "predictions", number]:
                del self.predictions[int(number)]
                return 204, None
            case "POST", ["api", "token", "refresh"]:
                return (200, {"access": ACCESS}) if body == {"refresh": PERSONAL_KEY} else (401, {})
            case "GET", ["data", "upload", "photo.png"]:
                return 200, PHOTO
            case "GET", ["data", "upload", name] if name.startswith("disc-"):
                return 200, _encoded(disc(int(name.removeprefix("disc-").removesuffix(".png")))[0])
            case "GET", ["data", "upload", "broken.png"]:
                return 200, b"this is no photo"
        return 404, {"detail": "Not found."}


@contextmanager
def label_studio_server() -> Iterator[Project]:
    """The server, until the block ends; `url` of what it yields is its address."""
    project = Project()

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            allowed = self.headers.get("Authorization") in (f"Token {LEGACY_KEY}", f"Bearer {ACCESS}")
            status, reply = 401, {"detail": "Invalid token."}
            if allowed or parts.path == "/api/token/refresh":
                body = json.loads(raw) if raw else None
                status, reply = project.answer(self.command, parts.path, parse_qs(parts.query), body)
            else:
                project.refused.append(self.path)
            content = reply if isinstance(reply, bytes) else b"" if reply is None else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = handle_one

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    project.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield project
    finally:
        project.release()
        server.shutdown()
        server.server_close()


def disc(number: int) -> tuple[np.ndarray, np.ndarray]:
    """The photo at /data/upload/disc-NUMBER.png, (96, 128, 3) uint8 RGB, and the mask of its bright disc, (96, 128)."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[:96, :128]
    mask = np.hypot(rows - rng.integers(35, 60), columns - rng.integers(40, 90)) < 25
    photo = rng.integers(0, 60, (96, 128, 3), np.uint8)
    photo[mask] += 150
    return photo, mask


def _photo() -> bytes:
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[20:40, 30:50] = 255
    return _encoded(pixels)


def _encoded(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


PHOTO = _photo()
