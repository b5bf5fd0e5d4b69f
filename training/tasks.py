"""What a training step does for each kind of network: make a batch, run the network, give the losses."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam_core.fusion import PREVIOUS, draw
from squeezesam_core.geometry import Frame, NetworkInput
from squeezesam_core.model.saliency_net import SaliencyNet
from squeezesam_core.model.squeezesam import SqueezeSAM
from training.items import SegmentationItem, saliency_item, segmentation_items
from training.losses import MaskLoss, mask_loss, segmentation_loss
from training.recipe import Augmentation, Recipe
from training.split import OfAnyAspect, Photos

Move = Callable[[Tensor], Tensor]
"""Brings a batch to the network's device and memory format."""

MOST_ITERATIONS = 3
REPEAT_SHARE = 0.25
"""Share of the items that get no click on an iteration: the second look of squeezesam_core.zoom starts from the first
look's mask with the same prompt."""
FORGOTTEN_SHARE = 0.25
"""Share of the error clicks that stand alone with the previous mask: what led to it is forgotten, as it is when
somebody corrects a mask that was stored."""


@dataclass(frozen=True)
class Batch:
    """Which of a step's items a process takes at a time: `count` of them, from the `first`.

    An item depends on (seed, step, its number) alone, so a run is the same stopped and resumed, and its items are the
    same however many processes share them.
    """

    seed: int
    step: int
    first: int
    count: int

    def of_all(self, purpose: int) -> np.random.Generator:
        """What every batch of the step decides alike; purpose: one number for each kind of decision."""
        return np.random.default_rng((self.seed, self.step, 0, purpose))

    def of_item(self, index: int, purpose: int) -> np.random.Generator:
        """index: in this batch."""
        return np.random.default_rng((self.seed, self.step, 1 + self.first + index, purpose))


SIZE, ITERATIONS, ITEM, CLICK = 1, 2, 3, 4
"""Purposes of random decisions (Batch); those of the error clicks count on from CLICK."""


class Task(Protocol):
    """A network and how a batch of it is made and judged."""

    @property
    def network(self) -> nn.Module: ...

    def losses(self, called: nn.Module, batch: Batch, side: int, move: Move) -> dict[str, Tensor]:
        """Draw a batch of items of `side` squared in area and give its loss terms, means to be added up.

        called: the network, as its training pass goes through it (processes.Processes.wrap).
        """
        ...


def make_task(network: SqueezeSAM | SaliencyNet, photos: Photos, recipe: Recipe) -> Task:
    """What a recipe has its network learn."""
    photos = OfAnyAspect(photos) if network.spec.square else photos
    if isinstance(network, SaliencyNet):
        return SaliencyTask(network, photos)
    return SegmentationTask(
        network,
        photos,
        augmentation=recipe.augmentation,
        loss=recipe.mask_loss,
        masks_per_photo=recipe.masks_per_photo,
        iterative=recipe.iterative,
    )


class SaliencyTask:
    """Learn a teacher's saliency maps and people's masks."""

    def __init__(self, network: SaliencyNet, photos: Photos) -> None:
        self.network = network
        self._photos = photos

    def losses(self, called: nn.Module, batch: Batch, side: int, move: Move) -> dict[str, Tensor]:
        like = _like_a_photo(self._photos, batch, self.network.spec, side)
        items = [saliency_item(self._photos, batch.of_item(index, ITEM), like) for index in range(batch.count)]
        logits = called(move(torch.from_numpy(np.stack([item.pixels for item in items]))))
        target = move(torch.from_numpy(np.stack([item.target for item in items])[:, None]))
        logits = F.interpolate(logits.float(), target.shape[-2:], mode="bilinear", align_corners=False)
        return {"map": mask_loss(logits, target, torch.ones_like(target)).mean()}


class SegmentationTask:
    """Learn whole objects from clicks, boxes, maps and flawed masks, in one step a batch (paper 1.3).

    loss: losses.mask_loss. masks_per_photo: so many items in a row are of one view of a photo. iterative: share of the
    steps whose clicks are set on the network's own mask, with that mask as the previous one (RITM).
    """

    def __init__(
        self,
        network: SqueezeSAM,
        photos: Photos,
        *,
        augmentation: Augmentation | None = None,
        loss: MaskLoss = "bce",
        masks_per_photo: int = 1,
        iterative: float = 0.5,
    ) -> None:
        self.network = network
        self._photos = photos
        self._augmentation = augmentation or Augmentation()
        self._loss = loss
        self._masks_per_photo = masks_per_photo
        self._iterative = iterative
        self._with_previous = network.spec.channels > PREVIOUS

    def losses(self, called: nn.Module, batch: Batch, side: int, move: Move) -> dict[str, Tensor]:
        items = self._items(batch, _like_a_photo(self._photos, batch, self.network.spec, side))
        previous = [item.previous for item in items]
        rng = batch.of_all(ITERATIONS)
        if rng.random() < self._iterative:
            for number in range(int(rng.integers(1, MOST_ITERATIONS + 1))):
                rngs = [batch.of_item(index, CLICK + number) for index in range(batch.count)]
                previous = self._click_errors(rngs, items, previous, move)
        logits, predicted_iou = called(*self._inputs(items, previous, move))
        truth = move(torch.from_numpy(np.stack([item.truth for item in items])[:, None].astype(np.float32)))
        weight = move(torch.from_numpy(np.stack([~item.ignore for item in items])[:, None].astype(np.float32)))
        return segmentation_loss(logits.float(), predicted_iou.float(), truth, weight, self._loss)

    def _items(self, batch: Batch, like: Frame) -> list[SegmentationItem]:
        together = self._masks_per_photo
        items = []
        for index in range(0, batch.count, together):
            rng = batch.of_item(index, ITEM)
            items += segmentation_items(
                self._photos, rng, like, together, self._augmentation, with_previous=self._with_previous
            )
        return items

    def _click_errors(
        self,
        rngs: list[np.random.Generator],
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
        given: list[NDArray[np.float32] | None] = []
        for rng, item, mask in zip(rngs, items, masks, strict=True):
            shown = mask > 0.5
            kind = rng.random()
            if self._with_previous and kind < FORGOTTEN_SHARE:
                item.prompt.start_again(shown, item.truth, item.ignore, stand_ins=rng.random() < 0.5)
            elif kind < 1 - REPEAT_SHARE:
                item.prompt.add_error_click(shown, item.truth, item.ignore)
            given.append(shown.astype(np.float32) if rng.random() < 0.3 else mask)
        return given

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


def _like_a_photo(photos: Photos, batch: Batch, spec: NetworkInput, side: int) -> Frame:
    """The frame of a photo drawn at random, which the others of its batch are like: as it is served, at `side`."""
    return Frame.fit(photos.draw(batch.of_all(SIZE)).size, replace(spec, side=side))
