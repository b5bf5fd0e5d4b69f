"""Protocols: how a model is asked for each object of a folder. Each yields one Case an object, never a whole folder.

- random-clicks: for each k, k random clicks of the object at once, on a new mask (paper, table 2)
- error-clicks: click after click at the centre of the largest error, each starting from the mask before (RITM)
- box: the object's true bounding box (paper, table 1)
- saliency: no prompt; detector, five clicks, mask (paper, Application)
- detector: no segmenter; the detector's map under Otsu's threshold
- from-mask: the saliency protocol's mask, then error-clicks that mend it, each starting from the mask as it is shown
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks
from squeezesam_core.errors import InvalidDatasetError, SqueezeSAMError
from squeezesam_core.evaluation import clickers
from squeezesam_core.evaluation.metrics import CLICK_LIMIT
from squeezesam_core.fusion import PreparedImage, prepare
from squeezesam_core.geometry import Size
from squeezesam_core.interaction import correction, first_previous
from squeezesam_core.prompts import Box, Point, Prompt
from squeezesam_core.saliency import most_salient_blob, otsu
from squeezesam_core.samples import Mask, Sample
from squeezesam_core.segmenter import detect, segment
from squeezesam_core.session import DetectorSession, Session

Answer = tuple[int, NDArray[np.bool_], float]
"""Clicks so far (0 for a mask that took none), the mask (H, W), and the seconds that it took."""


@dataclass(frozen=True)
class Models:
    """What is evaluated. Without a detector no mask starts from a map, and the protocols that need one are refused."""

    segmenter: Session | None
    detector: DetectorSession | None


@dataclass(frozen=True)
class Plan:
    """clicks: the counts that are asked for, ascending; seed: of random-clicks, with the photo's name and the object's
    number, so that an object's clicks are the same whatever else is evaluated; noc: go on to CLICK_LIMIT."""

    clicks: tuple[int, ...] = (1, 3, 5)
    seed: int = 0
    noc: bool = False

    @property
    def last(self) -> int:
        """The last click of the protocols that go click by click."""
        return CLICK_LIMIT if self.noc else self.clicks[-1]


@dataclass(frozen=True)
class Case:
    """One object and the answers it got.

    sample, number: the photo and which of its objects; ious: by click count, 0 for a mask that took no click, ending
    where nothing was left to click; seconds: of each answer, the photo being prepared; image (H, W, 3) uint8 RGB, and
    the last mask (H, W) bool.
    """

    sample: Sample
    number: int
    ious: dict[int, float]
    seconds: tuple[float, ...]
    image: NDArray[np.uint8]
    truth: Mask
    mask: NDArray[np.bool_]

    def after(self, clicks: int) -> float:
        """The IoU after so many clicks; the last mask's where nothing was left to click."""
        return self.ious[max(count for count in self.ious if count <= clicks)]


class Scene:
    """A photo, prepared once for all of its objects. saliency: (h, w) float32 in 0..1, None without a detector."""

    def __init__(self, models: Models, image: NDArray[np.uint8]) -> None:
        self.size: Size = (image.shape[1], image.shape[0])
        started = perf_counter()
        self.saliency = None if models.detector is None else detect(models.detector, image)
        self.seconds = perf_counter() - started
        self._segmenter = models.segmenter
        self._prepared = None if models.segmenter is None else prepare(image, models.segmenter.spec)

    def ask(
        self, prompt: Prompt, previous: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32], float]:
        """The mask (H, W), the next call's `previous`, and the seconds that they took."""
        session, prepared = self._network()
        started = perf_counter()
        segmentation = segment(session, prepared, prompt, previous)
        return segmentation.mask, segmentation.probabilities(), perf_counter() - started

    def map(self) -> NDArray[np.float32]:
        """The saliency map. Raises SqueezeSAMError without a detector."""
        if self.saliency is None:
            raise SqueezeSAMError("This protocol needs the detector.", "Name one with --detector.")
        return self.saliency

    def _network(self) -> tuple[Session, PreparedImage]:
        if self._segmenter is None or self._prepared is None:
            raise SqueezeSAMError("This protocol needs a segmenter.", "Name one with --model or --checkpoint.")
        return self._segmenter, self._prepared


Protocol = Callable[[Scene, Mask, Plan, np.random.Generator], Iterator[Answer]]


def evaluate(models: Models, samples: Iterable[Sample], protocol: str, plan: Plan) -> Iterator[Case]:
    """Ask for every object of every sample. protocol: a key of PROTOCOLS.

    Raises InvalidDatasetError if a mask is empty or not of its photo's size.
    """
    ask = PROTOCOLS[protocol]
    for sample in samples:
        image = sample.image()
        scene = Scene(models, image)
        for number, reference in enumerate(sample.masks):
            truth = _checked(reference.decode(), sample, number, scene.size)
            rng = np.random.default_rng([plan.seed, crc32(sample.name.encode()), number])
            ious, times = {}, []
            for count, mask, seconds in ask(scene, truth, plan, rng):
                ious[count] = masks.iou(mask, truth.object, truth.ignore)
                times.append(seconds)
            yield Case(sample, number, ious, tuple(times), image, truth, mask)


def _random_clicks(scene: Scene, truth: Mask, plan: Plan, rng: np.random.Generator) -> Iterator[Answer]:
    for count in plan.clicks:
        prompt = Prompt(clickers.random_clicks(rng, truth.object, count))
        mask, _, seconds = scene.ask(prompt, first_previous(scene.saliency, prompt, scene.size))
        yield count, mask, seconds


def _error_clicks(scene: Scene, truth: Mask, plan: Plan, _: np.random.Generator) -> Iterator[Answer]:
    return _correct(scene, truth, plan.last, np.zeros_like(truth.object), shown=False)


def _box(scene: Scene, truth: Mask, plan: Plan, _: np.random.Generator) -> Iterator[Answer]:
    x, y, width, height = masks.bounding_box(truth.object)
    prompt = Prompt(box=Box(x, y, x + width, y + height))
    mask, _previous, seconds = scene.ask(prompt, first_previous(scene.saliency, prompt, scene.size))
    yield 0, mask, seconds


def _saliency(scene: Scene, truth: Mask, plan: Plan, _: np.random.Generator) -> Iterator[Answer]:
    blob = most_salient_blob(scene.map())
    if blob is None:
        yield 0, np.zeros_like(truth.object), scene.seconds
    else:
        mask, _previous, seconds = scene.ask(blob.prompt(scene.size), scene.map())
        yield 0, mask, scene.seconds + seconds


def _detector(scene: Scene, truth: Mask, plan: Plan, _: np.random.Generator) -> Iterator[Answer]:
    salient = otsu(scene.map())
    mask = np.zeros_like(truth.object)
    if salient is not None:
        mask = cv2.resize(salient.astype(np.float32), scene.size, interpolation=cv2.INTER_LINEAR) > 0.5
    yield 0, mask, scene.seconds


def _from_mask(scene: Scene, truth: Mask, plan: Plan, rng: np.random.Generator) -> Iterator[Answer]:
    (start,) = _saliency(scene, truth, plan, rng)
    yield start
    yield from _correct(scene, truth, plan.last, start[1], shown=True)


def _correct(scene: Scene, truth: Mask, count: int, mask: NDArray[np.bool_], shown: bool) -> Iterator[Answer]:
    """Click after click on the largest error of the mask, until none is left.

    shown: each starts from the mask on screen, as Label Studio sends it back; else from the network's own answer.
    """
    previous: NDArray[np.float32] | None = None
    clicks: tuple[Point, ...] = ()
    clicked = np.zeros_like(truth.object)
    for number in range(1, count + 1):
        click = clickers.error_centre(mask, truth.object, truth.ignore, clicked)
        if click is None:
            return
        clicked[int(click.y), int(click.x)] = True
        clicks = (*clicks, click)
        prompt = Prompt(clicks)
        if shown and mask.any():
            prompt, previous = correction(prompt, mask), mask.astype(np.float32)
        elif previous is None:
            previous = first_previous(scene.saliency, prompt, scene.size)
        mask, previous, seconds = scene.ask(prompt, previous)
        yield number, mask, seconds


def _checked(truth: Mask, sample: Sample, number: int, size: Size) -> Mask:
    height, width = truth.object.shape
    if (width, height) != size:
        raise InvalidDatasetError(
            f"{sample.path} is {size[0]}x{size[1]}, its mask {number} {width}x{height}.",
            "Store masks at the size of their upright photo.",
        )
    if not truth.object.any():
        raise InvalidDatasetError(f"Mask {number} of {sample.path} is empty.", "Take it out.")
    return truth


PROTOCOLS: dict[str, Protocol] = {
    "random-clicks": _random_clicks,
    "error-clicks": _error_clicks,
    "box": _box,
    "saliency": _saliency,
    "detector": _detector,
    "from-mask": _from_mask,
}

CLICK_BY_CLICK = ("error-clicks", "from-mask")
"""The protocols that can count clicks to an IoU."""
