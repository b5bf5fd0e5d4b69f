"""Both kinds of store: what is published serves whole, whatever is killed and whoever else publishes."""

import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from squeezesam_core import registry
from squeezesam_core import store as stores
from squeezesam_core.cli import app
from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import File, Manifest, load_manifest, load_whole
from squeezesam_core.store import OvertakenError, find, history, locate, publish, rollback, versions


def in_service(store: str) -> str:
    """The version of the segmenter that serves; all its files are there and right."""
    return load_whole(locate(store, "squeezesam")).version


def test_published_versions_serve_and_roll_back(store: str, exported: Callable[[str], Path]) -> None:
    first, second = publish(exported("a"), store), publish(exported("b"), store)
    assert first.version != second.version
    assert in_service(store) == second.version
    assert rollback(store, "squeezesam").version == first.version
    assert in_service(store) == first.version
    assert {first.version, second.version} <= {manifest.version for manifest in versions(store)}


def test_the_first_one_published_can_be_rolled_back(
    store: str, exported: Callable[[str], Path], shipped: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To what served before, even if another release by now ships another one."""
    publish(exported("a"), store)
    monkeypatch.setattr(registry, "default_weights", lambda: Path("/another"))
    assert rollback(store, "squeezesam").version == shipped.version == in_service(store)
    with pytest.raises(ModelFileError, match="no version"):
        rollback(store, "squeezesam")
    assert in_service(store) == shipped.version


def test_publishing_again_is_no_second_version(store: str, exported: Callable[[str], Path], shipped: Manifest) -> None:
    first = publish(exported("a"), store)
    assert publish(exported("a"), store).version == first.version
    assert history(store, "squeezesam") == [first.version, shipped.version]
    publish(exported("b"), store)
    publish(exported("a"), store)
    assert len(history(store, "squeezesam")) == 4
    assert len(versions(store)) == 3


def test_what_ships_may_be_published(store: str, shipped: Manifest) -> None:
    publish(shipped.directory, store)
    assert history(store, "squeezesam") == [shipped.version]


def test_a_version_with_other_files_for_phones_is_the_same_version(
    store: str, exported: Callable[[str], Path], shipped: Manifest
) -> None:
    published = publish(exported("a"), store)
    (exported("a") / "new.ort").write_text("for phones")
    manifest = load_manifest(exported("a"))
    replace(manifest, files={**manifest.files, "ort": File.of(exported("a") / "new.ort")}).write()
    assert publish(exported("a"), store).version == published.version
    assert history(store, "squeezesam") == [published.version, shipped.version]
    assert in_service(store) == published.version


def test_a_version_takes_the_place_only_of_the_one_that_it_was_compared_with(
    store: str, exported: Callable[[str], Path], shipped: Manifest
) -> None:
    first = publish(exported("a"), store, over=shipped.version)
    with pytest.raises(OvertakenError, match=f"{first.version} serves by now"):
        publish(exported("b"), store, over=shipped.version)
    assert in_service(store) == first.version
    publish(exported("b"), store, over=first.version)
    assert in_service(store) != first.version


def test_a_version_is_found_by_its_name(store: str, exported: Callable[[str], Path]) -> None:
    first = publish(exported("a"), store)
    publish(exported("b"), store)
    assert find(first.version, store).path("checkpoint").read_text() == "a"
    assert find("squeezesam", store) in registry.shipped()
    for unknown in ("squeezesam-0123456789ab", "../squeezesam"):
        with pytest.raises(ModelFileError, match="no"):
            find(unknown, store)


def test_what_a_store_lacks_ships(store: str, exported: Callable[[str], Path]) -> None:
    published = publish(exported("a"), store)
    assert in_service(store) == published.version == stores.in_service(store, "squeezesam")
    assert locate(store, "saliency") == registry.default_weights() / "saliency"
    assert stores.in_service(store, "saliency") == load_manifest(registry.default_weights() / "saliency").version


@pytest.mark.parametrize(
    "damage", [lambda path: path.write_text("!"), lambda path: path.unlink()], ids=["file", "gone"]
)
def test_a_damaged_version_changes_nothing(
    store: str, exported: Callable[[str], Path], damage: Callable[[Path], object]
) -> None:
    first = publish(exported("a"), store)
    damage(exported("b") / "extra.pt")
    with pytest.raises(ModelFileError):
        publish(exported("b"), store)
    assert in_service(store) == first.version
    assert history(store, "squeezesam")[0] == first.version


def _publish_often(folders: list[Path], store: str) -> None:
    for folder in folders * 5:
        stores.publish(folder, store)


def test_two_publishers_and_a_reader(store: str, exported: Callable[[str], Path]) -> None:
    folders = [exported("a"), exported("b")]
    publish(folders[0], store)
    context = multiprocessing.get_context("spawn")
    publishers = [context.Process(target=_publish_often, args=(order, store)) for order in (folders, folders[::-1])]
    for publisher in publishers:
        publisher.start()
    known, reads = {load_manifest(folder).version for folder in folders}, 0
    while any(publisher.is_alive() for publisher in publishers):
        assert in_service(store) in known
        reads += 1
        time.sleep(0.005)
    assert [publisher.exitcode for publisher in publishers] == [0, 0]
    assert reads > 0
    lines = history(store, "squeezesam")
    assert set(lines[:-1]) == known
    assert all(a != b for a, b in pairwise(lines)), "a repeated line would make a rollback do nothing"


def test_the_command_publishes_lists_and_rolls_back(store: str, exported: Callable[[str], Path]) -> None:
    def answer(*arguments: object) -> dict:
        argv = ["models", *map(str, arguments), "--store", store, "--json"]
        result = CliRunner().invoke(app, argv, env={"COLUMNS": "200"}, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    first, second = answer("publish", exported("a")), answer("publish", exported("b"))
    serving = [row["version"] for row in answer("list")["models"] if row["serves"]]
    assert second["version"] in serving and first["version"] not in serving
    assert answer("show", first["version"])["facts"] == {"note": "test"}
    assert answer("rollback")["version"] == first["version"] == in_service(store)
