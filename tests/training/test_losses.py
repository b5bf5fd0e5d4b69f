"""Losses, worked out by hand."""

import numpy as np
import pytest
import torch

from training.losses import iou, mask_loss, segmentation_loss


def test_mask_loss_by_hand() -> None:
    logits, truth = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    everything = mask_loss(logits, truth, torch.ones(1, 1, 2, 2))
    torch.testing.assert_close(everything.item(), np.log(2) + 1 - (2 * 1 + 1) / (2 + 2 + 1), rtol=1e-5, atol=0)
    weight = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    ignored = mask_loss(logits, truth, weight)
    torch.testing.assert_close(ignored.item(), np.log(2) + 1 - (2 * 0.5 + 1) / (1 + 1 + 1), rtol=1e-5, atol=0)


def test_focal_loss_by_hand() -> None:
    probability = torch.tensor([0.9, 0.1])  # both wrong: background at 0.9, object at 0.1
    logits, truth = probability.logit().reshape(1, 1, 1, 2), torch.tensor([[[[0.0, 1.0]]]])
    focal = 20 * (0.75 + 0.25) * 0.9**2 * -np.log(0.1) / 2  # SAM: 20 focal + dice, alpha 0.25, gamma 2
    dice = 1 - (2 * 0.1 + 1) / (1.0 + 1.0 + 1)
    loss = mask_loss(logits, truth, torch.ones(1, 1, 1, 2), "focal")
    torch.testing.assert_close(loss.item(), focal + dice, rtol=1e-5, atol=0)


def test_iou_leaves_ignored_pixels_out() -> None:
    logits = torch.tensor([[[[1.0, 1.0, -1.0, 1.0]]]])
    truth = torch.tensor([[[[1.0, 0.0, 1.0, 0.0]]]])
    weight = torch.tensor([[[[1.0, 1.0, 1.0, 0.0]]]])
    assert iou(logits, truth, weight).item() == pytest.approx(1 / 3)


def test_only_the_best_of_three_masks_learns() -> None:
    truth = torch.zeros(1, 1, 16, 16)
    truth[..., :8] = 1
    logits = torch.zeros(1, 4, 4, 4)
    logits[:, 2, :, :2], logits[:, 2, :, 2:] = 2.0, -2.0
    logits.requires_grad_()
    losses = segmentation_loss(logits, torch.full((1, 4), 0.5), truth, torch.ones_like(truth))
    losses["best"].backward()
    assert logits.grad is not None
    moved = logits.grad.abs().sum((0, 2, 3))
    assert (moved > 0).tolist() == [False, False, True, False]
