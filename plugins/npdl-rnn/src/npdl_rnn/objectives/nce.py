"""Noise-contrastive estimation: the loss of a large vocabulary at the cost of a few words."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core import registry
from npdl_core.activations.softmax import log_softmax
from npdl_core.checks import check_bool, check_float, check_int
from npdl_core.errors import ConfigError, DataError
from npdl_core.initializers.base import as_initializer
from npdl_core.layers.base import Layer
from npdl_core.layers.embedding import scatter_add
from npdl_core.objectives.binary import BinaryCrossEntropy
from npdl_core.objectives.targets import check_id_shape, class_ids, position_weights
from npdl_rnn.objectives.composed import Composed

__all__ = ["NCE"]

Array = NDArray[Any]

CHUNK = 1024
"""How many positions the normalised loss scores at once."""


class Counted(NamedTuple):
    """Hidden vectors (P, H), ids (P,) and weights (P,) of the positions that count, and where those are."""

    hidden: Array
    ids: Array
    weights: Array | None
    where: Array


class NCE(Composed):
    r"""Noise-contrastive estimation: tell the next word from k noise words, instead of scoring all V words.

    :math:`l = -\ln\sigma(\Delta_y) - \sum_{j=1}^k \ln\sigma(-\Delta_{q_j})` with
    :math:`\Delta_v = W_v \cdot h + b_v - \ln Z - \ln(k P_v)`; the k noise words :math:`q_j` of a batch are
    drawn from P. Evaluation reports the normalised :math:`l = -s_y + \ln \sum_v e^{s_v}`,
    :math:`s_v = W_v \cdot h + b_v`, whose exponential is the perplexity.

    Parameters
    ----------
    n_classes : int, optional
        V; by default the number of ``unigrams``.
    k : int
        How many noise words a batch has.
    unigrams : sequence of V floats, optional
        How often each word occurs, in any scale: P. By default all words alike.
    z : float or None
        The normaliser Z that the model learns to have; None takes the mean of the first batch's and keeps it.
    shared_noise : bool
        All positions of a batch have the same noise words; False draws k for each, at a higher cost.
    init : str, envelope or Initializer, optional
        Of W; uniform in :math:`\pm 1 / \sqrt H` by default.

    Notes
    -----
    Outputs are the last layer's vectors h (..., H), targets ids (...). Parameters ``W`` (V, H), ``b`` (V,),
    which starts at -ln V, and the constant ``noise`` (V,), P; with ``z=None`` also ``log_z`` (1,).
    Source: Mnih and Teh, A fast and simple algorithm for training neural probabilistic language models, 2012.

    Raises
    ------
    ConfigError
        If neither V nor unigrams are given, or the unigrams are no V numbers of at least 0.
    DataError
        If targets are not ids below V.

    Examples
    --------
    >>> from npdl_core.layers.base import Shaped
    >>> loss = NCE(unigrams=[5, 3, 2, 1], k=2)
    >>> loss.connect_to(Shaped((None, 3)))
    >>> total, count = loss.evaluation_total(np.zeros((2, 3)), np.array([0, 3]))
    >>> round(math.exp(total / count), 6)  # as yet all four words are alike
    4.0
    """

    def __init__(
        self,
        n_classes: int | None = None,
        k: int = 25,
        unigrams: Any = None,
        z: float | None = 1.0,
        shared_noise: bool = True,
        init: Any = None,
    ) -> None:
        super().__init__()
        if n_classes is None and unigrams is None:
            raise ConfigError("nce: give n_classes, or unigrams with one number for each class")
        self.unigrams = None if unigrams is None else _frequencies(unigrams, n_classes)
        self.n_classes = check_int("n_classes", n_classes if self.unigrams is None else len(self.unigrams), 2)
        # As given vectors of an embedding, frequencies are saved with the weights.
        self.config.update(unigrams=None, n_classes=self.n_classes)
        self.k = check_int("k", k, 1)
        self.z = None if z is None else check_float("z", z, 0, above=True)
        self.shared_noise = check_bool("shared_noise", shared_noise)
        self.init = None if init is None else as_initializer(init)
        self._contrast = BinaryCrossEntropy(from_logits=True)

    def connect_to(self, last_layer: Any) -> None:
        """Make parameters for vectors of the size that the last layer gives."""
        n_in, n_classes = last_layer.out_shape[-1], self.n_classes
        init = self.init
        if init is None:
            init = {"name": "uniform", "config": {"scale": 1 / math.sqrt(n_in or 1)}}
        self.add_param("W", (n_classes, n_in), init)
        self.add_param("b", (n_classes,), np.full(n_classes, -math.log(n_classes)), decay=False)
        noise = np.full(n_classes, 1 / n_classes) if self.unigrams is None else self.unigrams
        self.add_param("noise", (n_classes,), noise, trainable=False, constant=True)
        if self.z is None:
            self.add_param("log_z", (1,), np.full(1, np.nan), trainable=False)

    # -- scores ----------------------------------------------------------------------------------------------

    def _select(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any) -> Counted:
        outputs, targets = np.asarray(outputs), np.asarray(targets)
        if outputs.ndim < 2 or outputs.shape[-1] != self.W.shape[1]:
            raise DataError(f"{self}: outputs must be (..., {self.W.shape[1]}), got {outputs.shape}")
        check_id_shape(targets, outputs.shape, self)
        weights = position_weights(outputs.shape[:-1], mask, sample_weight, self)
        where = np.ones(outputs.shape[:-1], bool) if weights is None else weights > 0
        hidden, ids = outputs[where], targets[where]
        ids = class_ids(ids, (len(ids), self.n_classes), self)
        return Counted(hidden, ids, None if weights is None else weights[where], where)

    def noise_words(self, n_positions: int) -> Array:
        """Return newly drawn noise words (k,), or (P, k) where each position has its own."""
        heights = np.cumsum(self.noise, dtype=np.float64)
        size = (self.k,) if self.shared_noise else (n_positions, self.k)
        return np.asarray(np.searchsorted(heights, self.rng.random(size) * heights[-1], side="right"))

    def _draw(self, counted: Counted) -> tuple[Array, Array]:
        """Return noise words, and ln(k P) of all words (V,)."""
        # A word that is never drawn cannot be noise: as a target its loss is as good as zero.
        expected = np.maximum(self.noise * (self.k / self.noise.sum()), np.finfo(np.float32).tiny)
        return self.noise_words(len(counted.ids)), np.log(expected)

    def _contrasts(self, counted: Counted, words: Array, expected: Array) -> tuple[Array, Array]:
        """Return Δ (P, 1 + k), the target's first, and what it should be classified as."""
        hidden, ids = counted.hidden, counted.ids
        delta = np.empty((len(ids), 1 + self.k), np.result_type(hidden, self.W))
        delta[:, 0] = np.einsum("ph,ph->p", hidden, self.W[ids]) + self.b[ids] - expected[ids]
        if self.shared_noise:
            delta[:, 1:] = hidden @ self.W[words].T
        else:
            delta[:, 1:] = np.matmul(self.W[words], hidden[:, :, None])[:, :, 0]
        delta[:, 1:] += self.b[words] - expected[words]
        delta -= self._log_z(hidden)
        real = np.zeros_like(delta)
        real[:, 0] = 1
        return delta, real

    def _log_z(self, hidden: Array) -> float:
        """Return ln Z: the given one, or what the first batch had; of this batch before there was one."""
        if self.z is not None:
            return math.log(self.z)
        if not np.isnan(self.log_z[0]):
            return float(self.log_z[0])
        scores = hidden @ self.W.T + self.b
        return float(np.mean(scores[:, 0] - log_softmax(scores)[:, 0])) if len(hidden) else 0.0

    def losses(self, outputs: Array, targets: Array) -> Array:
        """Return the loss of each position (...) for ids (...), against freshly drawn noise."""
        counted = self._select(outputs, targets, None, None)
        losses = self._contrast.losses(*self._contrasts(counted, *self._draw(counted)))
        return losses.reshape(np.shape(targets))

    def gradients(self, outputs: Array, targets: Array) -> Array:
        """Return the derivative (..., H) of each position's loss, against freshly drawn noise."""
        counted = self._select(outputs, targets, None, None)
        words, expected = self._draw(counted)
        slopes = self._contrast.gradients(*self._contrasts(counted, words, expected))
        return self._back(slopes, counted, words).reshape(np.shape(outputs))

    def _back(self, slopes: Array, counted: Counted, words: Array) -> Array:
        back: Array = slopes[:, :1] * self.W[counted.ids]
        if self.shared_noise:
            back += slopes[:, 1:] @ self.W[words]
        else:
            back += np.matmul(slopes[:, None, 1:], self.W[words])[:, 0]
        return back

    def _learn(self, slopes: Array, counted: Counted, words: Array) -> None:
        """Write the gradients of W and b."""
        hidden = counted.hidden
        if self.shared_noise:
            rows, biases = slopes[:, 1:].T @ hidden, slopes[:, 1:].sum(axis=0)
        else:
            rows, biases = slopes[:, 1:, None] * hidden[:, None], slopes[:, 1:].ravel()
        ids = np.concatenate([counted.ids, words.ravel()])
        self.dW.fill(0)
        rows = rows.reshape(-1, hidden.shape[1])
        scatter_add(self.dW, ids, np.concatenate([slopes[:, :1] * hidden, rows]))
        self.db.fill(0)
        np.add.at(self.db, ids, np.concatenate([slopes[:, 0], biases]))

    # -- the loss --------------------------------------------------------------------------------------------

    def total(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> tuple[float, float]:
        """Return the weighted sum of the positions' losses against noise, and the sum of the weights."""
        counted = self._select(outputs, targets, mask, sample_weight)
        pair = self._contrasts(counted, *self._draw(counted))
        return self._contrast.total(*pair, sample_weight=counted.weights)

    def total_and_gradient(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None, *, fused: bool = False
    ) -> tuple[float, float, Array]:
        """Return what :meth:`total` does and the gradient; write those of W and b."""
        counted = self._select(outputs, targets, mask, sample_weight)
        words, expected = self._draw(counted)
        delta, real = self._contrasts(counted, words, expected)
        total, weight, slopes = self._contrast.total_and_gradient(delta, real, sample_weight=counted.weights)
        self._learn(slopes, counted, words)
        grad = np.zeros_like(np.asarray(outputs))
        grad[counted.where] = self._back(slopes, counted, words)
        if self.z is None and len(counted.ids):
            self.log_z[...] = self._log_z(counted.hidden)
        return total, weight, grad

    def evaluation_total(
        self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None
    ) -> tuple[float, float]:
        """Return the weighted sum of the normalised losses, over all words, and the sum of the weights."""
        hidden, ids, weights, _ = self._select(outputs, targets, mask, sample_weight)
        if weights is None:
            weights = np.ones(len(ids))
        total = 0.0
        for start in range(0, len(ids), CHUNK):
            part = slice(start, start + CHUNK)
            logs = log_softmax(hidden[part] @ self.W.T + self.b)
            total -= float(weights[part] @ np.take_along_axis(logs, ids[part, None], axis=1)[:, 0])
        return total, float(weights.sum())

    def output_layer(self) -> Layer:
        """Return a ``softmax`` layer with copies of W and b, which behind the model gives probabilities.

        Raises
        ------
        NotConnectedError
            Before there are parameters.
        """
        layer: Layer = registry.get("layers", "softmax", n_out=self.n_classes)
        layer.dtype = self.dtype
        layer.connect((None, self.W.shape[1]))
        layer.W, layer.b = self.W.T, self.b
        return layer


def _frequencies(unigrams: Any, n_classes: int | None) -> Array:
    try:
        counts = np.array(unigrams, np.float64)
    except (TypeError, ValueError):
        counts = np.zeros(0)
    if counts.ndim != 1 or not np.isfinite(counts).all() or (counts < 0).any() or not counts.sum() > 0:
        raise ConfigError("unigrams must be a number of at least 0 for each class, not all of them 0")
    if n_classes not in (None, len(counts)):
        raise ConfigError(f"nce: n_classes={n_classes}, but there are {len(counts)} unigrams")
    return np.asarray(counts / counts.sum())
