"""The import contracts of pyproject.toml notice a forbidden arrow; `make lint` says that the tree keeps them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOMS = ("backend", "export", "squeezesam_core", "training")
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

PLANTED = {
    "library": ("squeezesam_core/planted.py", "import backend.settings"),
    "siblings": ("training/planted.py", "import export.fold"),
    "torch": ("squeezesam_core/planted.py", "def f():\n    import torch"),
    "networks": ("backend/planted.py", "import squeezesam_core.model.presets"),
    "label-studio": ("training/planted.py", "import label_studio_sdk"),
    "queue": ("backend/planted.py", "import rq"),
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    for room in ROOMS:
        shutil.copytree(REPOSITORY / room, folder / room, ignore=lambda *_: {"__pycache__", "photos", "weights"})
    return folder


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_arrow_is_caught(clone: Path, contract: str) -> None:
    path, code = PLANTED[contract]
    (clone / path).write_text(f"{code}\n")
    argv = [str(LINT_IMPORTS), "--contract", contract, "--no-cache"]
    broken = subprocess.run(argv, cwd=clone, capture_output=True, text=True, check=False)
    (clone / path).unlink()
    kept = subprocess.run(argv, cwd=clone, capture_output=True, text=True, check=False)
    assert (broken.returncode, kept.returncode) == (1, 0), broken.stdout + kept.stdout
