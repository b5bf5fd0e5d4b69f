"""SAM's prompt encoder and mask decoder (Kirillov et al. 2023), of the parts that SqueezeSAM shares with it.

Prompt tokens, two-way transformer and heads are SqueezeSAM's own modules, which follow SAM; `rename` maps the public
checkpoint's names to theirs.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from squeezesam_core.evaluation.peers.tiny_vit import LayerNorm2d
from squeezesam_core.model.prompt_encoder import PromptEncoder
from squeezesam_core.model.transformer import MLP, TwoWayTransformer

DIM = 256
MASKS = 4
"""The single mask, then three for an ambiguous prompt."""


class SamDecoder(nn.Module):
    """An image's embedding and one prompt -> four masks at a quarter of the input's size, and their predicted IoU."""

    def __init__(self) -> None:
        super().__init__()
        self.prompt_encoder = PromptEncoder(DIM)
        self.no_mask = nn.Parameter(torch.zeros(1, DIM))
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2),
            LayerNorm2d(4),
            nn.GELU(),
            nn.Conv2d(4, 16, 2, 2),
            LayerNorm2d(16),
            nn.GELU(),
            nn.Conv2d(16, DIM, 1),
        )
        self.iou_token = nn.Parameter(torch.zeros(1, DIM))
        self.mask_tokens = nn.Parameter(torch.zeros(MASKS, DIM))
        self.transformer = TwoWayTransformer(DIM, mlp=2048)
        self.upscaling = nn.Sequential(
            nn.ConvTranspose2d(DIM, DIM // 4, 2, 2),
            LayerNorm2d(DIM // 4),
            nn.GELU(),
            nn.ConvTranspose2d(DIM // 4, DIM // 8, 2, 2),
            nn.GELU(),
        )
        self.mask_heads = nn.ModuleList(MLP(DIM, DIM // 8) for _ in range(MASKS))
        self.iou_head = MLP(DIM, MASKS)

    def forward(
        self, embedding: Tensor, points: Tensor, labels: Tensor, previous: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """embedding (1, 256, h, w); points (1, N, 2) unit frame of the padded input; labels (1, N) int64 as
        Prompt.labels, -1 pads; previous: logits (1, 1, 4h, 4w).

        Returns logits (1, 4, 4h, 4w) and predicted IoU (1, 4).
        """
        _, dim, height, width = embedding.shape
        dense = self.no_mask.reshape(1, -1, 1, 1) if previous is None else self.mask_downscaling(previous)
        tokens = torch.cat([self.iou_token, self.mask_tokens, self.prompt_encoder(points, labels)[0]])[None]
        image = (embedding + dense).flatten(2).transpose(1, 2)
        tokens, image = self.transformer(tokens, image, self.prompt_encoder.grid(embedding))
        pixels = self.upscaling(image.transpose(1, 2).reshape(1, dim, height, width))
        heads = torch.stack([head(tokens[:, 1 + index]) for index, head in enumerate(self.mask_heads)], dim=1)
        logits = (heads @ pixels.flatten(2)).reshape(1, MASKS, *pixels.shape[-2:])
        return logits, self.iou_head(tokens[:, 0])


KINDS = ("not_a_point_embed", *(f"point_embeddings.{kind}" for kind in range(4)))
"""SAM's embeddings, in the order of PromptEncoder.kinds: padding point, background click, click, two box corners."""

RENAMES = (
    (r"^prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$", "prompt_encoder.frequencies"),
    (r"^prompt_encoder\.no_mask_embed\.weight$", "no_mask"),
    (r"^prompt_encoder\.mask_downscaling", "mask_downscaling"),
    (r"^mask_decoder\.(iou_token|mask_tokens)\.weight$", r"\1"),
    (r"^mask_decoder\.output_upscaling", "upscaling"),
    (r"^mask_decoder\.output_hypernetworks_mlps", "mask_heads"),
    (r"^mask_decoder\.iou_prediction_head", "iou_head"),
    (r"^mask_decoder\.transformer\.layers", "transformer.blocks"),
    (r"^mask_decoder\.transformer\.final_attn_token_to_image", "transformer.final"),
    (r"^mask_decoder\.transformer\.norm_final_attn", "transformer.norm"),
    (r"\.self_attn\.", ".self_attention."),
    (r"\.cross_attn_token_to_image\.", ".tokens_to_image."),
    (r"\.cross_attn_image_to_token\.", ".image_to_tokens."),
    (r"\.q_proj\.", ".query."),
    (r"\.k_proj\.", ".key."),
    (r"\.v_proj\.", ".value."),
    (r"\.out_proj\.", ".out."),
    (r"\.mlp\.lin1\.", ".mlp.0."),
    (r"\.mlp\.lin2\.", ".mlp.2."),
)
"""From the public checkpoint's names to SamDecoder's."""


def rename(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The decoder's part of a public checkpoint, under SamDecoder's names. Raises KeyError if a prompt kind is missing.

    state: names that begin with prompt_encoder. or mask_decoder.
    """
    kinds = torch.cat([state[f"prompt_encoder.{kind}.weight"] for kind in KINDS])
    renamed = {"prompt_encoder.kinds.weight": kinds}
    for name, tensor in state.items():
        if name.removeprefix("prompt_encoder.").removesuffix(".weight") in KINDS:
            continue
        for pattern, replacement in RENAMES:
            name = re.sub(pattern, replacement, name)  # noqa: PLW2901
        renamed[re.sub(r"\.norm([1-4])\.", lambda found: f".norms.{int(found[1]) - 1}.", name)] = tensor
    return renamed
