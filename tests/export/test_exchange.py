"""Folders that change places: at no instant is one of the names missing."""

import threading
from pathlib import Path

import pytest

from export.exchange import exchange
from squeezesam_core.errors import ModelFileError


def test_a_reader_finds_one_or_the_other_always(tmp_path: Path) -> None:
    for name in ("served", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "which").write_text(name)
    done, missing, seen = threading.Event(), [], set()

    def read() -> None:
        while not done.is_set():
            try:
                seen.add((tmp_path / "served" / "which").read_text())
            except FileNotFoundError as error:
                missing.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(2001):
        exchange(tmp_path / "new", tmp_path / "served")
    done.set()
    reader.join()
    assert missing == []
    assert seen == {"served", "new"}
    assert (tmp_path / "served" / "which").read_text() == "new"
    assert (tmp_path / "new" / "which").read_text() == "served"


def test_what_cannot_be_exchanged_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with pytest.raises(ModelFileError, match="served cannot be replaced"):
        exchange(tmp_path / "new", tmp_path / "served")
    assert (tmp_path / "served").is_dir()
