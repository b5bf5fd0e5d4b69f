"""MobileSAM behind the same kind of server as ours, so that `squeezesam bench --suite http` compares like with like.

    python -m squeezesam_core.evaluation.peers.serve --root FOLDER --port PORT

The same web server, requests, photos and run-length code; the embedding of a photo is kept, as its own demo does. It
reads only clicks, and has no answer before the first one.
"""

import sys
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from squeezesam_core import rle
from squeezesam_core.errors import SqueezeSAMError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from squeezesam_core.evaluation.peers.mobilesam import Embedding, MobileSam

PREFIX = "/data/local-files/?d="


def serve(
    root: Annotated[Path, typer.Option(help="Folder of the photos.")],
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")],
) -> None:
    """Serve until ended."""
    import uvicorn

    from squeezesam_core.evaluation.peers.mobilesam import MobileSam

    try:
        model = MobileSam.load()
    except SqueezeSAMError as error:
        typer.echo(f"{error.cause} {error.remedy}", err=True)
        sys.exit(1)
    uvicorn.run(create_app(model, root), host="127.0.0.1", port=port, log_level="warning")


def create_app(model: "MobileSam", root: Path) -> "FastAPI":
    """POST /predict as Label Studio sends it, for photos in `root`; GET /health."""
    from fastapi import Body, FastAPI

    app = FastAPI()
    embeddings: dict[str, Embedding] = {}
    lock = Lock()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "UP"}

    @app.post("/predict")
    def predict(body: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        context = (body["params"]["context"] or {"result": []})["result"]
        if not context:
            return {"results": [{"result": []} for _ in body["tasks"]]}
        name = Path(body["tasks"][0]["data"]["image"].removeprefix(PREFIX)).name
        with lock:  # one at a time: torch takes all threads for each
            if name not in embeddings:
                embeddings[name] = model.embed(_read(root / name))
            embedding = embeddings[name]
            percent = np.array([[click["value"]["x"], click["value"]["y"]] for click in context], np.float32)
            points = (percent * np.array(embedding.image) / 100).astype(np.float32)
            labels = np.array([int(click["is_positive"]) for click in context], np.int64)
            masks, iou, _ = model.predict(embedding, points, labels)
        value = {"format": "rle", "rle": rle.encode(masks[int(np.argmax(iou))]), "brushlabels": ["Object"]}
        return {"results": [{"result": [{"type": "brushlabels", "value": value}]}]}

    return app


def _read(path: Path) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


if __name__ == "__main__":
    typer.run(serve)
