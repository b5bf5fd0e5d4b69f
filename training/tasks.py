"""What a training step does for each kind of network: make a batch, run the network, give the losses."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam_core.fusion import CLICKS, PREVIOUS, draw
from squeezesam_core.geometry import Frame, NetworkInput
from squeezesam_core.model.saliency_net import SaliencyNet
from squeezesam_core.model.squeezesam import SqueezeSAM
from training.items import SegmentationItem, saliency_item, segmentation_items
from training.losses import MaskLoss, mask_loss, segmentation_loss
from training.prompts import TrainingPrompt
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

    def draw(self, batch: Batch, side: int) -> Any:
        """A batch of items of `side` squared in area, on the CPU, without the network: another process may do it."""
        ...

    def losses(self, called: nn.Module, drawn: Any, batch: Batch, move: Move) -> dict[str, Tensor]:
        """The loss terms of what was drawn for a batch, means to be added up.

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


@dataclass(frozen=True)
class SaliencyBatch:
    """pixels (B, 3, H, W) float32 normalised; target (B, 1, H, W) float32 in 0..1."""

    pixels: Tensor
    target: Tensor


class SaliencyTask:
    """Learn a teacher's saliency maps and people's masks."""

    def __init__(self, network: SaliencyNet, photos: Photos) -> None:
        self.network = network
        self._photos = photos

    def draw(self, batch: Batch, side: int) -> SaliencyBatch:
        like = _like_a_photo(self._photos, batch, self.network.spec, side)
        items = [saliency_item(self._photos, batch.of_item(index, ITEM), like) for index in range(batch.count)]
        return SaliencyBatch(_stacked([item.pixels for item in items]), _stacked([item.target[None] for item in items]))

    def losses(self, called: nn.Module, drawn: SaliencyBatch, batch: Batch, move: Move) -> dict[str, Tensor]:
        logits = called(move(drawn.pixels))
        target = move(drawn.target)
        logits = F.interpolate(logits.float(), target.shape[-2:], mode="bilinear", align_corners=False)
        return {"map": mask_loss(logits, target, torch.ones_like(target)).mean()}


@dataclass(frozen=True)
class SegmentationBatch:
    """pixels (B, 3, H, W) float32 normalised; truth, ignore (B, 1, H, W) bool; previous (B, 1, H, W) float32 in 0..1,
    0 where there is none; prompts: B of them, network frame."""

    pixels: Tensor
    truth: Tensor
    ignore: Tensor
    previous: Tensor
    prompts: list[TrainingPrompt]

    @classmethod
    def of(cls, items: list[SegmentationItem]) -> "SegmentationBatch":
        nothing = np.zeros(items[0].truth.shape, np.float32)
        return cls(
            _stacked([item.pixels for item in items]),
            _stacked([item.truth[None] for item in items]),
            _stacked([item.ignore[None] for item in items]),
            _stacked([(nothing if item.previous is None else item.previous)[None] for item in items]),
            [item.prompt for item in items],
        )


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

    def draw(self, batch: Batch, side: int) -> SegmentationBatch:
        return SegmentationBatch.of(self._items(batch, _like_a_photo(self._photos, batch, self.network.spec, side)))

    def losses(self, called: nn.Module, drawn: SegmentationBatch, batch: Batch, move: Move) -> dict[str, Tensor]:
        pixels, previous = move(drawn.pixels), move(drawn.previous)
        rng = batch.of_all(ITERATIONS)
        if rng.random() < self._iterative:
            for number in range(int(rng.integers(1, MOST_ITERATIONS + 1))):
                rngs = [batch.of_item(index, CLICK + number) for index in range(batch.count)]
                previous = self._click_errors(rngs, drawn, pixels, previous, move)
        logits, predicted_iou = called(*self._inputs(pixels, previous, drawn.prompts, move))
        truth, weight = move(drawn.truth).float(), (~move(drawn.ignore)).float()
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
        self, rngs: list[np.random.Generator], drawn: SegmentationBatch, pixels: Tensor, previous: Tensor, move: Move
    ) -> Tensor:
        """Add a click on each mask's largest error; give the masks, soft or as people see them, as previous ones.

        pixels, previous: as drawn, on the network's device.
        """
        self.network.eval()
        with torch.no_grad():
            logits = self.network(*self._inputs(pixels, previous, drawn.prompts, move))[0][:, :1].float()
        self.network.train()
        masks = F.interpolate(logits, drawn.truth.shape[-2:], mode="bilinear", align_corners=False).sigmoid()
        shown = masks > 0.5

        def click(
            rng: np.random.Generator,
            prompt: TrainingPrompt,
            mask: NDArray[np.bool_],
            truth: NDArray[np.bool_],
            ignore: NDArray[np.bool_],
        ) -> bool:
            """Whether the mask is then given as people see it."""
            kind = rng.random()
            if self._with_previous and kind < FORGOTTEN_SHARE:
                prompt.start_again(mask, truth, ignore, stand_ins=rng.random() < 0.5)
            elif kind < 1 - REPEAT_SHARE:
                prompt.add_error_click(mask, truth, ignore)
            return bool(rng.random() < 0.3)

        of_each = (tensor[:, 0].numpy() for tensor in (shown.cpu(), drawn.truth, drawn.ignore))
        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            as_seen = list(threads.map(click, rngs, drawn.prompts, *of_each))
        return torch.where(move(torch.tensor(as_seen))[:, None, None, None], shown.float(), masks)

    def _inputs(
        self, pixels: Tensor, previous: Tensor, prompts: list[TrainingPrompt], move: Move
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The network's: photos, clicks, boxes and masks as channels (fusion.py), and the prompts' points and kinds."""
        count, _, height, width = pixels.shape
        arrays = [prompt.arrays() for prompt in prompts]
        longest = max(1, *(len(labels) for _, labels in arrays))
        drawings = np.zeros((count, self.network.spec.channels, height, width), np.uint8)
        points = np.zeros((count, longest, 2), np.float32)
        kinds = np.full((count, longest), -1, np.int64)
        for index, (coordinates, labels) in enumerate(arrays):
            draw(drawings[index], coordinates, labels)
            points[index, : len(labels)] = coordinates / (width, height)
            kinds[index, : len(labels)] = labels
        prompted = move(torch.from_numpy(drawings[:, CLICKS:PREVIOUS])).to(pixels.dtype)
        fused = torch.cat([pixels, prompted, previous] if self._with_previous else [pixels, prompted], 1)
        return move(fused), move(torch.from_numpy(points)), move(torch.from_numpy(kinds))


def _stacked(arrays: Sequence[NDArray[Any]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))


def _like_a_photo(photos: Photos, batch: Batch, spec: NetworkInput, side: int) -> Frame:
    """The frame of a photo drawn at random, which the others of its batch are like: as it is served, at `side`."""
    return Frame.fit(photos.draw(batch.of_all(SIZE)).size, replace(spec, side=side))
