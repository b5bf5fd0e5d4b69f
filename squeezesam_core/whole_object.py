"""The mask before any click: the whole object that stands out, as the detector and the segmenter see it together.

The paper (section Application) gives the blob's clicks to the segmenter, whose mask it shows. Here the map is also what
the segmenter starts from, and the mask is the mean of both, since they err in different places; it is shown with its
outline moved to the photo's own edges (docs/model.md).
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core import edges, masks, zoom
from squeezesam_core.fusion import PreparedImage
from squeezesam_core.geometry import Frame, Size
from squeezesam_core.prompts import Prompt
from squeezesam_core.saliency import Blob
from squeezesam_core.segmenter import Segmentation, segment, sigmoid
from squeezesam_core.session import Session

MAP_SHARE = 0.5
"""The map's share in the mask; the rest is the segmenter's."""
RIM = 0.02
"""The map counts this far around the blob, a share of the map's longer side: other blobs are other things."""
CONTRAST = 3.0
"""How much farther from the middle the segmenter is shown the map's values: from a crisper start it draws a better mask
(docs/model.md)."""
SIDE = 512
"""The longer side of the photo that the outline is moved on."""
LEAST = 1e-6
"""The least probability, and the least distance from 1, that becomes a logit."""


def whole_object(session: Session, prepared: PreparedImage, blob: Blob, saliency: NDArray[np.float32]) -> Segmentation:
    """The mask that a photo's most salient blob asks for.

    prepared: fusion.prepare's, made for this session's spec. blob: saliency.most_salient_blob's of `saliency`, which is
    (h, w) float32 in 0..1 and shows the whole photo.
    """
    prompt = blob.prompt(prepared.frame.image)
    drawn = segment(session, prepared, prompt, _crisp(saliency))
    size = _finer(drawn, saliency)
    around = max(1, round(RIM * max(blob.mask.shape)))
    lit = cv2.dilate(blob.mask.astype(np.uint8), np.ones((2 * around + 1, 2 * around + 1), np.uint8)) > 0
    seen = zoom.part_of(np.where(lit, saliency, np.float32(0)), drawn.window, drawn.image, size)
    logits = cv2.resize(drawn.logits, size, interpolation=cv2.INTER_LINEAR)
    both = (1 - MAP_SHARE) * sigmoid(logits) + MAP_SHARE * seen
    return replace(drawn, logits=_cleaned(_logits(both), prompt, drawn))


def outlined(segmentation: Segmentation, prepared: PreparedImage, blob: Blob) -> Segmentation:
    """whole_object's mask with its outline moved to the photo's edges: what is shown.

    How sure a mask is of itself, its version before tells (confidence.py): here its outline is as sharp as the photo's.
    """
    height, width = segmentation.logits.shape
    photo = _shown(prepared, segmentation, (width, height))
    fine = cv2.resize(sigmoid(segmentation.logits), (photo.shape[1], photo.shape[0]), interpolation=cv2.INTER_LINEAR)
    moved = _logits(edges.follow(np.asarray(fine, np.float32), photo))
    return replace(segmentation, logits=_cleaned(moved, blob.prompt(prepared.frame.image), segmentation))


def _crisp(saliency: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.clip((saliency - 0.5) * CONTRAST + 0.5, 0, 1), np.float32)


def _finer(drawn: Segmentation, saliency: NDArray[np.float32]) -> Size:
    """(width, height) of the segmenter's answer or of the map's part in the same window, whichever is finer."""
    height, width = drawn.logits.shape
    part = drawn.window.scaled(drawn.image, (saliency.shape[1], saliency.shape[0])).size
    return max((width, height), part)


def _logits(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    kept = np.clip(probabilities, LEAST, 1 - LEAST)
    return np.asarray(np.log(kept / (1 - kept)), np.float32)


def _shown(prepared: PreparedImage, drawn: Segmentation, least: Size) -> NDArray[np.uint8]:
    """What the mask's window shows of the photo, as large as on a photo of SIDE, but no smaller than `least`."""
    detail = prepared.detail
    part = detail[drawn.window.scaled(drawn.image, (detail.shape[1], detail.shape[0])).slices()]
    scale = max(min(1.0, SIDE / max(detail.shape)), least[0] / part.shape[1], least[1] / part.shape[0])
    size = (round(part.shape[1] * scale), round(part.shape[0] * scale))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def _cleaned(logits: NDArray[np.float32], prompt: Prompt, drawn: Segmentation) -> NDArray[np.float32]:
    shown = zoom.prompt_in(prompt, drawn.window)
    frame = Frame(drawn.window.size, (logits.shape[1], logits.shape[0]))
    return masks.clean(logits, frame.to_unit(shown.coordinates()), shown.labels())
