"""One round of fine-tuning: from labels to a version that serves, or to the reason why not.

With backend.cli the one module of `backend` that may import training and export: it strings their steps together. Each
step leaves its result in the round's folder, so a round that was stopped or killed goes on where it was.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from squeezesam_core.registry import Manifest
    from squeezesam_core.store import Address
    from training.datasets.snapshot import Snapshot

Tell = Callable[[float, str], bool]
"""Told how far a round is, 0..1, and what it does. The round stops when it returns False: at once while it learns, else
after the step at hand."""
LEARNING = (0.05, 0.8)
"""From where to where the learning goes in a round's progress."""


def run(
    folder: Path,
    store: "Address",
    labels: Callable[[], Path],
    *,
    changes: Iterable[str] = (),
    publish: bool = True,
    tell: Tell = lambda *_: True,
) -> dict[str, Any] | None:
    """Run a round, or what is left of it; what came of it, None if it was told to stop.

    folder: the round's; made if it is missing. store: of the versions (squeezesam_core.store); a folder is made if it
    is missing. labels: gives the folder of a data set (training.datasets.sources); called once in a round. changes: of
    the recipe, KEY=VALUE in TOML. publish: whether the candidate serves if it wins.

    The result: `wins`, `why`, `photos`, `objects`, `gain`, `doubt`, `serving` and `candidate` (mean IoU by figure,
    0..1), `from` and `version` (names), `serves`. Raises SqueezeSAMError.
    """
    from squeezesam_core.store import is_folder
    from training.fine_tune import fine_tune, plan

    if is_folder(store):
        Path(store).mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    if not tell(0, "Gathers labels."):
        return None
    snapshot = _snapshot(folder / "data", labels)  # first: a round that lacks labels must not hold on to a version
    start = _start(folder, store)
    learnt, aside = snapshot.objects["train"], snapshot.objects["held_out"]
    told = f"{start.version} learns from {learnt} objects; {aside} are set aside."
    if not tell(LEARNING[0], told):
        return None
    recipe = plan(start.path("checkpoint"), learnt, changes)
    low, high = LEARNING

    def after(step: int) -> bool:
        return tell(low + (high - low) * step / recipe.steps, told)

    checkpoint = fine_tune(recipe, snapshot, _detector(store), folder / "run", after)
    if checkpoint is None or not tell(high, "Exports the candidate."):
        return None
    candidate = _export(checkpoint, snapshot, folder / "candidate", start)
    if not tell(0.9, "Asks both versions about the photos that were set aside."):
        return None
    verdict = _verdict(folder / "verdict.json", candidate, snapshot, store)
    serves = bool(verdict["wins"]) and publish
    if serves:
        from squeezesam_core import store as stores

        stores.publish(candidate.directory, store)
    return verdict | {"version": candidate.version, "serves": serves}


def _start(out: Path, store: "Address") -> "Manifest":
    """The segmenter that the round starts from: the one in service when it began."""
    from squeezesam_core.store import find

    note = out / "start.json"
    if not note.is_file():
        manifest = _in_service(store)
        _write(note, {"version": manifest.version})
        return manifest
    return find(json.loads(note.read_text(encoding="utf-8"))["version"], store)


def _in_service(store: "Address") -> "Manifest":
    from squeezesam_core.registry import load_manifest
    from squeezesam_core.store import SEGMENTER, locate

    return load_manifest(locate(store, SEGMENTER))


def _snapshot(folder: Path, labels: Callable[[], Path]) -> "Snapshot":
    from training.datasets.snapshot import Snapshot, write_snapshot

    return Snapshot.read(folder) if folder.is_dir() else write_snapshot(labels(), folder)


def _detector(store: "Address") -> Any:
    from squeezesam_core.ort_session import load_detector
    from squeezesam_core.store import DETECTOR, locate

    return load_detector(locate(store, DETECTOR))


def _export(checkpoint: Path, snapshot: "Snapshot", folder: Path, start: "Manifest") -> "Manifest":
    from export.phone import formats_at_hand
    from export.version import export_version
    from squeezesam_core.registry import load_manifest

    if not folder.is_dir():
        learnt = {"from": start.version, "photos": snapshot.photos, "objects": snapshot.objects}
        photos, facts = [snapshot.directory / "train"], {"fine_tuning": learnt}
        export_version(checkpoint, photos, folder, phone=formats_at_hand(), facts=facts)
    return load_manifest(folder)


def _verdict(path: Path, candidate: "Manifest", snapshot: "Snapshot", store: "Address") -> dict[str, Any]:
    """The verdict on the candidate and the version in service now, which may be another than the round started from."""
    from squeezesam_core.evaluation.contest import as_json, contest
    from squeezesam_core.evaluation.model import SqueezeSAMModel
    from squeezesam_core.evaluation.scene import Models
    from squeezesam_core.ort_session import load_segmenter
    from squeezesam_core.samples import read_folder

    serving = _in_service(store)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if found and serving.version in (found["from"], candidate.version):
        return found
    detector = _detector(store)
    ours, theirs = (
        Models(SqueezeSAMModel(load_segmenter(manifest.directory), manifest.version), detector)
        for manifest in (serving, candidate)
    )
    verdict = as_json(contest(ours, theirs, list(read_folder(snapshot.directory / "held_out"))))
    found = {"from": serving.version, **verdict}
    _write(path, found)
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)
