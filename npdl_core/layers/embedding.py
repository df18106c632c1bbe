"""A table of vectors looked up by id."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_bool, check_int
from npdl_core.errors import ConfigError, DataError, MissingShapeError, ShapeError
from npdl_core.initializers.base import as_initializer
from npdl_core.layers.base import Layer, Shape

__all__ = ["Embedding"]


class Embedding(Layer):
    """Look vectors up by id: ``y[n, t] = W[id[n, t]]``.

    Parameters
    ----------
    embed_words : array (V, D), optional
        Given vectors; they become the parameter W and are saved with the weights, not with the configuration.
    static : bool, optional
        True keeps the vectors as they are; by default they are trained.
    input_size : int, optional
        V, how many ids there are; not needed with ``embed_words``.
    n_out : int, optional
        D, the length of a vector; not needed with ``embed_words``.
    nb_batch, nb_seq : int, optional
        N and T, where a first layer must connect before it sees data.
    init : str or Initializer
        How to fill W.
    mask_zero : bool
        Id 0 is padding: its vector is zero and is not trained, and the layers above get the mask ``id != 0``.

    Notes
    -----
    Input: integer ids (N, T), or any shape; output (N, T, D); W (V, D). dW sums over repeated ids.

    Raises
    ------
    DataError
        In ``forward``, for ids outside 0 … V - 1 or that are not integers.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Embedding(embed_words=np.eye(3), mask_zero=True).connect((None, 2))
    >>> layer.forward(np.array([[2, 0]]), train=False)
    array([[[0., 0., 1.],
            [0., 0., 0.]]], dtype=float32)
    """

    integer_input = True

    def __init__(
        self,
        embed_words: Any = None,
        static: bool | None = None,
        input_size: int | None = None,
        n_out: int | None = None,
        nb_batch: int | None = None,
        nb_seq: int | None = None,
        init: Any = "uniform",
        mask_zero: bool = False,
    ) -> None:
        if embed_words is None and (input_size is None or n_out is None):
            raise ConfigError(
                "embedding: give input_size and n_out, or embed_words of shape (input_size, n_out)"
            )
        self.init = self.init_argument("init", init)
        if embed_words is not None:
            input_size, n_out = self._take_vectors(embed_words, input_size, n_out)
        self.input_size = check_int("input_size", input_size, 1)
        self.n_out = check_int("n_out", n_out, 1)
        self.static = static is not None and check_bool("static", static)
        self.nb_batch = None if nb_batch is None else check_int("nb_batch", nb_batch, 1)
        self.nb_seq = None if nb_seq is None else check_int("nb_seq", nb_seq, 1)
        self.mask_zero = check_bool("mask_zero", mask_zero)

    def _take_vectors(self, embed_words: Any, input_size: int | None, n_out: int | None) -> tuple[int, int]:
        """Keep given vectors as the initial W; the configuration keeps their shape only."""
        vectors = np.array(embed_words, dtype=np.float64)
        if vectors.ndim != 2:
            raise ShapeError(
                f"embedding: embed_words must have shape (input_size, n_out), got {vectors.shape}"
            )
        for name, given, size in (
            ("input_size", input_size, vectors.shape[0]),
            ("n_out", n_out, vectors.shape[1]),
        ):
            if given not in (None, size):
                raise ConfigError(f"embedding: {name}={given}, but embed_words has shape {vectors.shape}")
        self.init = as_initializer(vectors)
        self.config.update(embed_words=None, input_size=vectors.shape[0], n_out=vectors.shape[1])
        return vectors.shape[0], vectors.shape[1]

    def declared_input_shape(self) -> Shape | None:
        """Return (nb_batch, nb_seq) if the length is given."""
        return None if self.nb_seq is None else (self.nb_batch, self.nb_seq)

    def connect_to(self, prev_layer: Any = None) -> None:
        """Make W; a first layer of unknown length takes any."""
        try:
            shape = self.single_shape(prev_layer)
        except MissingShapeError:
            shape = self.in_shape = (None, None)
        self.add_param(
            "W",
            (self.input_size, self.n_out),
            self.init,
            trainable=not self.static,
            constant=self.static,
        )
        if self.mask_zero:
            self.W[0] = 0
        self.out_shape = (*shape, self.n_out)

    def _ids(self, input: Any) -> NDArray[np.integer[Any]]:
        ids = np.asarray(input)
        if ids.dtype.kind not in "iu":
            raise DataError(f"embedding: ids must be integers, got an array of {ids.dtype}")
        if ids.size and (ids.min() < 0 or ids.max() >= self.input_size):
            raise DataError(
                f"embedding: ids must lie in 0 … {self.input_size - 1}, got {ids.min()} … {ids.max()}"
            )
        return ids

    def forward(self, input: Any, train: bool = True) -> NDArray[Any]:
        """Return the vectors (..., D) of ids (...)."""
        ids = self._ids(input)
        shape = (*ids.shape, self.n_out)
        out = self.work_array("output", shape) if train else np.empty(shape, self.dtype)
        np.take(self.W, ids, axis=0, out=out, mode="clip")
        if self.mask_zero:
            out[ids == 0] = 0  # row 0 may be trained by a layer that shares W
        if train:
            self.retain(ids)
        return out

    def backward(self, pre_grad: Any) -> NDArray[Any] | None:
        """Write dW; return zeros, since ids have no gradient (None if ``first_layer``)."""
        (ids,) = self.retained()
        if not self.static:
            scatter_add(self.dW, ids.ravel(), pre_grad.reshape(-1, self.n_out))
            if self.mask_zero:
                self.dW[0] = 0
        return None if self.first_layer else np.zeros(ids.shape, self.dtype)

    def compute_mask(self, input: Any, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Return ``id != 0`` if ``mask_zero``, joined with a mask that came along.

        Of ids with more axes than (N, T) a step is real if one of its ids is; ids (N,) have no steps.
        """
        ids = np.asarray(input)
        if not self.mask_zero or ids.ndim < 2:
            return mask
        own: NDArray[np.bool_] = np.any(ids != 0, axis=tuple(range(2, ids.ndim)))
        return own if mask is None else own & mask


def scatter_add(target: NDArray[Any], ids: NDArray[Any], rows: NDArray[Any]) -> None:
    """Overwrite ``target`` (V, D) with the sums of ``rows`` (M, D) by their ``ids`` (M,).

    Sorting the ids turns the scatter into one segmented sum, several times faster than adding row by row.
    """
    target[...] = 0
    if not ids.size:
        return
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    target[ordered[starts]] = np.add.reduceat(rows[order], starts, axis=0)
