"""The contract of an optimizer, and the learning rate, clipping and decay that all of them share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from npdl_core import registry
from npdl_core.checks import check_float, check_int
from npdl_core.component import Component
from npdl_core.errors import ConfigError, FileFormatError, ShapeError, printable

__all__ = ["BLOCK", "Optimizer", "OptimizerProtocol", "global_norm"]

BLOCK = 16_384
"""How many numbers one pass works on, so that all passes over a block find it in cache."""

Arrays = Sequence[NDArray[Any]]


@runtime_checkable
class OptimizerProtocol(Protocol):
    """What a model relies on."""

    def update(self, params: Arrays, grads: Arrays, decay: Sequence[bool] | None = None) -> None:
        """Change ``params`` in place."""


def global_norm(grads: Arrays) -> float:
    """Return the Euclidean norm of all entries of all arrays.

    Examples
    --------
    >>> import numpy as np
    >>> global_norm([np.array([3.0]), np.array([4.0])])
    5.0
    """
    return math.sqrt(sum(float(np.vdot(g, g)) for g in grads))


class Optimizer(Component):
    r"""A rule that changes parameters in place, given their gradients.

    Subclasses define :meth:`apply`, which sees one block at a time, and name their state arrays in
    :meth:`slot_names`. An update does, in this order: count, learning rate (schedule, ``decay``, bounds),
    value clip, global-norm clip, weight
    decay, :meth:`apply`.

    Parameters
    ----------
    lr : float, or a schedule by name, envelope or instance
        Learning rate :math:`\eta`.
    clip : float
        Each gradient entry is cut to [-clip, clip]; 0 or less is off.
    decay : float
        :math:`\eta_t = \eta / (1 + \mathrm{decay} \cdot t)`, t counting updates from 1.
    lr_min, lr_max : float
        Bounds of :math:`\eta_t`; None or infinity is no upper bound.
    clip_norm : float, optional
        All gradients are scaled so that their common norm is at most this (Pascanu et al., 2013).
    weight_decay : float
        L2: adds ``weight_decay · p`` to the gradient of the parameters that decay.

    Attributes
    ----------
    elementwise : bool
        The rule treats every number alike, so flat buffers of many parameters may be passed.
    iterations, epoch : int
        Updates so far; the current epoch, which the training loop sets.

    Notes
    -----
    Gradients are never modified. State lives in arrays of the parameters' shapes, made at the first update.
    """

    kind: ClassVar[str] = "optimizers"
    elementwise: ClassVar[bool] = True
    n_scratch: ClassVar[int] = 1

    def __init__(
        self,
        lr: Any = 0.001,
        clip: float = -1,
        decay: float = 0.0,
        lr_min: float = 0.0,
        lr_max: float | None = None,
        *,
        clip_norm: float | None = None,
        weight_decay: float = 0.0,
    ) -> None:
        self.lr = lr
        self.clip = check_float("clip", clip)
        self.decay = check_float("decay", decay, 0)
        self.lr_min = check_float("lr_min", lr_min, 0)
        self.lr_max = math.inf if lr_max is None else check_float("lr_max", lr_max, 0, finite=False)
        if math.isinf(self.lr_max):
            self.config["lr_max"] = None
        if self.lr_min > self.lr_max:
            raise ConfigError(f"lr_min={self.lr_min} must not exceed lr_max={self.lr_max}")
        self.clip_norm = None if clip_norm is None else check_float("clip_norm", clip_norm, 0, above=True)
        self.weight_decay = check_float("weight_decay", weight_decay, 0)
        self.iterations = 0
        self.epoch = 0
        self._slots: list[dict[str, NDArray[Any]]] = []
        self._scratch: dict[tuple[np.dtype[Any], tuple[int, ...]], list[NDArray[Any]]] = {}

    @property
    def lr(self) -> Any:
        """The learning rate or its schedule, before decay and bounds."""
        return self._lr

    @lr.setter
    def lr(self, value: Any) -> None:
        number = not isinstance(value, (str, Mapping)) and not callable(value)
        self._lr = check_float("lr", value, 0) if number else registry.get("schedules", value)

    def current_lr(self) -> float:
        """Return the rate that the update in progress uses, or the next one would use."""
        step = max(self.iterations, 1)
        if callable(self._lr):
            rate = float(self._lr(self.epoch if self._lr.per == "epoch" else step - 1))
        else:
            rate = self._lr
        return min(max(rate / (1 + self.decay * step), self.lr_min), self.lr_max)

    def slot_names(self) -> tuple[str, ...]:
        """Return the names of the state arrays that each parameter has."""
        return ()

    @abstractmethod
    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Change ``p`` and the slots in place for gradient ``g``.

        Parameters
        ----------
        p, g : ndarray
            A block of a parameter and of its gradient; ``g`` is read only.
        lr : float
            Learning rate of this update.
        scratch : sequence of ndarray
            ``n_scratch`` arrays of the block's shape to compute in.
        **slots : ndarray
            State of this block, by name.
        """

    def update(self, params: Arrays, grads: Arrays, decay: Sequence[bool] | None = None) -> None:
        """Change ``params`` in place.

        Parameters
        ----------
        params, grads : sequences of ndarray
            In the same order and shapes at every call.
        decay : sequence of bool, optional
            Which parameters weight decay applies to; all of them by default.

        Raises
        ------
        ShapeError
            If parameters, gradients and state do not fit each other; nothing is changed.
        """
        self._check(params, grads)
        flags = [True] * len(params) if decay is None else decay
        self.iterations += 1
        self.prepare_step()
        lr = self.current_lr()
        scale = self._norm_scale(grads)
        for p, g, flag, slots in zip(params, grads, flags, self._slots, strict=True):
            weight_decay = self.weight_decay if flag else 0.0
            for p_block, g_block, slot_blocks in _blocks(p, g, slots):
                scratch = self._scratch_like(p_block)
                treated = self._treat(p_block, g_block, scale, weight_decay, scratch[-1])
                self.apply(p_block, treated, lr, scratch, **slot_blocks)

    def prepare_step(self) -> None:
        """Compute what is the same for all parameters of this update, such as bias corrections."""

    def _check(self, params: Arrays, grads: Arrays) -> None:
        if len(params) != len(grads):
            raise ShapeError(f"{self}: {len(params)} parameters but {len(grads)} gradients")
        for index, (p, g) in enumerate(zip(params, grads, strict=True)):
            if p.shape != g.shape:
                raise ShapeError(f"{self}: parameter {index} has shape {p.shape}, its gradient {g.shape}")
        if not self._slots:
            self._slots = [{name: np.zeros_like(p) for name in self.slot_names()} for p in params]
        if len(self._slots) != len(params):
            raise ShapeError(
                f"{self}: state is for {len(self._slots)} parameters, got {len(params)}; call reset() first"
            )
        for index, (p, slots) in enumerate(zip(params, self._slots, strict=True)):
            for name, array in slots.items():
                if array.shape != p.shape:
                    raise ShapeError(
                        f"{self}: state {name} of parameter {index} has shape {array.shape}, the parameter {p.shape}; "
                        "call reset() first"
                    )

    def _norm_scale(self, grads: Arrays) -> float:
        """Return the factor that brings the common norm of the value-clipped gradients down to ``clip_norm``."""
        if self.clip_norm is None:
            return 1.0
        clipped = [np.clip(g, -self.clip, self.clip) for g in grads] if self.clip > 0 else grads
        norm = global_norm(clipped)
        return min(1.0, self.clip_norm / norm) if norm > 0 else 1.0

    def _treat(
        self, p: NDArray[Any], g: NDArray[Any], scale: float, weight_decay: float, out: NDArray[Any]
    ) -> NDArray[Any]:
        """Return the clipped, scaled and decayed gradient: ``g`` itself, or computed in ``out``."""
        treated = g
        if self.clip > 0:
            treated = np.clip(treated, -self.clip, self.clip, out=out)
        if scale != 1.0:
            treated = np.multiply(treated, scale, out=out)
        if weight_decay:
            treated = np.add(treated, weight_decay * p, out=out)
        return treated

    def _scratch_like(self, p: NDArray[Any]) -> list[NDArray[Any]]:
        key = (p.dtype, p.shape)
        if key not in self._scratch:
            if len(self._scratch) > 64:
                self._scratch.clear()
            self._scratch[key] = [np.empty(p.shape, p.dtype) for _ in range(self.n_scratch + 1)]
        return self._scratch[key]

    def reset(self) -> None:
        """Forget all state: counters and arrays."""
        self.iterations = self.epoch = 0
        self._slots = []

    def state(self) -> dict[str, Any]:
        """Return copies of counters, learning rate and state arrays, by flat names (``"0.velocity"``)."""
        arrays = {f"{i}.{name}": a.copy() for i, slots in enumerate(self._slots) for name, a in slots.items()}
        lr = None if callable(self._lr) else self._lr
        return {
            "iterations": self.iterations,
            "epoch": self.epoch,
            "lr": lr,
            "n_params": len(self._slots),
            **arrays,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state` returned; everything is checked before anything is changed.

        Raises
        ------
        FileFormatError
            If entries are missing, unexpected or of the wrong type.
        """
        scalars = {"iterations", "epoch", "lr", "n_params"}
        try:
            iterations = check_int("iterations", state["iterations"], 0, 2**53)
            epoch = check_int("epoch", state["epoch"], 0, 2**53)
            n_params = check_int("n_params", state["n_params"], 0, 10**6)
            lr = None if state["lr"] is None else check_float("lr", state["lr"], 0)
        except (KeyError, ConfigError) as error:
            raise FileFormatError(f"{self}: optimizer state: {printable(error)}") from None
        wanted = {f"{i}.{name}" for i in range(n_params) for name in self.slot_names()}
        came = set(state) - scalars
        if came != wanted or not all(isinstance(state[key], np.ndarray) for key in came):
            differing = ", ".join(printable(key, 40) for key in sorted(came ^ wanted)[:5])
            raise FileFormatError(
                f"{self}: this is not the state of such an optimizer (differs in: {differing or 'types'})"
            )
        self.iterations, self.epoch = iterations, epoch
        if lr is not None:
            self._lr = lr
        self._slots = [
            {name: state[f"{i}.{name}"].copy() for name in self.slot_names()} for i in range(n_params)
        ]


def _blocks(
    p: NDArray[Any], g: NDArray[Any], slots: dict[str, NDArray[Any]]
) -> Iterator[tuple[NDArray[Any], NDArray[Any], dict[str, NDArray[Any]]]]:
    """Yield matching flat pieces of at most :data:`BLOCK` numbers, or the whole arrays where one is not contiguous."""
    if p.size <= BLOCK or not (p.flags.c_contiguous and g.flags.c_contiguous):
        yield p, g, slots
        return
    flat_p, flat_g = p.reshape(-1), g.reshape(-1)
    flat_slots = {name: array.reshape(-1) for name, array in slots.items()}
    for start in range(0, p.size, BLOCK):
        piece = slice(start, start + BLOCK)
        yield flat_p[piece], flat_g[piece], {name: array[piece] for name, array in flat_slots.items()}
