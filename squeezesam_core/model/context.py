"""What a place of the photo is depends on the whole of it: self-attention among the cells of the UNet's bottom."""

from torch import Tensor, nn

from squeezesam_core.model.positions import Positions
from squeezesam_core.model.transformer import Attention


class ContextBlock(nn.Module):
    """Self-attention and an MLP, each after a LayerNorm and added to what came in. (B, N, dim) -> (B, N, dim).

    Both start at zero: put into a trained network, a block leaves its answers as they were.
    """

    def __init__(self, dim: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.attention = Attention(dim, heads)
        self.widen, self.narrow = nn.Linear(dim, mlp), nn.Linear(mlp, dim)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))
        for last in (self.attention.out, self.narrow):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, cells: Tensor, positions: Tensor) -> Tensor:
        seen = self.norms[0](cells)
        cells = cells + self.attention(seen + positions, seen + positions, seen)
        return cells + self.narrow(self.widen(self.norms[1](cells)).relu())


class Context(nn.Module):
    """(B, dim, h, w) -> the same shape, for any h and w."""

    def __init__(self, dim: int, blocks: int, heads: int = 8, mlp: int = 512) -> None:
        super().__init__()
        self.positions = Positions(dim)
        self.blocks = nn.ModuleList(ContextBlock(dim, heads, mlp) for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        batch, dim, height, width = x.shape
        cells, positions = x.flatten(2).transpose(1, 2), self.positions.grid(x)
        for block in self.blocks:
            cells = block(cells, positions)
        return cells.transpose(1, 2).reshape(batch, dim, height, width)
