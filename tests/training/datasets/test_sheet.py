"""The picture of a data set's masks."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.samples import read_folder
from training.datasets.cli import app
from training.datasets.sheet import COLOURS, draw_sheet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three black photos whose left half is masked."""
    mask = np.zeros((60, 80), np.uint8)
    mask[:, :40] = 255
    for name in "abc":
        for kind, pixels in (("images", np.zeros((60, 80, 3), np.uint8)), ("masks", mask)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / kind / f"{name}.png")
    return tmp_path


def test_masks_are_tinted(folder: Path) -> None:
    sheet = draw_sheet(list(read_folder(folder)), count=2, seed=0)
    assert sheet.shape == (260, 640, 3)
    for left in (0, 320):
        assert sheet[120, left + 80].tolist() == [value // 2 for value in COLOURS[0]]
        assert not sheet[120, left + 240].any()


def test_photos_that_cannot_be_read_are_left_out(folder: Path) -> None:
    samples = list(read_folder(folder))
    (folder / "images" / "a.png").write_bytes(b"x")
    (folder / "masks" / "b.png").write_bytes(b"x")
    assert draw_sheet(samples, count=3, seed=0).shape == (260, 320, 3)
    (folder / "images" / "c.png").unlink()
    with pytest.raises(InvalidDatasetError, match="dataset check"):
        draw_sheet(samples, count=3, seed=0)


def test_sheet_from_the_command_line(folder: Path) -> None:
    result = CliRunner().invoke(app, ["sheet", str(folder), "-o", str(folder / "sheet.png")], catch_exceptions=False)
    assert result.exit_code == 0
    assert cv2.imread(str(folder / "sheet.png")).shape == (260, 960, 3)
