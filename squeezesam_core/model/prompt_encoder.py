"""Late fusion's input: clicks and box corners as tokens (as SAM)."""

from torch import Tensor, nn

from squeezesam_core.model.positions import Positions


class PromptEncoder(Positions):
    """Points in the unit frame -> tokens of `dim`: where each is, and of what kind.

    Labels as Prompt.labels: 0 background click, 1 click, 2 and 3 box corners; -1 pads.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.kinds = nn.Embedding(5, dim)

    def forward(self, points: Tensor, labels: Tensor) -> Tensor:
        """points (B, N, 2) float in 0..1, labels (B, N) int64 -> (B, N, dim)."""
        real = (labels >= 0).unsqueeze(-1).to(points.dtype)
        return self.of(points) * real + self.kinds(labels + 1)
