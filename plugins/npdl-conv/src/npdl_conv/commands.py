"""``npdl plot filters``, ``npdl plot activations`` and ``npdl plot deconvolution``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from npdl_cli.options import MODEL, Command

__all__ = ["activations", "deconvolution", "filters"]

_OUTPUT = click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="The file, by default named after the picture, beside the model.",
)
_INDEX = click.option(
    "--index", type=click.IntRange(min=0), default=0, show_default=True, help="Which image of the file."
)
_LAYER = click.option(
    "--layer",
    type=click.IntRange(min=0),
    help="The layer's number in the model; by default the last before images end.",
)


@click.command(cls=Command)
@click.argument("model", type=MODEL)
@_OUTPUT
def filters(model: Path, output: Path | None) -> None:
    """Draw the first convolution's filters of a saved MODEL."""
    import npdl_core
    from npdl_conv import pictures

    _draw(pictures.filters(npdl_core.load(model)), output or model.parent / "filters.png")


@click.command(cls=Command)
@click.argument("model", type=MODEL)
@click.argument("images", type=MODEL)
@_INDEX
@_LAYER
@_OUTPUT
def activations(model: Path, images: Path, index: int, layer: int | None, output: Path | None) -> None:
    """Draw the maps that an image makes in a saved MODEL.

    IMAGES is an .npy file (N, C, H, W), or a .csv file with a row for each image.
    """
    from npdl_conv import pictures

    picture = _of_image(pictures.activations, model, images, index, layer)
    _draw(picture, output or model.parent / "activations.png")


@click.command(cls=Command)
@click.argument("model", type=MODEL)
@click.argument("images", type=MODEL)
@_INDEX
@_LAYER
@_OUTPUT
def deconvolution(model: Path, images: Path, index: int, layer: int | None, output: Path | None) -> None:
    """Draw what in an image excites the maps of a saved MODEL.

    The strongest entry of each map goes back through transposed convolutions and unpooling. IMAGES is an
    .npy file (N, C, H, W), or a .csv file with a row for each image.
    """
    from npdl_conv import pictures

    picture = _of_image(pictures.deconvolution, model, images, index, layer)
    _draw(picture, output or model.parent / "deconvolution.png")


def _of_image(picture: Callable[..., Any], model: Path, images: Path, index: int, layer: int | None) -> Any:
    import npdl_core
    from npdl_cli.arrays import fit_shape, read_array
    from npdl_core.errors import DataError

    network = npdl_core.load(model)
    array = fit_shape(read_array(images), network.input_shape)
    if index >= len(array):
        raise DataError(f"there is no image {index}: the file has {len(array)}")
    return picture(network, array[index], layer)


def _draw(tiles: Any, path: Path) -> None:
    from npdl_cli.console import line
    from npdl_cli.figures import save_figure
    from npdl_conv.pictures import figure

    save_figure(figure(tiles), path)
    line(f"drawn: {path}")
