"""The parts of a page that a command writes: between `<!-- NAME: docs/SCRIPT -->` and `<!-- end of NAME -->`."""

from collections.abc import Iterable
from pathlib import Path


def write_part(page: Path, name: str, script: str, lines: Iterable[str]) -> None:
    """Exchange the lines between a part's two markers. script: the file in docs/ that writes it, as the marker says.

    Raises SystemExit if the page has no such part.
    """
    begin, end = f"<!-- {name}: docs/{Path(script).name} -->", f"<!-- end of {name} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise SystemExit(f"{page} has no part {name}: write {begin} and {end} where it belongs.")
    page.write_text(before + "\n".join([begin, *lines, end]) + after, encoding="utf-8")
