"""``npdl summary``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from npdl_cli.options import MODEL, Command, set_option

__all__ = ["summary"]


@click.command(cls=Command)
@click.argument("file", type=MODEL, metavar="MODEL|CONFIG.toml")
@set_option
def summary(file: Path, assignments: tuple[str, ...]) -> None:
    """Show the layers of a model.

    Of a saved one, or of the one that a configuration describes.
    """
    from npdl_cli.console import line

    if file.suffix == ".toml":
        network = _described(file, assignments)
    elif assignments:
        raise click.UsageError("--set changes a configuration; a saved model is what it is")
    else:
        import npdl_core

        network = npdl_core.load(file)
    for row in [*network.summary().splitlines(), *_facts(network)]:
        line(row)


def _described(file: Path, assignments: tuple[str, ...]) -> Any:
    """Return a configuration's model; its data is read only if the model does not say what it takes."""
    from npdl_cli.config import ConfigFileError, Experiment
    from npdl_cli.data import input_shape, load_parts
    from npdl_core.errors import MissingShapeError

    experiment = Experiment.read(file, assignments)
    shape = experiment.network.declared_input_shape()
    if shape is not None:
        try:
            experiment.connect(shape)
        except ConfigFileError as error:
            if not isinstance(error.__cause__, MissingShapeError):
                raise
    if not experiment.network.connected and "data" in experiment.tables:
        experiment.connect(input_shape(*load_parts(experiment.dataset, experiment.folder)))
    if experiment.network.connected and "compile" in experiment.tables:
        experiment.compiled(experiment.network.input_shape)
    return experiment.network


def _facts(network: Any) -> list[str]:
    from npdl_core.errors import StateError

    facts = [f"dtype {network.dtype.name}, seed {network.seed}"]
    try:
        loss, metrics = network.loss, network.compiled.metrics
    except StateError:
        return facts
    if isinstance(loss, dict):
        loss = ", ".join(f"{output}: {one}" for output, one in loss.items())
    facts += [f"loss {loss}", f"optimizer {network.optimizer!r}"]
    measured = ", ".join(measure.key for measure in metrics)
    return [*facts, f"metrics {measured}"] if measured else facts
