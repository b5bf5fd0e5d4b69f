"""The salient object detector: SqueezeSAM's encoder and decoder without prompt, transformer or mask heads."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from squeezesam_core.geometry import NetworkInput
from squeezesam_core.model.decoder import Decoder
from squeezesam_core.model.encoder import Encoder


class SaliencyNet(nn.Module):
    """Photo (B, 3, H, W), normalised -> saliency logits (B, 1, H/4, W/4); their sigmoid is the map."""

    def __init__(self, encoder: Encoder, decoder_widths: Sequence[int], spec: NetworkInput, dim: int = 256) -> None:
        super().__init__()
        self.spec = spec
        self.switches: Mapping[str, int] = {}  # how it differs from its preset (presets.build)
        self.encoder = encoder
        *skips, bottom = encoder.channels
        self.neck = nn.Conv2d(bottom, dim, 1)
        self.decoder = Decoder(dim, skips, decoder_widths)
        self.head = nn.Conv2d(decoder_widths[-1], 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        *features, bottom = self.encoder(image)
        return self.head(self.decoder(self.neck(bottom), features))
