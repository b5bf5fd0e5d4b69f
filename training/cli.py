"""squeezesam train: run a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from training.datasets.cli import app as datasets

__all__ = ["app", "datasets"]

app = typer.Typer(no_args_is_help=True)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, for instance training/recipes/serving.toml.")],
    out: Annotated[Path, typer.Option(help="Folder of the run: checkpoint and log; an unfinished run goes on.")],
    root: Annotated[Path, typer.Option(help="The folder that the recipe's sources are relative to.")] = Path(),
    start: Annotated[str | None, typer.Option(help="Instead of the recipe's start.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE (TOML) in place of the recipe's; repeatable.")
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads; more than the free cores make it slower.")] = 1,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that draw batches ahead: for a GPU, as many as there are free cores.")
    ] = 0,
) -> None:
    """Train a network by a recipe; Ctrl-C saves a checkpoint, and the same command goes on from it.

    On several GPUs: torchrun --standalone --nproc-per-node 8 -m backend.cli train RECIPE --out RUN
    """
    import logging

    import cv2
    import torch

    from squeezesam_core.model.presets import build
    from training.datasets.corpus import read_corpus
    from training.loop import train as run
    from training.recipe import read_recipe
    from training.split import TrainingPart
    from training.start import freeze, initialise
    from training.tasks import make_task

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    cv2.setNumThreads(1)
    torch.set_num_threads(threads)
    plan = read_recipe(recipe, changes or ())
    if start is not None:
        plan.start = start
    torch.manual_seed(plan.seed)
    network = build(plan.preset, plan.side, plan.switches)
    initialise(network, plan.start)
    freeze(network, plan.frozen)
    corpus = read_corpus(plan.sources, root, masks_only=plan.preset != "saliency")
    run(make_task(network, TrainingPart(corpus, plan.held_out), plan), plan, out, workers=workers)


@app.command()
def average(
    earlier: Annotated[Path, typer.Argument(help="A run's last.pt.")],
    later: Annotated[Path, typer.Argument(help="That of a round that went on from it.")],
    out: Annotated[Path, typer.Option(help="The checkpoint to write.")],
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the later round.")] = 0.5,
) -> None:
    """The mean of two rounds' weights, to be exported."""
    from squeezesam_core.model import checkpoint
    from training.average import average as run

    checkpoint.save(out, run(checkpoint.load(earlier), checkpoint.load(later), share))
