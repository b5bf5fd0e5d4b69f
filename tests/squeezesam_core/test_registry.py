"""Versions: named by content, refused when tampered with."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import MANIFEST, File, Manifest, default_weights, load_manifest, load_whole


def edit(manifest: Manifest, change: Callable[[dict], None]) -> None:
    path = manifest.directory / MANIFEST
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_a_written_version_reads_back(version) -> None:
    written = version()
    assert load_manifest(written.directory) == written
    assert written.path("int8").name == "squeezesam.int8.onnx"


def test_version_changes_with_the_files_and_with_nothing_else(version) -> None:
    written = version()
    before = written.version
    edit(written, lambda document: document["facts"].update(note="other"))
    assert load_manifest(written.directory).version == before
    edit(written, lambda document: document["files"]["int8"].update(sha256="0" * 64))
    assert load_manifest(written.directory).version != before
    assert before.startswith("squeezesam-")


def test_a_file_for_phones_is_no_other_version_and_is_checked_all_the_same(version) -> None:
    written = version()
    (written.directory / "squeezesam.int8.ort").write_bytes(b"phone")
    file = File.of(written.directory / "squeezesam.int8.ort")
    replace(written, files={**written.files, "ort": file}).write()
    manifest = load_whole(written.directory)
    assert manifest.version == written.version
    assert manifest.path("ort").read_bytes() == b"phone"
    manifest.path("ort").write_bytes(b"other")
    with pytest.raises(ModelFileError, match="SHA-256"):
        load_whole(written.directory)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"), "SHA-256"),
        (lambda path: path.write_bytes(b""), "SHA-256"),
        (lambda path: path.unlink(), "missing"),
    ],
    ids=["one byte", "emptied", "gone"],
)
def test_damaged_files_are_refused(version, damage: Callable[[Path], object], named: str) -> None:
    manifest = version()
    damage(manifest.directory / "squeezesam.int8.onnx")
    with pytest.raises(ModelFileError, match=rf"int8\.onnx.*{named}"):
        manifest.path("int8")


def test_kind_that_a_version_lacks(version) -> None:
    with pytest.raises(ModelFileError, match="no checkpoint file"):
        version().path("checkpoint")


@pytest.mark.parametrize("name", ["../outside.onnx", "/etc/passwd", "sub/file.onnx"])
def test_manifest_cannot_name_files_elsewhere(version, name: str) -> None:
    manifest = version()
    edit(manifest, lambda document: document["files"]["int8"].update(name=name))
    with pytest.raises(ModelFileError, match="outside its folder"):
        load_manifest(manifest.directory)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"name": "a", "preset": "b", "spec": {"width": 3}, "files": {}}'],
    ids=["empty", "list", "no fields", "unknown spec"],
)
def test_what_is_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(ModelFileError, match="is not a manifest"):
        load_manifest(tmp_path)


def test_folder_without_a_version(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="holds no model version"):
        load_manifest(tmp_path)


def test_weights_of_a_clone_are_beside_the_package() -> None:
    assert default_weights().name == "weights"
