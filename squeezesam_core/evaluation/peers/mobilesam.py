"""MobileSAM (Zhang et al. 2023) in torch: an image encoder that runs once a photo, a decoder that runs once a prompt.

The network is written here (tiny_vit, sam_decoder) and loads the public checkpoint, whose own package would bring timm,
torchvision and code that is run unread.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from squeezesam_core.errors import InvalidPromptError, ModelFileError
from squeezesam_core.evaluation.peers import fetch
from squeezesam_core.evaluation.peers.sam_decoder import SamDecoder, rename
from squeezesam_core.evaluation.peers.tiny_vit import TinyViT
from squeezesam_core.fusion import normalise
from squeezesam_core.geometry import Size
from squeezesam_core.model import checkpoint as checkpoints

SIDE = 1024
"""The longer side of the photo in the network, in pixels; the rest of the square is padding."""
PAD = -1
"""SAM's label of the point that stands where there is no box."""


@dataclass(frozen=True)
class Embedding:
    """What the encoder made of one photo.

    features: (1, 256, 64, 64) float32; image, network: (width, height) of the photo and of its part in the network.
    """

    features: Tensor
    image: Size
    network: Size


class MobileSam:
    """Holds weights, never an image: an embedding is the caller's to keep."""

    version = "mobilesam"
    precision = "torch fp32"

    def __init__(self, encoder: TinyViT, decoder: SamDecoder, device: str = "cpu") -> None:
        self._encoder = encoder.eval().to(device)
        self._decoder = decoder.eval().to(device)
        self._device = device

    @classmethod
    def load(cls, checkpoint: Path | None = None, device: str = "cpu") -> Self:
        """The public weights: the file given, or the one that `squeezesam peers fetch mobilesam` keeps.

        Raises ModelFileError if it was not fetched or is not MobileSAM's.
        """
        path = fetch.weights("mobilesam") if checkpoint is None else checkpoint
        state = checkpoints.load(path)
        encoder, decoder = TinyViT(), SamDecoder()
        prefix = "image_encoder."
        try:
            # the classifier that TinyViT was pretrained with is in the file, and of no use here
            encoder.load_state_dict(
                {
                    name.removeprefix(prefix): tensor
                    for name, tensor in state.items()
                    if name.startswith(prefix) and not name.startswith((f"{prefix}head", f"{prefix}norm_head"))
                }
            )
            decoder.load_state_dict(rename({n: t for n, t in state.items() if not n.startswith(prefix)}))
        except (KeyError, RuntimeError, TypeError) as error:
            raise ModelFileError(
                f"{path} is not MobileSAM's checkpoint ({error}).", "Run `squeezesam peers fetch mobilesam`."
            ) from error
        return cls(encoder, decoder, device)

    @torch.inference_mode()
    def embed(self, image: NDArray[np.uint8]) -> Embedding:
        """Run the encoder once: image (H, W, 3) uint8 RGB, upright."""
        height, width = image.shape[:2]
        scale = SIDE / max(height, width)
        size = (int(width * scale + 0.5), int(height * scale + 0.5))
        resized = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
        pixels = torch.from_numpy(normalise(resized)).to(self._device)
        padded = F.pad(pixels, (0, SIDE - size[0], 0, SIDE - size[1]))
        return Embedding(self._encoder(padded[None]), (width, height), size)

    @torch.inference_mode()
    def predict(
        self,
        embedding: Embedding,
        points: NDArray[np.float32],
        labels: NDArray[np.int64],
        box: NDArray[np.float32] | None = None,
        previous_logits: NDArray[np.float32] | None = None,
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]:
        """Run the decoder once.

        points (N, 2) float pixels of the photo (geometry's image frame), labels (N,): 1 the object, 0 background; box
        (4,) x0, y0, x1, y1 in the same frame; previous_logits (256, 256) float32: one of an earlier call's.
        Returns three masks (3, H, W) bool at the photo's size, their predicted IoU (3,) float32, and their logits
        (3, 256, 256) float32 of the padded square. Raises InvalidPromptError without point and box.
        """
        if len(points) == 0 and box is None:
            raise InvalidPromptError("MobileSAM was given neither a click nor a box.", "Give it one.")
        corners, kinds = (np.zeros((1, 2)), [PAD]) if box is None else (np.reshape(box, (2, 2)), [2, 3])
        coordinates = np.concatenate([np.reshape(points, (-1, 2)), corners])
        coordinates = coordinates * (np.array(embedding.network) / np.array(embedding.image))
        unit = torch.tensor(coordinates / SIDE, dtype=torch.float32, device=self._device)
        tokens = torch.tensor([*labels, *kinds], dtype=torch.int64, device=self._device)
        previous = None if previous_logits is None else torch.from_numpy(previous_logits).to(self._device)[None, None]
        logits, iou = self._decoder(embedding.features, unit[None], tokens[None], previous)
        chosen = logits[:, 1:]
        width, height = embedding.network
        square = F.interpolate(chosen, (SIDE, SIDE), mode="bilinear", align_corners=False)
        photo = F.interpolate(square[..., :height, :width], embedding.image[::-1], mode="bilinear", align_corners=False)
        return (photo[0] > 0).cpu().numpy(), iou[0, 1:].cpu().numpy(), chosen[0].cpu().numpy()
