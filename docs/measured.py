"""What the pages of figures share: `squeezesam bench`, and the parts of a page that a script writes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def bench(suite: str, *arguments: str, settings: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What `squeezesam bench --suite SUITE --json` prints; settings: environment variables."""
    command = [sys.executable, "-m", "backend.cli", "bench", "--suite", suite, "--json", *arguments]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **(settings or {})})
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def write_part(page: Path, part: str, script: str, lines: Iterable[str]) -> None:
    """Exchange what stands on a page between the two markers of a part, which name its script."""
    begin, end = f"<!-- {part}: docs/{Path(script).name} -->", f"<!-- end of {part} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{page} has no part {part}: write {begin} and {end} where it belongs.")
    page.write_text(before + "\n".join([begin, *lines, end]) + after, encoding="utf-8")
