"""The peer's server takes the benchmark's requests: photos by name, clicks in percent, a mask as run-length code."""

from types import SimpleNamespace

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image

from squeezesam_core import rle
from squeezesam_core.evaluation.peers.serve import create_app

BEST = np.arange(60 * 80).reshape(60, 80) % 80 < 30


class Model:
    def __init__(self):
        self.embedded = []
        self.asked = []

    def embed(self, image):
        self.embedded.append(image.shape)
        return SimpleNamespace(image=(image.shape[1], image.shape[0]))

    def predict(self, embedding, points, labels):
        self.asked.append((points.tolist(), labels.tolist()))
        return np.stack([~BEST, BEST, ~BEST]), np.array([0.1, 0.9, 0.2]), None


def body(*clicks):
    context = [{"value": {"x": x, "y": y}, "is_positive": positive} for x, y, positive in clicks]
    task = {"id": 1, "data": {"image": "/data/local-files/?d=a.png"}}
    return {"tasks": [task], "params": {"context": {"result": context} if clicks else None}}


def test_a_photo_is_embedded_once_and_the_best_mask_is_the_answer(tmp_path):
    Image.new("RGB", (80, 60)).save(tmp_path / "a.png")
    model = Model()
    client = TestClient(create_app(model, tmp_path))
    assert client.get("/health").is_success
    assert client.post("/predict", json=body()).json() == {"results": [{"result": []}]}
    for clicks in ([(50, 50, True)], [(50, 50, True), (25, 10, False)]):
        [region] = client.post("/predict", json=body(*clicks)).json()["results"][0]["result"]
        np.testing.assert_array_equal(rle.decode(region["value"]["rle"], (80, 60)), BEST)
    assert model.embedded == [(60, 80, 3)]
    assert model.asked[-1] == ([[40, 30], [20, 6]], [1, 0])
