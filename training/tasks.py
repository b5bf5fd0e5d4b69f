"""What a training step does for each kind of network: make a batch, run the network, give the losses."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam_core.fusion import PREVIOUS, draw
from squeezesam_core.geometry import Size
from squeezesam_core.model.saliency_net import SaliencyNet
from squeezesam_core.model.squeezesam import SqueezeSAM
from training.datasets.corpus import Corpus
from training.items import SegmentationItem, saliency_item, segmentation_item
from training.losses import mask_loss, segmentation_loss

Move = Callable[[Tensor], Tensor]
"""Brings a batch to the network's device and memory format."""

ITERATIVE_SHARE = 0.5
"""Share of the batches whose clicks are set on the network's own mask, with that mask as the previous one (RITM)."""
MOST_ITERATIONS = 3
REPEAT_SHARE = 0.25
"""Share of the items that get no click on an iteration: the second look of squeezesam_core.zoom starts from the first
look's mask with the same prompt."""


class Task(Protocol):
    """A network and how a batch of it is made and judged."""

    network: nn.Module

    def losses(self, rng: np.random.Generator, size: Size, batch: int, move: Move) -> dict[str, Tensor]:
        """Draw a batch of items of `size` (width, height) and give its loss terms, to be added up."""
        ...


class SaliencyTask:
    """Learn a teacher's saliency maps and people's masks."""

    def __init__(self, network: SaliencyNet, corpus: Corpus) -> None:
        self.network = network
        self._corpus = corpus

    def losses(self, rng: np.random.Generator, size: Size, batch: int, move: Move) -> dict[str, Tensor]:
        items = [saliency_item(self._corpus, rng, size) for _ in range(batch)]
        logits = self.network(move(torch.from_numpy(np.stack([item.pixels for item in items]))))
        target = move(torch.from_numpy(np.stack([item.target for item in items])[:, None]))
        logits = F.interpolate(logits.float(), target.shape[-2:], mode="bilinear", align_corners=False)
        return {"map": mask_loss(logits, target, torch.ones_like(target)).mean()}


class SegmentationTask:
    """Learn whole objects from clicks, boxes, maps and flawed masks, in one step a batch (paper 1.3)."""

    def __init__(self, network: SqueezeSAM, corpus: Corpus) -> None:
        self.network = network
        self._corpus = corpus

    def losses(self, rng: np.random.Generator, size: Size, batch: int, move: Move) -> dict[str, Tensor]:
        items = [segmentation_item(self._corpus, rng, size) for _ in range(batch)]
        previous = [item.previous for item in items]
        if rng.random() < ITERATIVE_SHARE:
            for _ in range(int(rng.integers(1, MOST_ITERATIONS + 1))):
                previous = self._click_errors(rng, items, previous, move)
        logits, predicted_iou = self.network(*self._inputs(items, previous, move))
        truth = move(torch.from_numpy(np.stack([item.truth for item in items])[:, None].astype(np.float32)))
        weight = move(torch.from_numpy(np.stack([~item.ignore for item in items])[:, None].astype(np.float32)))
        return segmentation_loss(logits.float(), predicted_iou.float(), truth, weight)

    def _click_errors(
        self,
        rng: np.random.Generator,
        items: list[SegmentationItem],
        previous: list[NDArray[np.float32] | None],
        move: Move,
    ) -> list[NDArray[np.float32] | None]:
        """Add a click on each mask's largest error; give the masks, soft or as people see them, as previous ones."""
        self.network.eval()
        with torch.no_grad():
            logits = self.network(*self._inputs(items, previous, move))[0][:, :1].float()
        self.network.train()
        size = items[0].truth.shape
        masks = F.interpolate(logits, size, mode="bilinear", align_corners=False).sigmoid()[:, 0].cpu().numpy()
        for item, mask in zip(items, masks, strict=True):
            if rng.random() < REPEAT_SHARE:
                continue
            item.prompt.add_error_click(mask > 0.5, item.truth, item.ignore)
        hard = rng.random(len(items)) < 0.3
        return [(mask > 0.5).astype(np.float32) if flat else mask for mask, flat in zip(masks, hard, strict=True)]

    def _inputs(
        self, items: list[SegmentationItem], previous: list[NDArray[np.float32] | None], move: Move
    ) -> tuple[Tensor, Tensor, Tensor]:
        height, width = items[0].truth.shape
        prompts = [item.prompt.arrays() for item in items]
        longest = max(1, *(len(labels) for _, labels in prompts))
        fused = np.zeros((len(items), self.network.spec.channels, height, width), np.float32)
        points = np.zeros((len(items), longest, 2), np.float32)
        kinds = np.full((len(items), longest), -1, np.int64)
        for index, (item, (coordinates, labels)) in enumerate(zip(items, prompts, strict=True)):
            fused[index, :3] = item.pixels
            draw(fused[index], coordinates, labels)
            mask = previous[index]
            if mask is not None and fused.shape[1] > PREVIOUS:
                fused[index, PREVIOUS] = mask
            points[index, : len(labels)] = coordinates / (width, height)
            kinds[index, : len(labels)] = labels
        return move(torch.from_numpy(fused)), move(torch.from_numpy(points)), move(torch.from_numpy(kinds))
