"""Write an int8 copy of a teacher of U²-Net's interface, which draws maps in a third of the time.

    python docs/make_int8_teacher.py ~/.cache/squeezesam/peers/u2net.onnx --photos DIR -o u2net.int8.onnx

The file is for `squeezesam dataset teach maps --network`, on a CPU with VNNI. Tells how far the two agree on photos of
DIR that the ranges were not taken from, and what a photo costs on one thread.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import version_converter

from export.calibrate import Feeds
from export.quantize import quantize
from squeezesam_core.fusion import detail_of, normalise, resize
from squeezesam_core.geometry import Frame
from squeezesam_core.masks import iou
from squeezesam_core.ort_session import OrtDetector, load_detector
from squeezesam_core.records import PhotoFolder, read_image
from training.datasets.problems import Tally

PER_CHANNEL_OPSET = 13
"""The first opset in which weights may have a scale for each channel."""
RANGES_FROM, COMPARED = 40, 40
"""Photos."""


def inputs(teacher: OrtDetector, photos: Path) -> Iterator[NDArray[np.float32]]:
    """Photos of a folder in random order, the same every time, as the network sees them: (3, H, W) float32."""
    paths = sorted(PhotoFolder(photos, Tally()))
    Random(0).shuffle(paths)
    for path in paths:
        image = read_image(path)
        frame = Frame.fit((image.shape[1], image.shape[0]), teacher.spec)
        yield normalise(resize(detail_of(image), frame.network))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("teacher", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", "-o", type=Path, required=True)
    options = parser.parse_args()
    given = load_detector(options.teacher)
    shown = inputs(given, options.photos)
    graph = onnx.load(str(options.teacher))
    feeds: list[Feeds] = [{graph.graph.input[0].name: pixels[None]} for pixels in islice(shown, RANGES_FROM)]
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder, "converted.onnx")
        onnx.save(version_converter.convert_version(graph, PER_CHANNEL_OPSET), str(converted))
        quantize(converted, options.out, feeds, operators=("Conv",), keep_float=None, every_cpu=False)
    made = load_detector(options.out)
    agreement, seconds = [], np.zeros(2)
    for pixels in islice(shown, COMPARED):
        maps = []
        for number, session in enumerate((given, made)):
            begun = time.perf_counter()
            maps.append(session.run(pixels))
            seconds[number] += time.perf_counter() - begun
        if (maps[0] > 0.5).any():
            agreement.append(iou(maps[1] > 0.5, maps[0] > 0.5))
    before, after = seconds / COMPARED
    agreed = f"IoU of the two maps over 0.5: {np.mean(agreement):.3f}"
    sys.stdout.write(f"{agreed}; seconds a photo: {before:.2f} and {after:.2f}\n")


if __name__ == "__main__":
    main()
