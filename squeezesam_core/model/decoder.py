"""The decoder: DoubleConvUp blocks with skip connections, from the bottom to stride 4 (paper 1.1, figure 4)."""

from collections.abc import Sequence

from torch import Tensor, nn

from squeezesam_core.model.blocks import DoubleConvUp


class Decoder(nn.Module):
    """Bottom (B, in, h, w) and the encoder's finer features -> (B, widths[-1], H/4, W/4).

    skips: channels of the encoder's features without the coarsest, finest first; widths: output channels of each
    block, coarsest first.
    """

    def __init__(self, in_channels: int, skips: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        inputs = (in_channels, *widths[:-1])
        self.blocks = nn.ModuleList(
            DoubleConvUp(i, skip, out) for i, skip, out in zip(inputs, reversed(skips), widths, strict=True)
        )

    def forward(self, bottom: Tensor, features: Sequence[Tensor]) -> Tensor:
        x = bottom
        for block, skip in zip(self.blocks, reversed(features), strict=True):
            x = block(x, skip)
        return x
