"""SqueezeSAM: a UNet, transformer at its bottom, early and late fusion of the prompt, SAM's mask heads (paper 1)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezesam_core.geometry import NetworkInput
from squeezesam_core.model.decoder import Decoder
from squeezesam_core.model.encoder import Encoder
from squeezesam_core.model.prompt_encoder import PromptEncoder
from squeezesam_core.model.transformer import MLP, TwoWayTransformer

MASKS = 4
"""SAM's mask tokens: the first is the single mask, three more answer one ambiguous click."""


class SqueezeSAM(nn.Module):
    """Fused input and prompt tokens -> four masks and their predicted IoU.

    encoder: any Encoder; its coarsest feature is brought to `dim` channels, where the transformer works.
    decoder_widths: output channels of the decoder's blocks, coarsest first.
    spec: the input the network is made for; recorded with every exported version.
    """

    def __init__(self, encoder: Encoder, decoder_widths: Sequence[int], spec: NetworkInput, dim: int = 256) -> None:
        super().__init__()
        self.spec = spec
        self.switches: Mapping[str, int] = {}  # how it differs from its preset (presets.build)
        self.encoder = encoder
        *skips, bottom = encoder.channels
        self.neck = nn.Identity() if bottom == dim else nn.Conv2d(bottom, dim, 1)
        self.prompt_encoder = PromptEncoder(dim)
        self.tokens = nn.Parameter(torch.randn(1 + MASKS, dim) * 0.02)
        self.transformer = TwoWayTransformer(dim)
        self.decoder = Decoder(dim, skips, decoder_widths)
        self.mask_heads = nn.ModuleList(MLP(dim, decoder_widths[-1]) for _ in range(MASKS))
        self.iou_head = MLP(dim, MASKS)

    def forward(self, fused: Tensor, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """fused (B, C, H, W) float; points (B, N, 2) unit frame; labels (B, N) int64, -1 pads.

        Returns mask logits (B, 4, H/4, W/4) and predicted IoU (B, 4), about 0..1.
        """
        *features, bottom = self.encoder(fused)
        bottom = self.neck(bottom)
        batch, dim, height, width = bottom.shape
        prompt = self.prompt_encoder(points, labels)
        tokens = torch.cat([self.tokens.unsqueeze(0).repeat(batch, 1, 1), prompt], dim=1)
        image = bottom.flatten(2).transpose(1, 2)
        tokens, image = self.transformer(tokens, image, self.prompt_encoder.grid(bottom), _padding(labels))
        bottom = image.transpose(1, 2).reshape(batch, dim, height, width)
        pixels = self.decoder(bottom, features)
        heads = torch.stack([head(tokens[:, 1 + index]) for index, head in enumerate(self.mask_heads)], dim=1)
        logits = (heads @ pixels.flatten(2)).reshape(batch, MASKS, *pixels.shape[-2:])
        return logits, self.iou_head(tokens[:, 0])


def _padding(labels: Tensor) -> Tensor | None:
    """Which tokens only fill a batch up to its longest prompt: (B, N) int64 -> (B, 1 + MASKS + N) bool, or None.

    Nothing may attend to them, or an item's masks depend on what else is in its batch, and one click in a batch of
    many is never trained as it is served: alone. An empty prompt keeps one such token, as when it is served; a batch
    of one has nothing to fill.
    """
    if labels.shape[0] == 1:
        return None
    padding = labels < 0
    padding[:, 0] = False
    return F.pad(padding, (1 + MASKS, 0), value=False)
