"""SAM's two-way transformer at the UNet's bottom (paper 1.1): prompt tokens and image cells attend to each other."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head attention in `dim / downsample` channels. (B, N, dim), (B, M, dim) x 2 -> (B, N, dim).

    unseen: (B, M) bool, keys that nothing attends to.
    """

    def __init__(self, dim: int, heads: int, downsample: int = 1) -> None:
        super().__init__()
        self.heads = heads
        inner = dim // downsample
        self.query = nn.Linear(dim, inner)
        self.key = nn.Linear(dim, inner)
        self.value = nn.Linear(dim, inner)
        self.out = nn.Linear(inner, dim)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, unseen: Tensor | None = None) -> Tensor:
        q, k, v = self._split(self.query(query)), self._split(self.key(key)), self._split(self.value(value))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if unseen is not None:
            scores = scores.masked_fill(unseen[:, None, None], -math.inf)
        return self.out((torch.softmax(scores, dim=-1) @ v).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        batch, length, dim = x.shape
        return x.reshape(batch, length, self.heads, dim // self.heads).transpose(1, 2)


class TwoWayBlock(nn.Module):
    """Self-attention of tokens, tokens to image, MLP on tokens, image to tokens; LayerNorm after each."""

    def __init__(self, dim: int, heads: int, mlp: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attention = Attention(dim, heads)
        self.tokens_to_image = Attention(dim, heads, downsample=2)
        self.image_to_tokens = Attention(dim, heads, downsample=2)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp), nn.ReLU(), nn.Linear(mlp, dim))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(4))

    def forward(
        self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor, padding: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        if self.first:
            tokens = self.self_attention(tokens, tokens, tokens, padding)
        else:
            q = tokens + token_pe
            tokens = tokens + self.self_attention(q, q, tokens, padding)
        tokens = self.norms[0](tokens)
        tokens = self.norms[1](tokens + self.tokens_to_image(tokens + token_pe, image + image_pe, image))
        tokens = self.norms[2](tokens + self.mlp(tokens))
        image = self.norms[3](image + self.image_to_tokens(image + image_pe, tokens + token_pe, tokens, padding))
        return tokens, image


class TwoWayTransformer(nn.Module):
    """`depth` two-way blocks and a final attention from tokens to image.

    tokens (B, N, dim), image (B, h*w, dim), image_pe (1, h*w, dim), padding (B, N) bool, tokens that nothing attends
    to, or None -> tokens (B, N, dim), image (B, h*w, dim).
    """

    def __init__(self, dim: int, depth: int = 2, heads: int = 8, mlp: int = 256) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TwoWayBlock(dim, heads, mlp, first=index == 0) for index in range(depth))
        self.final = Attention(dim, heads, downsample=2)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self, tokens: Tensor, image: Tensor, image_pe: Tensor, padding: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        token_pe = tokens
        for block in self.blocks:
            tokens, image = block(tokens, image, token_pe, image_pe, padding)
        tokens = self.norm(tokens + self.final(tokens + token_pe, image + image_pe, image))
        return tokens, image


class MLP(nn.Module):
    """Three linear layers with ReLU between (SAM's mask and IoU heads). (..., dim) -> (..., out)."""

    def __init__(self, dim: int, out: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, out)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)
