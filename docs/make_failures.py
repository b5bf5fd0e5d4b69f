"""Draw docs/images/failures.jpg: prompts on the demo's photos that the weights that ship answer badly.

    python docs/make_failures.py

The model card (weights/README.md) says what is wrong with each; one that a later version gets right comes off the list.
"""

from pathlib import Path

from strips import OBJECT, Image, clicked, tinted, write_strip

from squeezesam_core.detector import detect
from squeezesam_core.fusion import prepare
from squeezesam_core.ort_session import load_detector, load_segmenter
from squeezesam_core.prompts import Point, Prompt
from squeezesam_core.registry import default_weights
from squeezesam_core.samples import read_image
from squeezesam_core.segmenter import segment

ROOT = Path(__file__).parents[1]
CLICKS = {"photographer": (250, 250), "coffee": (480, 200), "flower": (60, 60), "rocket": (100, 400)}
"""By photo, in its pixels."""
CLICK = (0, 158, 255)


def main() -> None:
    write_strip(ROOT / "docs/images/failures.jpg", [answered(name, *place) for name, place in CLICKS.items()])


def answered(name: str, x: float, y: float) -> Image:
    """The photo with the click and its mask, as the service draws it."""
    photo = read_image(ROOT / f"backend/demo/photos/{name}.jpg")
    session, detector = load_segmenter(default_weights() / "squeezesam"), load_detector(default_weights() / "saliency")
    prompt = Prompt((Point(x, y),))
    mask = segment(session, prepare(photo, session.spec), prompt, saliency=detect(detector, photo)).mask
    return clicked(tinted(photo, mask, OBJECT), x, y, CLICK)


if __name__ == "__main__":
    main()
