"""Stochastic layers, trained by rewards instead of a gradient from above."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from npdl_core.checks import check_float
from npdl_core.errors import DataError, ShapeError
from npdl_core.layers.base import Layer

__all__ = [
    "Reinforce",
    "ReinforceBernoulli",
    "ReinforceCategorical",
    "ReinforceNormal",
    "ReinforceScaled",
]

Array = NDArray[Any]


class Reinforce(Layer):
    r"""Base of layers that draw actions :math:`a \sim \pi(\cdot \mid x)` and learn from what they earn.

    The gradient with respect to the input is :math:`-r\,\partial \ln \pi(a \mid x) / \partial x`, whose
    expectation is that of :math:`-E[r]`; the gradient from above does not count. The reward r comes by
    :meth:`reinforce` between a training forward and its backward, (N,) or with as many axes more as wanted;
    without one the gradient is zero. Inference does not draw, it takes the expected action. A subclass
    defines :meth:`draw`, :meth:`expected` and :meth:`score`.

    Notes
    -----
    Source: Williams, Simple statistical gradient-following algorithms for connectionist reinforcement
    learning, 1992.
    """

    _reward: Array | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Prepare the place for a reward."""
        self = super().__new__(cls, *args, **kwargs)
        self.__dict__["_reward"] = None
        return self

    @abstractmethod
    def draw(self, input: Any) -> Array:
        """Return actions, a new array."""

    @abstractmethod
    def expected(self, input: Any) -> Array:
        """Return the expected actions."""

    @abstractmethod
    def score(self, input: Any, action: Array) -> Any:
        """Return the derivative of the actions' log-probabilities by each input, new arrays."""

    def forward(self, input: Any, train: bool = True) -> Array:
        """Return drawn actions (train), or the expected ones."""
        if not train:
            return self.expected(input)
        action = self.draw(input)
        self.retain(input, action)
        self._reward = None
        return action

    def reinforce(self, reward: Array) -> None:
        """Take the reward (N,) of the actions last drawn, or one for each position (N, ...)."""
        self._reward = np.asarray(reward)

    def backward(self, pre_grad: Any) -> Any:
        """Return the input's gradient, -reward times the score.

        Raises
        ------
        DataError
            If the reward does not fit the actions.
        """
        input, action = self.retained()
        reward = np.zeros(len(action)) if self._reward is None else self._reward
        if not 0 < reward.ndim <= action.ndim or reward.shape != action.shape[: reward.ndim]:
            raise DataError(
                f"{self}: a reward of shape {reward.shape} does not fit actions {action.shape}; give one for "
                f"each sample, ({len(action)},)"
            )
        factor = -reward.reshape(reward.shape + (1,) * (action.ndim - reward.ndim)).astype(action.dtype)
        scores = self.score(input, action)
        if not isinstance(scores, list):
            return np.multiply(scores, factor, out=scores)
        return [np.multiply(score, factor, out=score) for score in scores]


class ReinforceScaled(Reinforce):
    """Base of draws from distributions of two parameters, the second of which is fixed or an input too.

    Attributes
    ----------
    second : float or None
        The fixed one; a subclass sets it.
    named : tuple of str
        What the inputs are, for messages.
    """

    second: float | None
    named: ClassVar[tuple[str, str]]

    def connect_to(self, prev_layer: Any = None) -> None:
        """Learn the shape of the actions."""
        shape = self.incoming_shape(prev_layer)
        several = isinstance(shape, list)
        if several != (self.second is None) or (several and (len(shape) != 2 or shape[0] != shape[1])):
            first, second = self.named
            raise ShapeError(
                f"{self} takes the {first} and {second}=…, or without {second} a list of both of one shape; "
                f"got {shape} and {second}={self.second}"
            )
        self.out_shape = shape[0] if several else shape

    def parts(self, input: Any) -> tuple[Array, Any]:
        """Return both parameters."""
        return input if self.second is None else (input, self.second)


class ReinforceNormal(ReinforceScaled):
    r"""Draw from normal distributions: :math:`a \sim N(\mu, \sigma^2)`.

    Gradients: :math:`-r (a - \mu) / \sigma^2` for :math:`\mu`, and
    :math:`-r ((a - \mu)^2 - \sigma^2) / \sigma^3` for :math:`\sigma`, r the reward.

    Parameters
    ----------
    std : float, optional
        :math:`\sigma`, the same for all. None: it is the second input.

    Notes
    -----
    Input :math:`\mu` (N, ...), or a list of :math:`\mu` and a positive :math:`\sigma` of the same shape; the
    output has that shape too, and is :math:`\mu` at inference. Source: Williams, Simple statistical
    gradient-following algorithms, 1992.

    Raises
    ------
    ShapeError
        If there are two inputs and a ``std``, or one without; or two of different shapes.

    Examples
    --------
    >>> layer = ReinforceNormal(0.5).connect((None, 1))
    >>> layer.rng = np.random.default_rng(0)
    >>> action = layer.forward(np.zeros((2, 1)))
    >>> layer.reinforce(np.array([1.0, 0.0]))
    >>> bool(np.allclose(layer.backward(action), -action / 0.25 * [[1], [0]]))
    True
    """

    named: ClassVar[tuple[str, str]] = ("mean", "std")

    def __init__(self, std: float | None = None) -> None:
        self.second = None if std is None else check_float("std", std, 0, above=True)

    def draw(self, input: Any) -> Array:
        """Return mean + deviation · ε."""
        mean, std = self.parts(input)
        noise = self.rng.standard_normal(mean.shape, dtype=self.dtype.type)
        return np.asarray((mean + std * noise).astype(mean.dtype, copy=False))

    def expected(self, input: Any) -> Array:
        """Return the mean."""
        return self.parts(input)[0]

    def score(self, input: Any, action: Array) -> Any:
        """Return (a - μ) / σ², and if σ is an input ((a - μ)² - σ²) / σ³."""
        mean, std = self.parts(input)
        step = action - mean
        if self.second is not None:
            return step / std**2
        return [step / std**2, (step**2 - std**2) / std**3]


class ReinforceBernoulli(Reinforce):
    r"""Draw bits: :math:`a \sim \mathrm{Bernoulli}(p)`; the gradient is :math:`-r (a - p) / (p (1 - p))`.

    Parameters
    ----------
    epsilon : float
        Lower bound of p and 1 - p in the gradient.

    Notes
    -----
    Input p (N, ...) in [0, 1], such as that of a sigmoid; output 0 and 1 of the same shape, p at inference.
    Source: Williams, Simple statistical gradient-following algorithms, 1992.

    Examples
    --------
    >>> layer = ReinforceBernoulli().connect((None, 3))
    >>> layer.forward(np.array([[0.0, 1.0, 1.0]]))
    array([[0., 1., 1.]])
    """

    def __init__(self, epsilon: float = 1e-8) -> None:
        self.epsilon = check_float("epsilon", epsilon, 0, 0.5, above=True)

    def draw(self, input: Any) -> Array:
        """Return 1 with probability p, else 0."""
        return np.asarray(self.rng.random(input.shape) < input).astype(input.dtype)

    def expected(self, input: Any) -> Array:
        """Return p."""
        return np.asarray(input)

    def score(self, input: Any, action: Array) -> Array:
        """Return 1 / p where a is 1, -1 / (1 - p) where it is 0."""
        chosen = np.maximum(np.where(action > 0, input, 1 - input), self.epsilon)
        return np.asarray(np.where(action > 0, 1, -1) / chosen, action.dtype)


class ReinforceCategorical(Reinforce):
    r"""Draw classes: one-hot a with :math:`P(a_j = 1) = p_j`; the gradient is :math:`-r a / p`.

    Parameters
    ----------
    epsilon : float
        Lower bound of p in the gradient.

    Notes
    -----
    Input p (N, ..., K), rows of probabilities, such as those of a softmax; output one-hot rows of the same
    shape, p at inference. Source: Williams, Simple statistical gradient-following algorithms, 1992.

    Examples
    --------
    >>> layer = ReinforceCategorical().connect((None, 3))
    >>> layer.forward(np.array([[0.0, 1.0, 0.0]]))
    array([[0., 1., 0.]])
    """

    def __init__(self, epsilon: float = 1e-8) -> None:
        self.epsilon = check_float("epsilon", epsilon, 0, 1, above=True)

    def draw(self, input: Any) -> Array:
        """Return one-hot rows."""
        heights = np.cumsum(input, axis=-1, dtype=np.float64)
        drawn = self.rng.random((*input.shape[:-1], 1)) * heights[..., -1:]
        chosen = np.argmax(heights > drawn, axis=-1)
        action = np.zeros(input.shape, input.dtype)
        np.put_along_axis(action, chosen[..., None], 1, axis=-1)
        return action

    def expected(self, input: Any) -> Array:
        """Return p."""
        return np.asarray(input)

    def score(self, input: Any, action: Array) -> Array:
        """Return a / p."""
        return np.asarray(action / np.maximum(input, self.epsilon))
