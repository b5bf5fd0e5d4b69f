"""A project's finished labels and their photos in a folder that training reads: `squeezesam dataset pull`.

    OUT/labels.json    the labels, as Label Studio exports them in the format JSON
    OUT/images/        the photos, named by the hash of their bytes
    OUT/photos.jsonl   which address each photo came from, a line each: none is fetched twice

labels.json is replaced in one step at the end. Whatever is killed before, it is the one of the last whole pull, and the
next pull goes on with the photos.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from backend.images import ImageSource, portable
from backend.label_studio import LabelStudio
from backend.labeling_config import LabelingConfig, parse
from backend.project_tasks import Failure, pages
from squeezesam_core.errors import SqueezeSAMError

LABELS, IMAGES, KNOWN = "labels.json", "images", "photos.jsonl"

KEPT = ("id", "result", "was_cancelled", "ground_truth", "updated_at", "parent_prediction")
"""What is kept of an annotation; not who made it, nor how long it took."""

Record = dict[str, Any]


@dataclass
class Pulled:
    """What a pull did: tasks of the project, of those looked at, photos with labels, fetched anew; and the failures."""

    tasks: int = 0
    seen: int = 0
    labelled: int = 0
    fetched: int = 0
    failures: list[Failure] = field(default_factory=list)


def pull(
    project: int,
    out: Path,
    label_studio: LabelStudio,
    images: ImageSource,
    *,
    workers: int = 2,
    report: Callable[[Pulled], None] = lambda _: None,
) -> Pulled:
    """Write the project's finished labels and their photos to the folder `out`, which is made if it is missing.

    Of each task all annotations are taken that somebody finished and that hold a region; training picks one of them
    (training.datasets.label_studio). A task whose photo cannot be had is noted and left out. workers: photos fetched at
    once; memory holds the labels of one page of tasks. report: called after each page.
    Raises ConfigurationError, or LabelStudioError if the tasks cannot be listed: labels.json then stays as it was.
    """
    config = parse(label_studio.project(project)["label_config"])
    (out / IMAGES).mkdir(parents=True, exist_ok=True)
    pulled, photos = Pulled(), _Photos(out, images)
    unfinished = out / f".{LABELS}.unfinished"
    with unfinished.open("w", encoding="utf-8") as file, ThreadPoolExecutor(workers) as pool:
        file.write("[")
        for tasks, total in pages(project, label_studio):
            pulled.tasks = total
            for records, failure in pool.map(partial(_labels_of, config, label_studio, photos), tasks):
                for record in records:
                    file.write(("," if pulled.labelled else "") + "\n" + json.dumps(record))
                    pulled.labelled += 1
                if failure is not None:
                    pulled.failures.append(failure)
            pulled.seen += len(tasks)
            pulled.fetched = photos.fetched
            report(pulled)
        file.write("\n]\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(out / LABELS)
    return pulled


class _Photos:
    """The photos of a pull's folder by their addresses; several threads may ask."""

    def __init__(self, out: Path, images: ImageSource) -> None:
        self.fetched = 0
        self._folder = out / IMAGES
        self._index = out / KNOWN
        self._images = images
        self._lock = Lock()
        self._names = dict(_read_index(self._index))

    def name_of(self, url: str) -> str:
        """The photo's file name. Raises as ImageSource.read and images.portable."""
        name = self._names.get(url)
        if name is not None and (self._folder / name).is_file():
            return name
        data, suffix = portable(self._images.read(url), url, self._images.limits)
        name = sha256(data).hexdigest()[:16] + suffix
        unfinished = self._folder / f".{name}.{os.urandom(4).hex()}"
        unfinished.write_bytes(data)
        unfinished.replace(self._folder / name)
        with self._lock, self._index.open("a", encoding="utf-8") as index:
            index.write(json.dumps({"url": url, "photo": name}) + "\n")
            self._names[url] = name
            self.fetched += 1
        return name


def _read_index(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            entry = json.loads(line)
        except ValueError:  # the line that a killed pull was writing
            continue
        yield entry["url"], entry["photo"]


def _labels_of(
    config: LabelingConfig, label_studio: LabelStudio, photos: _Photos, task: Mapping[str, Any]
) -> tuple[list[Record], Failure | None]:
    """A record for each of the task's photos that somebody labelled."""
    if not task.get("total_annotations"):
        return [], None
    try:
        annotations = label_studio.call("GET", f"/api/tasks/{task['id']}/annotations/")
        records = [_record(task, one, annotations, photos) for one in (config, *config.others)]
        return [record for record in records if record is not None], None
    except SqueezeSAMError as error:
        return [], Failure(task["id"], error.cause, error.remedy)


def _record(
    task: Mapping[str, Any], config: LabelingConfig, annotations: list[Record], photos: _Photos
) -> Record | None:
    """The annotations of one image of a task, with the photo's file in place of its address; None without any."""
    url = task["data"].get(config.data_key)
    kept = []
    for annotation in annotations:
        regions = [region for region in annotation.get("result") or () if region.get("to_name") == config.image]
        if regions and not annotation.get("was_cancelled"):
            kept.append({key: annotation.get(key) for key in KEPT} | {"result": regions})
    if not kept or not isinstance(url, str):
        return None
    return {"id": task["id"], "data": {config.data_key: photos.name_of(url)}, "annotations": kept}
