"""Sessions that run a training checkpoint in torch: what a model is worth before it is exported."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from squeezesam_core.errors import ModelFileError
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.model import checkpoint
from squeezesam_core.model.presets import rebuild
from squeezesam_core.model.saliency_net import SaliencyNet
from squeezesam_core.model.squeezesam import SqueezeSAM


class TorchSegmenter:
    """A SqueezeSAM in torch, on the CPU, in fp32 (session.Session)."""

    precision = "torch fp32"

    def __init__(self, network: SqueezeSAM, version: str) -> None:
        self.network = network.eval()
        self.spec: NetworkInput = network.spec
        self.version = version

    @torch.inference_mode()
    def run(
        self, fused: NDArray[np.float32], points: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See session.Session."""
        logits, iou = self.network(*(torch.from_numpy(array)[None] for array in (fused, points, labels)))
        return logits[0].numpy(), iou[0].numpy()


class TorchDetector:
    """A detector in torch, on the CPU, in fp32 (session.DetectorSession)."""

    precision = "torch fp32"

    def __init__(self, network: SaliencyNet, version: str) -> None:
        self.network = network.eval()
        self.spec: NetworkInput = network.spec
        self.version = version

    @torch.inference_mode()
    def run(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """See session.DetectorSession."""
        saliency: NDArray[np.float32] = self.network(torch.from_numpy(image)[None]).sigmoid()[0, 0].numpy()
        return saliency


def load_checkpoint_session(path: Path) -> TorchSegmenter | TorchDetector:
    """The network of a run's last.pt or of a version's half-precision checkpoint, at the size it is trained for.

    Raises ModelFileError if the file is missing or is none of ours.
    """
    content = checkpoint.load(path)
    try:
        network = rebuild(content)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelFileError(
            f"{path} is not a checkpoint of training ({error!r}).",
            "Use the last.pt of a run, or a version's checkpoint.",
        ) from error
    version = f"{content['preset']}-step-{content['step']}" if "step" in content else path.stem
    if isinstance(network, SqueezeSAM):
        return TorchSegmenter(network, version)
    return TorchDetector(network, version)
