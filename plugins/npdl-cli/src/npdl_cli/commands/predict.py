"""``npdl predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from npdl_cli.options import MODEL, Command

__all__ = ["predict"]


@click.command(cls=Command)
@click.argument("model", type=MODEL)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="A file that ends in .csv, .npy or .npz, instead of CSV on standard output.",
)
@click.option("--classes", is_flag=True, help="The most likely class of each sample, not all outputs.")
@click.option("--batch-size", type=click.IntRange(min=1), default=256, show_default=True)
def predict(
    model: Path, inputs: tuple[str, ...], output: Path | None, classes: bool, batch_size: int
) -> None:
    """Compute the outputs of a saved MODEL.

    INPUT is an .npy file, or a .csv file with a row for each sample.

    For a model with several inputs give NAME=FILE for each. Rows of a CSV file are brought into the shape
    that the model takes, if they have as many numbers.
    """
    import npdl_core
    from npdl_cli import arrays
    from npdl_core.saving.atomic import write_atomically

    suffix = arrays.suffix_for(output)
    network = npdl_core.load(model)
    outputs = network.predict(_read(network, inputs), batch_size=batch_size)
    by_name = outputs if isinstance(outputs, dict) else {"": outputs}
    if classes:
        by_name = {name: _classes(array) for name, array in by_name.items()}
    content = arrays.encode(by_name, suffix)
    if output is None:
        click.echo(content, nl=False)
    else:
        write_atomically(output, content)


def _read(network: Any, inputs: tuple[str, ...]) -> Any:
    """Return the arrays of files: one for all, or a dict by input name."""
    from npdl_cli.arrays import fit_shape, read_array
    from npdl_core.errors import NotConnectedError

    if not network.connected:
        raise NotConnectedError("this model was saved before it had parameters; train it first")
    shapes = network.input_shape if isinstance(network.input_shape, dict) else {"": network.input_shape}
    named = {name: file for name, equals, file in (text.partition("=") for text in inputs) if equals}
    if len(shapes) == 1 and len(inputs) == 1 and not named.keys() & shapes.keys():
        return fit_shape(read_array(Path(inputs[0])), next(iter(shapes.values())))
    if named.keys() != shapes.keys() or len(named) != len(inputs):
        wanted = " ".join(f"{name}=FILE" for name in shapes if name) or "one FILE"
        raise click.BadParameter(f"this model takes {wanted}", param_hint="INPUT")
    return {name: fit_shape(read_array(Path(named[name])), shape) for name, shape in shapes.items()}


def _classes(outputs: Any) -> Any:
    """Return the class (…) of outputs (…, K); a single output is an event from 0.5 on."""
    import numpy as np

    if outputs.ndim > 1 and outputs.shape[-1] > 1:
        return outputs.argmax(axis=-1)
    single = outputs[..., 0] if outputs.ndim > 1 else outputs
    return (single >= 0.5).astype(np.int64)
