"""One round of fine-tuning: from labels to a version that serves, or to the reason why not.

With backend.cli the one module of `backend` that may import training and export: it strings their steps together. Each
step leaves its result in the round's folder, so a round that was stopped or killed goes on where it was.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.settings import SettingsError

if TYPE_CHECKING:
    from squeezesam_core.registry import Manifest
    from squeezesam_core.store import Address
    from training.datasets.snapshot import Snapshot

Tell = Callable[[float, str], bool]
"""Told how far a round is, 0..1, and what it does. The round stops when it returns False: at once while it learns, else
after the step at hand."""
LEARNING = (0.05, 0.8)
"""From where to where the learning goes in a round's progress."""
COMPARISONS = 3
"""With what serves, at most: each after the first because somebody published meanwhile."""
LEFT = (".export-*", ".snapshot-*")
"""Folders that a killed step leaves."""


class ClaimedError(SettingsError):
    """A folder that was named for a round and holds another one."""


@dataclass(frozen=True)
class Labels:
    """What a round learns from. of: whose labels they are, in words; a round never goes on with others' (project 3 of
    http://localhost:8080). gather: gives the folder of a data set (training.datasets.sources)."""

    of: str
    gather: Callable[[], Path]


def run(
    folder: Path,
    store: "Address",
    labels: Labels,
    *,
    detector: Path | None = None,
    changes: Iterable[str] = (),
    publish: bool = True,
    tell: Tell = lambda *_: True,
) -> dict[str, Any] | None:
    """Run a round, or what is left of it; what came of it, None if it was told to stop.

    folder: the round's; made if it is missing. store: of the versions (squeezesam_core.store); a folder is made if it
    is missing. labels: gathered once in a round. detector: in place of the store's, as SQUEEZESAM_DETECTOR. changes: of
    the recipe, KEY=VALUE in TOML. publish: whether the candidate serves if it wins.

    The result: evaluation.contest.Verdict as JSON, `from` and `version` (names), and `serves`. Raises SqueezeSAMError;
    ParityError if int8 or a phone's file draws other masks than fp32.
    """
    from squeezesam_core.ort_session import load_detector
    from squeezesam_core.store import DETECTOR, is_folder, locate
    from training.fine_tune import fine_tune, plan

    if is_folder(store):
        Path(store).mkdir(parents=True, exist_ok=True)
    changes = list(changes)
    _claim(folder, {"labels": labels.of, "changes": changes})
    if not tell(0, "Gathers labels."):
        return None
    snapshot = _snapshot(folder / "data", labels.gather)  # first: a round that lacks labels holds on to no version
    start, checkpoint = _start(folder, store)
    learnt, aside = snapshot.objects["train"], snapshot.objects["held_out"]
    told = f"{start} learns from {learnt} objects; {aside} are set aside."
    if not tell(LEARNING[0], told):
        return None
    recipe = plan(checkpoint, learnt, changes)
    low, high = LEARNING

    def after(step: int) -> bool:
        return tell(low + (high - low) * step / recipe.steps, told)

    seeing = load_detector(detector or locate(store, DETECTOR))
    trained = fine_tune(recipe, snapshot, seeing, folder / "run", after)
    if trained is None or not tell(high, "Exports the candidate."):
        return None
    candidate = _export(trained, snapshot, folder / "candidate", start)
    if not tell(0.9, "Asks both versions about the photos that were set aside."):
        return None
    return _judge(folder, candidate, snapshot, store, seeing, publish)


def _claim(folder: Path, of: dict[str, Any]) -> None:
    """Make the round's folder, or go on in it; what killed steps left there goes.

    Raises ClaimedError if it holds a round on other labels or with another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "round.json"
    if not note.is_file():
        _write(note, of)
    found = json.loads(note.read_text(encoding="utf-8"))
    if found != of:
        raise ClaimedError(
            f"{folder} holds a round on {_in_words(found)}, and one on {_in_words(of)} was asked for.",
            "Give each a folder of its own, or delete this one.",
        )
    for pattern in LEFT:
        for left in folder.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)


def _in_words(of: dict[str, Any]) -> str:
    return " with ".join([str(of["labels"]), *of["changes"]])


def _start(out: Path, store: "Address") -> tuple[str, Path]:
    """The segmenter that the round starts from, which was in service when it began: its version, and a copy of its
    checkpoint, since stores and releases change."""
    from squeezesam_core.registry import load_manifest
    from squeezesam_core.store import SEGMENTER, locate

    note, copy = out / "start.json", out / "start.pt"
    if not note.is_file():
        manifest = load_manifest(locate(store, SEGMENTER))
        shutil.copyfile(manifest.path("checkpoint"), copy)
        _write(note, {"version": manifest.version})
    return str(json.loads(note.read_text(encoding="utf-8"))["version"]), copy


def _snapshot(folder: Path, gather: Callable[[], Path]) -> "Snapshot":
    from training.datasets.snapshot import Snapshot, write_snapshot

    return Snapshot.read(folder) if folder.is_dir() else write_snapshot(gather(), folder)


def _export(checkpoint: Path, snapshot: "Snapshot", folder: Path, start: str) -> "Manifest":
    from export.phone import formats_at_hand
    from export.version import export_version
    from squeezesam_core.registry import load_manifest

    if not folder.is_dir():
        learnt = {"from": start, "photos": snapshot.photos, "objects": snapshot.objects}
        photos, facts = [snapshot.directory / "train"], {"fine_tuning": learnt}
        export_version(checkpoint, photos, folder, phone=formats_at_hand(), facts=facts)
    return load_manifest(folder)


def _judge(
    folder: Path, candidate: "Manifest", snapshot: "Snapshot", store: "Address", detector: Any, publish: bool
) -> dict[str, Any]:
    """The verdict, and the candidate in service if it wins over what serves; again if that changes meanwhile."""
    from squeezesam_core.store import OvertakenError
    from squeezesam_core.store import publish as let_serve

    note = folder / "published.json"  # a rollback after that must stand, should the round be run once more
    for comparison in range(COMPARISONS):
        verdict = _verdict(folder / "verdict.json", candidate, snapshot, store, detector)
        if verdict["wins"] and publish and not note.is_file():
            try:
                let_serve(candidate.directory, store, over=verdict["from"])
            except OvertakenError:
                if comparison + 1 == COMPARISONS:
                    raise
                continue
            _write(note, {"version": candidate.version})
        break
    return verdict | {"version": candidate.version, "serves": note.is_file()}


def _verdict(
    path: Path, candidate: "Manifest", snapshot: "Snapshot", store: "Address", detector: Any
) -> dict[str, Any]:
    """The verdict on the candidate and the version in service now, which may be another than the round started from."""
    from squeezesam_core.evaluation.contest import as_json, contest
    from squeezesam_core.evaluation.model import SqueezeSAMModel
    from squeezesam_core.evaluation.scene import Models
    from squeezesam_core.ort_session import load_segmenter
    from squeezesam_core.registry import load_manifest
    from squeezesam_core.samples import read_folder
    from squeezesam_core.store import SEGMENTER, locate

    serving = load_manifest(locate(store, SEGMENTER))
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if found and serving.version in (found["from"], candidate.version):
        return found
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
