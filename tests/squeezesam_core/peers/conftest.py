"""A MobileSAM of random weights, laid out as the public checkpoint."""

from pathlib import Path

import numpy as np
import pytest

LAYOUT = Path(__file__).parent / "mobilesam_layout.txt"
"""Every tensor of the public checkpoint: its name and shape."""


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    state = {}
    for line in LAYOUT.read_text(encoding="utf-8").splitlines():
        name, _, shape = line.partition(" ")
        dims = tuple(int(length) for length in shape.split(",") if length)
        values = rng.standard_normal(dims).astype(np.float32) / max(1.0, np.sqrt(np.prod(dims[1:])) if dims else 1.0)
        if name.endswith("running_var"):
            values = np.abs(values) + 1
        if name.endswith("num_batches_tracked"):
            values = np.zeros((), np.int64)
        state[name] = torch.from_numpy(np.asarray(values, values.dtype))
    path = tmp_path_factory.mktemp("mobilesam") / "mobile_sam.pt"
    torch.save(state, path)
    return path
