"""``npdl generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from npdl_cli.options import MODEL, Command

__all__ = ["generate"]


@click.command(cls=Command)
@click.argument("model", type=MODEL)
@click.option("--prompt", "-p", default="The ", show_default=True, help="What the text begins with.")
@click.option("--length", "-n", type=click.IntRange(min=0), default=400, show_default=True)
@click.option(
    "--temperature",
    "-t",
    type=click.FloatRange(min=0),
    default=0.7,
    show_default=True,
    help="0 takes the likeliest character each time, 1 draws as the model learned.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Repeat what another call with this seed wrote.")
@click.option(
    "--data",
    help="The experiment (.toml) whose characters these are; by default the run that the model is part of.",
)
def generate(
    model: Path, prompt: str, length: int, temperature: float, seed: int | None, data: str | None
) -> None:
    """Write text with a language model of characters that was saved as MODEL."""
    import numpy as np

    import npdl_core
    from npdl_rnn import generation

    vocabulary = _vocabulary(model, data)
    network = npdl_core.load(model)
    network.connect((None, None, *network.input_shape[2:]))  # it was trained on windows of one length
    forbidden = (0,) if vocabulary.reserve_zero else ()
    rng = np.random.default_rng(seed)
    ids = generation.generate(network, vocabulary.encode(prompt), length, temperature, rng, forbidden)
    click.echo(prompt, nl=False)
    for character in ids:
        click.echo(vocabulary.decode([character]), nl=False)
    click.echo()


def _vocabulary(model: Path, data: str | None) -> Any:
    """Return the characters of the data set that the model was trained on."""
    from npdl_cli.config import Experiment
    from npdl_cli.config.item import Item
    from npdl_cli.data import find_experiment, load_parts
    from npdl_cli.runs import Record
    from npdl_core.errors import DataError

    if data is None:
        folder = model.absolute().parent
        experiment = Experiment(Item(Record.read(folder).config, "run.json"), folder, folder.name)
    else:
        experiment = find_experiment(data)
    dataset = experiment.dataset
    load_parts(dataset, experiment.folder)
    try:
        return dataset.vocabulary
    except AttributeError:
        raise DataError(f"the data set {type(dataset).__name__} has no characters; use text") from None
