"""``npdl evaluate``."""

from __future__ import annotations

from pathlib import Path

import click

from npdl_cli.options import MODEL, Command, data_option, set_option

__all__ = ["evaluate"]


@click.command(cls=Command)
@click.argument("model", type=MODEL)
@data_option
@set_option
@click.option(
    "--part",
    type=click.Choice(["test", "train"]),
    default="test",
    show_default=True,
    help="Which part of the data set.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=256, show_default=True)
def evaluate(model: Path, data: str | None, assignments: tuple[str, ...], part: str, batch_size: int) -> None:
    """Measure a saved MODEL on a data set.

    Prints its loss and metrics, and for a classifier the confusion matrix. The data is that of the run that
    the model is part of, unless --data says otherwise.
    """
    import npdl_core
    from npdl_cli.console import line, shown_number
    from npdl_cli.data import find_experiment, load_parts
    from npdl_cli.results import confusion_records, numbers, show_confusions
    from npdl_core.errors import DataError

    experiment = find_experiment(data, assignments, model)
    dataset = experiment.dataset
    network = npdl_core.load(model)
    train, test = load_parts(dataset, experiment.folder)
    chosen = {"train": train, "test": test}[part]
    if not chosen.n_samples:
        raise DataError(f"the {part} part of this data set is empty")
    measures = network.evaluate(chosen.X, chosen.Y, batch_size=batch_size, mask=chosen.mask)
    outputs = network.predict(chosen.X, batch_size=batch_size, mask=chosen.mask)
    show_confusions(confusion_records(network, outputs, chosen, dataset))
    line(f"{chosen.n_samples} samples of the {part} part")
    for key, value in numbers(measures).items():
        line(f"{key}: {shown_number(value)}")
