"""Losses of masks, of the choice among them, and of saliency maps."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

MaskLoss = Literal["bce", "focal"]

FOCAL_WEIGHT = 20.0
"""Focal loss against dice, as SAM adds them (Kirillov et al. 2023, A "Losses"; paper 1.3 keeps SAM's protocol)."""
FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0


def mask_loss(logits: Tensor, truth: Tensor, weight: Tensor, kind: MaskLoss = "bce") -> Tensor:
    """Dice plus binary cross-entropy, or plus 20 times focal loss, of each mask.

    logits, truth 0..1 and weight 0..1: (B, N, H, W) -> (B, N).
    """
    total = weight.sum((-1, -2)).clamp(min=1)
    pixels = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    if kind == "focal":
        pixels = FOCAL_WEIGHT * _focal(logits, truth, pixels)
    probability = logits.sigmoid() * weight
    overlap = (probability * truth).sum((-1, -2))
    dice = 1 - (2 * overlap + 1) / (probability.sum((-1, -2)) + (truth * weight).sum((-1, -2)) + 1)
    return (pixels * weight).sum((-1, -2)) / total + dice


def _focal(logits: Tensor, truth: Tensor, cross_entropy: Tensor) -> Tensor:
    """Lin et al. 2017: cross-entropy, less of it where the answer is right already; of one shape."""
    probability = logits.sigmoid()
    wrong = probability * (1 - truth) + (1 - probability) * truth
    balance = FOCAL_ALPHA * truth + (1 - FOCAL_ALPHA) * (1 - truth)
    return balance * wrong**FOCAL_GAMMA * cross_entropy


def iou(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """IoU of logits > 0 with truth > 0.5 where weight > 0.5: (B, N, H, W) -> (B, N) float, no gradient."""
    with torch.no_grad():
        counted = weight > 0.5
        mask, object_ = (logits > 0) & counted, (truth > 0.5) & counted
        union = (mask | object_).sum((-1, -2)).clamp(min=1)
        return (mask & object_).sum((-1, -2)) / union


def segmentation_loss(
    logits: Tensor, predicted_iou: Tensor, truth: Tensor, weight: Tensor, kind: MaskLoss = "bce"
) -> dict[str, Tensor]:
    """SAM's loss with SAM's rule for its four masks (issue 5, item 2).

    logits (B, 4, h, w), predicted_iou (B, 4), truth and weight (B, 1, H, W), H = 4h; kind: of mask_loss.
    The single mask (token 0) learns from every prompt, at full resolution; of the other three only the best one does,
    at their own resolution; the IoU head learns all four.
    """
    single = F.interpolate(logits[:, :1], truth.shape[-2:], mode="bilinear", align_corners=False)
    small_truth = F.avg_pool2d(truth, truth.shape[-1] // logits.shape[-1])
    small_weight = F.avg_pool2d(weight, truth.shape[-1] // logits.shape[-1])
    of_many = mask_loss(logits[:, 1:], small_truth.expand(-1, 3, -1, -1), small_weight.expand(-1, 3, -1, -1), kind)
    true_iou = iou(logits, small_truth.expand_as(logits), small_weight.expand_as(logits))
    return {
        "single": mask_loss(single, truth, weight, kind).mean(),
        "best": 0.3 * of_many.min(dim=1).values.mean(),
        "iou": F.mse_loss(predicted_iou, true_iou.to(predicted_iou.dtype)),
    }
