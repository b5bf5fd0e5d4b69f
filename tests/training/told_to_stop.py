"""`squeezesam train` in two processes, of which only the second is told to stop, in step 3 (test_processes.py)."""

import os
import signal

from backend.cli import main
from training.recipe import Recipe, Stage

_stage_at = Recipe.stage_at


def _told(recipe: Recipe, step: int) -> Stage:
    """Asked for once in each step."""
    if step == 3 and os.environ["RANK"] == "1":
        signal.raise_signal(signal.SIGTERM)
    return _stage_at(recipe, step)


if __name__ == "__main__":
    Recipe.stage_at = _told
    main()
