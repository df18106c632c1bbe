"""Sequences that a language model makes up, one step at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.errors import ConfigError, DataError
from npdl_core.layers.base import Layer

__all__ = ["generate", "sample"]

Array = NDArray[Any]


def sample(
    probabilities: Array, temperature: float, rng: np.random.Generator, forbidden: tuple[int, ...] = ()
) -> int:
    r"""Draw an id with :math:`p_i^{1 / \tau} / \sum_j p_j^{1 / \tau}`; at temperature 0 take the likeliest.

    Parameters
    ----------
    probabilities : ndarray (V,)
        p.
    temperature : float
        :math:`\tau`; below 1 the likely become likelier.
    rng : numpy.random.Generator
        Where chance comes from.
    forbidden : tuple of int
        Ids that are not drawn.

    Examples
    --------
    >>> sample(np.array([0.2, 0.5, 0.3]), 0.0, np.random.default_rng(0), forbidden=(1,))
    2
    """
    with np.errstate(divide="ignore"):
        scores = np.log(np.asarray(probabilities, np.float64))
    scores[list(forbidden)] = -np.inf
    if temperature == 0:
        return int(scores.argmax())
    # The largest of scores with Gumbel noise is a draw from their softmax.
    return int((scores / temperature + rng.gumbel(size=scores.shape)).argmax())


def generate(
    model: Any,
    prompt: Any,
    length: int,
    temperature: float = 1.0,
    rng: np.random.Generator | None = None,
    forbidden: tuple[int, ...] = (),
) -> Iterator[int]:
    """Yield ids that continue a prompt; recurrent layers carry their state from step to step.

    Parameters
    ----------
    model : Model
        Takes ids (N, T), or one-hot rows (N, T, V), and gives probabilities (N, T, V), or (N, V) for the last
        step; connected to sequences of any length.
    prompt : sequence of int
        At least one id.
    length : int
        How many ids to make up.
    temperature : float
        See :func:`sample`.
    rng : numpy.random.Generator, optional
        Where chance comes from.
    forbidden : tuple of int
        Ids that are not drawn, such as that of padding.

    Raises
    ------
    ConfigError
        If no layer of the model carries state.
    DataError
        If the prompt is empty.
    """
    rng = rng or np.random.default_rng()
    temperature = check_float("temperature", temperature, 0)
    ids = np.asarray(prompt, np.int64).reshape(1, -1)
    if not ids.size:
        raise DataError("the prompt is empty; begin with at least one character")
    with _carrying(model):
        for _ in range(length):
            outputs = model.predict(_encoded(model, ids))
            chosen = sample(outputs.reshape(-1, outputs.shape[-1])[-1], temperature, rng, forbidden)
            yield chosen
            ids = np.array([[chosen]])


def _encoded(model: Any, ids: Array) -> Array:
    if len(model.input_shape) == 2:
        return ids
    rows = np.zeros((*ids.shape, model.input_shape[-1]), np.float32)
    np.put_along_axis(rows, ids[..., None], 1, axis=-1)
    return rows


@contextmanager
def _carrying(model: Any) -> Iterator[None]:
    """Make recurrent layers carry state at inference, and afterwards do as before, without any state."""
    parts = [part for layer in model.layers if isinstance(layer, Layer) for part in layer.descendants()]
    states = [part.carried for part in parts if hasattr(part, "carried")]
    if not states:
        raise ConfigError("the model has no recurrent layer that could carry what was written so far")
    modes = [state.mode for state in states]
    for state in states:
        state.forget()
        state.set_mode("eval")
    try:
        yield
    finally:
        for state, mode in zip(states, modes, strict=True):
            state.forget()
            state.set_mode(mode)
