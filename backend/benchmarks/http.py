"""The rows of `squeezesam bench --suite http`, and MobileSAM behind the same kind of server in the same run.

Every time is wall time from sending a request to having its reply read, on a server that is held to `cores` cores. The
client runs beside it and takes part of them on a machine that has no more.
"""

import os
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from httpx import HTTPError

from backend.benchmarks.bodies import CLICKS, Photo, clicks, regions, request, task
from backend.benchmarks.server import Server, ServerError, ask, serving
from squeezesam_core.benchmark import Row, photograph
from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.geometry import Size

SIZES: dict[str, Size] = {"1mpx": (1152, 864), "12mpx": (4032, 3024), "50mpx": (8688, 5792)}
ANNOTATORS = 8
REGIONS = (1, 50, 200)
SOAK_PHOTOS = 60
"""More than the cache holds: photos come and go all the time."""
CLICKS_PER_PHOTO = 12
SAMPLES = 100
"""Memory readings in a soak."""
NOISE = 6.0
"""Standard deviation of the grain in the photos, which makes their files as large as a camera's."""
JPEG_QUALITY = 90
PEER = "squeezesam_core.evaluation.peers.serve"


@dataclass(frozen=True)
class HttpRow(Row):
    """memory_mib: of the server during the soak, at even distances."""

    memory_mib: tuple[float, ...] | None = None


Measure = Callable[["Bench"], HttpRow]


class Bench:
    """A server and its photos. Every row takes photos and task numbers that no row before it used."""

    def __init__(self, server: Server, root: Path, repeats: int, soak_clicks: int) -> None:
        self.server = server
        self.repeats = repeats
        self.soak_clicks = soak_clicks
        self._root = root
        self._numbers = count(1)

    def photo(self, size: str, seed: int = 0) -> Photo:
        """A photo that the server has not seen under this name. One file stands behind all names of a size."""
        file = self._root / f"{size}-{seed}.jpg"
        if not file.is_file():
            _write_photo(file, SIZES[size], seed)
        name = f"{size}-{seed}-{self.number()}.jpg"
        os.link(file, self._root / name)
        return Photo(name, SIZES[size])

    def number(self) -> int:
        """Of a task that no row used yet: what is remembered of one cannot help another."""
        return next(self._numbers)

    def dialogue(self, photo: Photo, shown: list[dict[str, Any]], number: int | None = None) -> list[tuple[float, Any]]:
        """Clicks one after the other on a task: for each, ms and the reply's masks. shown: the regions on screen."""
        number = self.number() if number is None else number
        about = task(number, photo, shown)
        with self.server.client() as client:
            replies = [ask(client, request(about, clicks(number, photo, n))) for n in range(1, len(CLICKS) + 1)]
        return [(took, [region["value"].get("rle") for region in found]) for took, found in replies]


def http(
    weights: Path,
    repeats: int,
    soak_clicks: int = 300,
    cores: int = 2,
    plot: Path | None = None,
    only: Collection[str] = (),
) -> Iterator[HttpRow]:
    """All rows, in order, or `only` those named; one that cannot be measured says why.

    plot: where the soak's memory is drawn, as SVG. Raises SqueezeSAMError on a name that no row has.
    """
    unknown = set(only) - {*ROWS, *PEER_ROWS}
    if unknown:
        known = ", ".join((*ROWS, *PEER_ROWS))
        raise SqueezeSAMError(f"The http suite has no row {', '.join(sorted(unknown))}.", f"It has {known}.")
    ours, peers = ({n: m for n, m in rows.items() if n in only or not only} for rows in (ROWS, PEER_ROWS))
    with tempfile.TemporaryDirectory() as folder:
        root, peer_root = Path(folder) / "ours", Path(folder) / "peer"
        root.mkdir()
        peer_root.mkdir()
        settings = {"SQUEEZESAM_WEIGHTS": str(weights), "SQUEEZESAM_LOCAL_FILES_ROOT": str(root)}
        rows = rows_of(ours, lambda: serving("backend.cli", ["serve"], settings, cores), root, repeats, soak_clicks)
        for row in rows:
            if row.name == "soak" and row.memory_mib and plot is not None:
                plot.write_text(memory_plot(row.memory_mib, soak_clicks), encoding="utf-8")
            yield row
        yield from rows_of(peers, lambda: serving(PEER, ["--root", str(peer_root)], {}, cores), peer_root, repeats, 0)


def rows_of(
    measures: dict[str, Measure],
    start: Callable[[], AbstractContextManager[Server]],
    root: Path,
    repeats: int,
    soak_clicks: int,
) -> Iterator[HttpRow]:
    """Start a server and measure these rows on it; root: the folder of the photos that it serves."""
    if not measures:
        return
    done: set[str] = set()
    try:
        with start() as server:
            bench = Bench(server, root, repeats, soak_clicks)
            bench.dialogue(bench.photo("1mpx"), [])  # a process's first requests cost more than any later ones
            for name, measure in measures.items():
                done.add(name)
                try:
                    yield replace(measure(bench), name=name)
                except SqueezeSAMError as error:
                    yield HttpRow(name, reason=error.cause)
                except HTTPError as error:
                    yield HttpRow(name, reason=f"The server gives no answer ({type(error).__name__}).")
    except SqueezeSAMError as error:
        yield from (HttpRow(name, reason=error.cause) for name in measures if name not in done)


def cold(size: str) -> Measure:
    """The first click on a photo: read, decode, detector, segmenter."""

    def measure(bench: Bench) -> HttpRow:
        times = []
        with bench.server.client() as client:
            for _ in range(bench.repeats):
                photo, number = bench.photo(size), bench.number()
                times.append(ask(client, request(task(number, photo), clicks(number, photo, 1)))[0])
        return _row(times)

    return measure


def warm(size: str) -> Measure:
    """Later clicks on a photo whose predicted mask is on screen, in dialogues of three clicks."""
    return lambda bench: _row(_dialogue_times(bench, size))


def preannotate(size: str) -> Measure:
    """The salient object of photos not seen before, one request after the other."""

    def measure(bench: Bench) -> HttpRow:
        photos = [bench.photo(size) for _ in range(bench.repeats)]
        start = time.perf_counter()
        with bench.server.client() as client:
            times = [ask(client, request(task(bench.number(), photo)))[0] for photo in photos]
        return replace(_row(times), images_per_second=round(len(times) / (time.perf_counter() - start), 2))

    return measure


def on_regions(number: int) -> Measure:
    """Warm clicks on a 12-megapixel photo with that many brush regions on screen."""

    def measure(bench: Bench) -> HttpRow:
        photo = bench.photo("12mpx")
        shown = regions(photo, number)
        bench.dialogue(photo, shown)
        return _row([took for _ in range(bench.repeats) for took, _ in bench.dialogue(photo, shown)])

    return measure


def eight_annotators(bench: Bench) -> HttpRow:
    """Eight people at once, each on a 12-megapixel photo of their own, each clicking as fast as the replies come.

    Each photo differs, and every reply must hold the masks that the same click was answered with alone.
    """
    photos = [bench.photo("12mpx", seed) for seed in range(ANNOTATORS)]
    alone = [[masks for _, masks in bench.dialogue(photo, _predicted(bench, photo))] for photo in photos]

    def annotate(index: int) -> list[tuple[float, bool]]:
        shown, found = _predicted(bench, photos[index]), []
        for _ in range(bench.repeats):
            replies = bench.dialogue(photos[index], shown)
            found += [(took, masks == same) for (took, masks), same in zip(replies, alone[index], strict=True)]
        return found

    with ThreadPoolExecutor(ANNOTATORS) as pool:
        replies = [reply for one in pool.map(annotate, range(ANNOTATORS)) for reply in one]
    crossed = sum(not same for _, same in replies)
    if crossed:
        raise ServerError(f"{crossed} of {len(replies)} replies differ from those to one annotator.", "Report it.")
    return _row([took for took, _ in replies])


def soak(bench: Bench) -> HttpRow:
    """Many clicks on more photos than the cache holds, and the server's memory meanwhile."""
    photos = [bench.photo("12mpx") for _ in range(SOAK_PHOTOS)]
    times: list[float] = []
    memory: list[float] = []
    while len(times) < bench.soak_clicks:
        photo = photos[len(times) // CLICKS_PER_PHOTO % SOAK_PHOTOS]
        times += [took for took, _ in bench.dialogue(photo, [])]
        while len(memory) < SAMPLES * len(times) // bench.soak_clicks and (now := bench.server.memory()) is not None:
            memory.append(round(now, 1))
    return replace(_row(times), memory_mib=tuple(memory))


ROWS: dict[str, Measure] = {
    "cold_click_1mpx": cold("1mpx"),
    "warm_click_1mpx": warm("1mpx"),
    "preannotate_1mpx": preannotate("1mpx"),
    "cold_click_12mpx": cold("12mpx"),
    "warm_click_12mpx": warm("12mpx"),
    "cold_click_50mpx": cold("50mpx"),
    "warm_click_50mpx": warm("50mpx"),
    "preannotate": preannotate("12mpx"),
    "eight_annotators": eight_annotators,
    **{f"regions_{number}": on_regions(number) for number in REGIONS},
    "soak": soak,
}
PEER_ROWS: dict[str, Measure] = {"mobilesam_cold_click": cold("12mpx"), "mobilesam_warm_click": warm("12mpx")}


def memory_plot(memory: tuple[float, ...], clicks_made: int) -> str:
    """The server's memory over a soak, from 0 up: an SVG file."""
    width, height, left, top, right, bottom = 720, 260, 60, 20, 20, 40
    highest = max(memory) * 1.15
    across, down = (width - left - right) / max(len(memory) - 1, 1), height - top - bottom
    line = " ".join(f"{left + across * i:.1f},{top + down * (1 - m / highest):.1f}" for i, m in enumerate(memory))
    text = 'font-family="sans-serif" font-size="12" fill="#444"'
    labels = [
        f'<text x="{left - 8}" y="{top + down + 4}" text-anchor="end" {text}>0</text>',
        f'<text x="{left - 8}" y="{top + down * (1 - max(memory) / highest) + 4:.1f}" text-anchor="end" {text}>'
        f"{max(memory):.0f}</text>",
        f'<text x="{left}" y="{height - 12}" {text}>0 clicks</text>',
        f'<text x="{width - right}" y="{height - 12}" text-anchor="end" {text}>{clicks_made} clicks</text>',
        f'<text x="{left}" y="14" {text}>memory of the server, MiB</text>',
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<path d="M{left},{top}V{top + down}H{width - right}" fill="none" stroke="#888"/>'
        f'<polyline points="{line}" fill="none" stroke="#1f6feb" stroke-width="2"/>{"".join(labels)}</svg>\n'
    )


def _row(times: list[float]) -> HttpRow:
    measured = Row.of("", times)
    return HttpRow("", measured.p50_ms, measured.p95_ms)


def _dialogue_times(bench: Bench, size: str) -> list[float]:
    photo = bench.photo(size)
    shown = _predicted(bench, photo)
    return [took for _ in range(bench.repeats) for took, _ in bench.dialogue(photo, shown)]


def _predicted(bench: Bench, photo: Photo) -> list[dict[str, Any]]:
    """The server's own mask of a photo, as it stands in the page before the first click."""
    with bench.server.client() as client:
        return ask(client, request(task(bench.number(), photo)))[1]


def _write_photo(file: Path, size: Size, seed: int) -> None:
    image = photograph(size, seed)
    grain = np.random.default_rng(seed).normal(0, NOISE, (1024, 1024)).astype(np.int16)
    tiles = [-(-length // 1024) for length in (size[1], size[0])]
    grainy = image.astype(np.int16) + np.tile(grain, tiles)[: size[1], : size[0], None]
    pixels = np.clip(grainy, 0, 255).astype(np.uint8)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    file.write_bytes(encoded[1].tobytes())
