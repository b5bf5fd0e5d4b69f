"""Blocks, encoders and attention against reference implementations."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from squeezesam_core.model.blocks import ConvTranspose, DoubleConvDown, DoubleConvUp
from squeezesam_core.model.encoder import MobileNetV2Encoder
from squeezesam_core.model.prompt_encoder import PromptEncoder
from squeezesam_core.model.transformer import Attention


def test_conv_transpose_is_a_transposed_convolution() -> None:
    block = ConvTranspose(8).eval()
    x = torch.randn(2, 8, 3, 5)
    # the 1x1 kernel's rows 4c..4c+3 are the 2x2 kernel of output channel c
    kernel = block.conv.weight.reshape(4, 2, 2, 8).permute(3, 0, 1, 2)
    expected = F.relu(block.norm(F.conv_transpose2d(x, kernel, stride=2)))
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (4, 6), (5, 3)], ids=["1x1", "1x2", "even", "odd"])
def test_down_then_up_gives_the_skip_size(height: int, width: int) -> None:
    skip = torch.randn(1, 4, height, width)
    down = DoubleConvDown(4, 8).eval()(skip)
    assert DoubleConvUp(8, 4, 6).eval()(down, skip).shape == (1, 6, height, width)


def test_imagenet_weights_leave_prompt_channels_silent() -> None:
    source, encoder = MobileNetV2Encoder(3), MobileNetV2Encoder(7)
    encoder.load_imagenet(source.state_dict() | {"classifier.1.weight": torch.randn(1000, 1280)})
    image = torch.randn(1, 7, 64, 64)
    other = image.clone()
    other[:, 3:] = torch.randn(1, 4, 64, 64)
    encoder.eval()
    for a, b in zip(encoder(image), encoder(other), strict=True):
        torch.testing.assert_close(a, b)


def test_encoder_feature_strides_and_channels() -> None:
    encoder = MobileNetV2Encoder(7).eval()
    features = encoder(torch.randn(1, 7, 64, 96))
    assert [(f.shape[1], 64 // f.shape[2], 96 // f.shape[3]) for f in features] == [
        (24, 4, 4),
        (32, 8, 8),
        (96, 16, 16),
        (320, 32, 32),
    ]


def test_attention_equals_torch() -> None:
    ours, reference = Attention(16, heads=4), nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        reference.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
        reference.out_proj.load_state_dict(ours.out.state_dict())
    q, k, v = torch.randn(2, 3, 16), torch.randn(2, 7, 16), torch.randn(2, 7, 16)
    torch.testing.assert_close(ours(q, k, v), reference(q, k, v)[0])


def test_padding_points_have_no_position() -> None:
    encoder = PromptEncoder(16)
    a, b = encoder(torch.rand(1, 1, 2), torch.tensor([[-1]])), encoder(torch.rand(1, 1, 2), torch.tensor([[-1]]))
    torch.testing.assert_close(a, b)


def test_image_positions_are_those_of_points_at_cell_centres() -> None:
    encoder = PromptEncoder(16)
    grid = encoder.grid(torch.zeros(1, 4, 2, 4))
    point = torch.tensor([[[2.5 / 4, 1.5 / 2]]])
    expected = encoder(point, torch.tensor([[1]])) - encoder.kinds.weight[2]
    torch.testing.assert_close(grid[:, 1 * 4 + 2], expected[:, 0])
