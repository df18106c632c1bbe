"""``npdl train``."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npdl_cli.failures import FAILURE, INTERRUPTED
from npdl_cli.options import Command, set_option

if TYPE_CHECKING:
    from npdl_cli.training import Run

__all__ = ["train"]


@click.command(cls=Command)
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CONFIG.toml")
@set_option
@click.option(
    "--output",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write into, instead of [output] folder or runs/CONFIG beside the configuration.",
)
@click.option("--resume", is_flag=True, help="Go on where an interrupted run of this configuration stopped.")
@click.option("--quiet", "-q", is_flag=True, help="No progress and no tables: only the results.")
def train(config: Path, assignments: tuple[str, ...], output: Path | None, resume: bool, quiet: bool) -> None:
    """Train the model that CONFIG.toml describes.

    It is trained on the data that the configuration names, measured and saved.

    The test part of the data is held out: it is measured once, at the end. Ctrl-C saves the model as it is
    then, and --resume goes on from the last finished epoch.
    """
    from npdl_cli.config import Experiment
    from npdl_cli.training import Run

    run = Run(Experiment.read(config, assignments), output, resume=resume)
    run.prepare()
    _introduce(run, quiet)
    try:
        run.fit(quiet)
    except KeyboardInterrupt:
        _say_interrupted(run, _again(config, assignments, output))
        raise click.exceptions.Exit(INTERRUPTED) from None
    _report(run, quiet)


def _introduce(run: Run, quiet: bool) -> None:
    from npdl_cli.console import line, note

    if run.resume and not run.checkpoint.exists():
        note(f"nothing to resume: there is no {run.checkpoint}; starting from the beginning")
    if quiet:
        return
    fitted, validation = run.train.split(run.validation_split)
    counts = [f"{fitted.n_samples} samples to train on"]
    counts += [f"{validation.n_samples} to validate on"] if validation.n_samples else []
    counts += [f"{run.test.n_samples} held out"] if run.test.n_samples else ["none held out"]
    line(f"{run.experiment.data_name}: {', '.join(counts)}; seed {run.network.seed}")
    line()
    for row in run.network.summary().splitlines():
        line(row)
    line()


def _again(config: Path, assignments: tuple[str, ...], output: Path | None) -> str:
    """Return the command that goes on with an interrupted run."""
    settings = [word for assignment in assignments for word in ("--set", assignment)]
    folder = [] if output is None else ["--output", str(output)]
    return shlex.join(["npdl", "train", str(config), *settings, *folder, "--resume"])


def _say_interrupted(run: Run, command: str) -> None:
    from npdl_cli.console import note

    done = len(run.network.history.epoch)
    note(
        f"interrupted after {done} of {run.epochs} epochs; the model as it is now: {_shown(run.output.model)}"
    )
    if run.checkpoint.exists():
        note(f"go on with: {command}")
    else:
        note("no epoch was finished, so training would start from the beginning")


def _report(run: Run, quiet: bool) -> None:
    """Measure, save, load again, and print all of that."""
    from npdl_cli.console import line, note
    from npdl_cli.results import show_confusions, show_measures
    from npdl_core.errors import NonFiniteError

    measures = run.finish()
    if not quiet:
        done = len(run.network.history.epoch)
        line()
        if done < run.epochs:
            line(f"stopped after {done} of {run.epochs} epochs")
            line()
        show_measures(measures)
        line()
        show_confusions(run.record.confusions)
    for text in _held_out(measures):
        line(text)
    line(f"saved: {_shown(run.output.model)}")
    if not math.isfinite(measures["training"][1]["loss"]):
        raise NonFiniteError(
            "training diverged: the loss is not finite any more; a smaller lr may help, or the optimizer's "
            "clip_norm"
        )
    n_samples, same = run.compare_reloaded()
    if not same:
        note(f"Error: the saved model was loaded again and predicts otherwise on {n_samples} samples")
        raise click.exceptions.Exit(FAILURE)
    line(f"loaded again: predictions on {n_samples} samples equal those before saving")


def _held_out(measures: dict[str, tuple[int, dict[str, Any]]]) -> list[str]:
    """Return a line for each measure on the held-out part; accuracies where there are any, or else all."""
    from npdl_cli.console import shown_number
    from npdl_cli.results import numbers

    if "held-out" not in measures:
        return ["held out: nothing, the data set has no test part"]
    values = numbers(measures["held-out"][1])
    accuracies = {key: value for key, value in values.items() if key.endswith("accuracy")}
    return [f"held-out {key}: {shown_number(value)}" for key, value in (accuracies or values).items()]


def _shown(path: Path) -> Path:
    """Return a path as it reads best from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
