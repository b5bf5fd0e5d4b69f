"""What runs a network: ONNX Runtime when serving, torch when training and comparing."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import NetworkInput


class Session(Protocol):
    """A loaded SqueezeSAM. Holds weights, never an image: every call is independent, and calls may run at once."""

    @property
    def spec(self) -> NetworkInput:
        """The input size and channels the network was made for."""
        ...

    def run(
        self, fused: NDArray[np.float32], points: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the network once.

        fused: (channels, height, width) float32 from fusion.fuse, network frame.
        points: (N, 2) float32 unit frame; labels: (N,) int64 as Prompt.labels. N may be 0.
        Returns mask logits (4, height/4, width/4) float32 (> 0 is object; the first is the single mask, the others
        answer one ambiguous click, as SAM) and predicted IoU (4,) float32 in 0..1.
        """
        ...


class DetectorSession(Protocol):
    """A loaded salient object detector."""

    @property
    def spec(self) -> NetworkInput:
        """The input size the network was made for (3 channels)."""
        ...

    def run(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """image: (3, height, width) float32 as fusion.normalise gives it, network frame.

        Returns saliency (h, w) float32 in 0..1, of the whole photo at the network's own output resolution.
        """
        ...
