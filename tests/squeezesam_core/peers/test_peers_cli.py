"""squeezesam peers as a person runs it. What fetching does is test_fetch's matter."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from squeezesam_core.cli import app
from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.evaluation.peers import fetch

CONTENT = b"weights"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SQUEEZESAM_PEERS", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run(*arguments: str):
    return CliRunner().invoke(app, ["peers", *arguments])


def test_a_fetched_file_is_named_with_its_size_and_licence(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bring(peer, folder, archive):
        folder.mkdir()
        (folder / peer.file).write_bytes(CONTENT)
        return folder / peer.file

    monkeypatch.setattr(fetch, "fetch", bring)
    result = run("fetch", "mobilesam")
    assert result.exit_code == 0
    assert str(cache / "mobile_sam.pt") in result.stdout
    assert "40.7 MB" in result.stdout
    assert "Apache-2.0" in result.stdout


def test_the_list_says_what_is_missing(cache: Path) -> None:
    peers = json.loads(run("list", "--json").stdout)["peers"]
    assert {peer["name"]: peer["here"] for peer in peers} == dict.fromkeys(("mobilesam", "u2netp", "u2net"), False)


@pytest.mark.parametrize("arguments", [("nothing",), ("--archive", "x.whl")], ids=["unknown", "archive-of-which"])
def test_mistakes_are_named(cache: Path, arguments) -> None:
    assert isinstance(run("fetch", *arguments).exception, SqueezeSAMError)
