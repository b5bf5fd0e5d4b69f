"""How much annotators had to do: clicks for each mask, and how far a submitted mask is from the predicted one.

A webhook's body holds the submitted regions and the number of the prediction they started from, but not that prediction
(recorded of Label Studio 1.23.2: "prediction" is empty). It is fetched from Label Studio on a thread of its own, for
Label Studio waits a second for the webhook's reply, inside the annotator's request.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import BoundedSemaphore, Lock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.metrics import Metrics
from backend.status import Problems
from squeezesam_core import rle
from squeezesam_core.errors import SqueezeSAMError

ACTIONS = frozenset({"ANNOTATION_CREATED", "ANNOTATION_UPDATED"})
KEPT_TASKS = 1000
"""Tasks whose clicks are remembered until their annotation is submitted."""

WAITING = 16
"""Comparisons that may wait; further ones are left out."""

Result = Mapping[str, Any]
Mask = NDArray[np.bool_]

log = logging.getLogger(__name__)


class ClickCounter:
    """Prompts made on each task since its last submission; of a prompt that is sent again, the first counts."""

    def __init__(self) -> None:
        self._prompts: OrderedDict[Any, set[Any]] = OrderedDict()
        self._lock = Lock()

    def prompted(self, task: Any, context: Iterable[Result]) -> None:
        """A smart request: Label Studio sends the earlier clicks of the same kind with each new one."""
        ids = {(result.get("id"), str(result.get("type"))) for result in context}
        with self._lock:
            self._prompts[task] = self._prompts.pop(task, set()) | ids
            while len(self._prompts) > KEPT_TASKS:
                self._prompts.popitem(last=False)

    def submitted(self, task: Any) -> int:
        """How many there were; forgets them."""
        with self._lock:
            return len(self._prompts.pop(task, ()))


class Submissions:
    """Takes webhooks of submitted annotations and feeds the metrics.

    fetch_prediction: number of a prediction -> its regions ("result"); None where Label Studio cannot be asked.
    pixels: larger masks are not decoded.
    """

    def __init__(
        self,
        metrics: Metrics,
        problems: Problems,
        fetch_prediction: Callable[[int], Sequence[Result]] | None,
        pixels: int,
    ) -> None:
        self.clicks = ClickCounter()
        self._metrics = metrics
        self._problems = problems
        self._fetch = fetch_prediction
        self._pixels = pixels
        self._room = BoundedSemaphore(WAITING)
        self._thread = ThreadPoolExecutor(1, "submissions")

    def received(self, body: Mapping[str, Any]) -> None:
        """A webhook came; answers at once."""
        annotation = body.get("annotation")
        if body.get("action") not in ACTIONS or not isinstance(annotation, Mapping) or annotation.get("was_cancelled"):
            return
        if not self._room.acquire(blocking=False):
            log.warning("Too many submitted annotations wait to be compared; one is left out of the figures.")
            return
        self._thread.submit(copy_context().run, self._compare, annotation)  # with the request's id

    def close(self) -> None:
        """Finish what runs and drop what waits."""
        self._thread.shutdown(cancel_futures=True)

    def _compare(self, annotation: Mapping[str, Any]) -> None:
        try:
            submitted = _regions(annotation.get("result"))
            ours = sum("score" in region for region in submitted)  # the page keeps it of the masks a model made
            task, parent = annotation.get("task"), annotation.get("parent_prediction")
            if isinstance(task, int):
                self._metrics.submitted(ours, self.clicks.submitted(task))
            if self._fetch is not None and isinstance(parent, int):
                for iou in ious(_regions(self._fetch(parent)), submitted, self._pixels):
                    self._metrics.compared(iou)
        except Exception as error:  # figures must never cost more than themselves
            self._problems.record(f"Comparing annotation {annotation.get('id')} with its prediction", error)
        finally:
            self._room.release()


def ious(predicted: Iterable[Result], submitted: Sequence[Result], pixels: int) -> list[float]:
    """For each predicted mask the IoU, 0..1, with the submitted region of its id, else with the closest; 0 if none.

    Masks of more than `pixels` and regions that are no masks are left out.
    """
    found = [(region.get("id"), mask) for region in submitted if (mask := _mask(region, pixels)) is not None]
    values = []
    for region in predicted:
        mask = _mask(region, pixels)
        if mask is not None:
            same = [other for identifier, other in found if identifier == region.get("id")]
            values.append(max((_iou(mask, other) for other in same or [m for _, m in found]), default=0.0))
    return values


def _regions(result: Any) -> list[Result]:
    """The brush and polygon regions of a "result" list."""
    regions = result if isinstance(result, list) else []
    return [r for r in regions if isinstance(r, Mapping) and r.get("type") in ("brushlabels", "polygonlabels")]


def _mask(region: Result, pixels: int) -> Mask | None:
    """(H, W) bool; None if the region cannot be read."""
    try:
        width, height = int(region["original_width"]), int(region["original_height"])
        if not 0 < width * height <= pixels:
            return None
        if region["type"] == "brushlabels":
            return rle.decode(region["value"]["rle"], (width, height))
        corners = np.array(region["value"]["points"], float) * (width, height) / 100
        filled = np.zeros((height, width), np.uint8)
        cv2.fillPoly(filled, [corners.round().astype(np.int32)], 1)
        return filled.astype(bool)
    except (SqueezeSAMError, KeyError, TypeError, ValueError, cv2.error):
        return None


def _iou(first: Mask, second: Mask) -> float:
    if first.shape != second.shape:
        return 0.0
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0
