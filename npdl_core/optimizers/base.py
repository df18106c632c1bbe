"""The contract of an optimizer, and the learning rate, clipping and weight decay that all of them share."""

from __future__ import annotations

import inspect
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from numpy.typing import NDArray

from npdl_core import registry
from npdl_core.checks import check_bool, check_float, check_int
from npdl_core.component import Component
from npdl_core.errors import ConfigError, FileFormatError, printable
from npdl_core.optimizers.arguments import check_update
from npdl_core.optimizers.blocks import BLOCK, Scratch, blocks
from npdl_core.optimizers.norms import clip_global_norm, global_norm, norm_scales
from npdl_core.optimizers.slots import Arrays, Slots, check_scalars
from npdl_core.optimizers.treatment import Treatment

__all__ = [
    "BLOCK",
    "Arrays",
    "Optimizer",
    "OptimizerProtocol",
    "Treatment",
    "clip_global_norm",
    "global_norm",
]


@runtime_checkable
class OptimizerProtocol(Protocol):
    """What a model relies on.

    Optional: ``elementwise`` (flat buffers may be passed), ``weight_decay``, ``epoch``, which the training
    loop sets, ``state`` and ``load_state``, and ``swap(params)``, which exchanges the parameters with those
    to evaluate with, and back when called again.
    """

    def update(self, params: Arrays, grads: Arrays, decay: Sequence[bool] | None = None) -> None:
        """Change ``params`` in place."""


class Optimizer(Component):
    r"""A rule that changes parameters in place, given their gradients.

    A subclass defines :meth:`apply`, which sees one cache-sized block at a time, and names its state arrays
    in :meth:`slot_names`. An update does, in this order: value clip, clips by norm, L2 or decoupled weight
    decay, the rule. Gradients are never modified.

    Parameters
    ----------
    lr : float, or a schedule by name, envelope or instance
        Learning rate :math:`\eta`.
    clip : float
        Each entry of a gradient is cut to [-clip, clip]; 0 or less is off.
    decay : float
        :math:`\eta_t = \eta / (1 + \mathrm{decay} \cdot t)`, t counting updates from 1.
    lr_min, lr_max : float
        Bounds of :math:`\eta_t`; None is no upper bound.
    clip_norm : float, optional
        All gradients g are scaled by :math:`\min(1, c / \lVert g \rVert)` with their common norm, which
        ``grad_norm`` keeps. Source: Pascanu et al., On the difficulty of training recurrent neural networks,
        2013.
    clip_param_norm : float, optional
        The same for each parameter's gradient by its own norm, before ``clip_norm``.
    weight_decay : float
        :math:`\lambda`, for the parameters that decay: :math:`g \leftarrow g + \lambda p`.
    decoupled : bool
        Weight decay is :math:`p \leftarrow (1 - \eta_t \lambda) p` before the step, apart from the gradient.
        Source: Loshchilov & Hutter, Decoupled weight decay regularization, 2019.

    Attributes
    ----------
    elementwise : bool
        The rule treats every number alike, so flat buffers of many parameters may be passed.
    iterations, epoch : int
        Updates so far; the current epoch, which the training loop sets.
    grad_norm : float or None
        The gradients' common norm before ``clip_norm`` scaled them in the last update.

    Notes
    -----
    A constructor's ``**shared`` stands for the arguments of this class that it does not name itself; they
    become part of its signature and configuration.

    Examples
    --------
    >>> class Signed(Optimizer):
    ...     def apply(self, p, g, lr, scratch, **slots):
    ...         p -= lr * np.sign(g)
    >>> import numpy as np
    >>> p = np.ones(3)
    >>> Signed(lr=0.5, clip_norm=1.0).update([p], [np.array([2.0, 0.0, -3.0])])
    >>> p
    array([0.5, 1. , 1.5])
    """

    kind: ClassVar[str] = "optimizers"
    elementwise: bool = True
    n_scratch: ClassVar[int] = 1
    scalars: ClassVar[Mapping[str, float]] = {}
    """State beside the arrays: numbers by attribute name, with what they start from."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Write the shared arguments into the constructor's signature."""
        super().__init_subclass__(**kwargs)
        init = cls.__dict__.get("__init__")
        if init is not None:
            init.__signature__ = _with_shared(inspect.signature(init))

    def __init__(
        self,
        lr: Any = 0.001,
        clip: float = -1,
        decay: float = 0.0,
        lr_min: float = 0.0,
        lr_max: float | None = None,
        *,
        clip_norm: float | None = None,
        clip_param_norm: float | None = None,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        self.lr = lr
        self.clip = check_float("clip", clip)
        self.decay = check_float("decay", decay, 0)
        self.lr_min = check_float("lr_min", lr_min, 0)
        self.lr_max = math.inf if lr_max is None else check_float("lr_max", lr_max, 0, finite=False)
        if math.isinf(self.lr_max) and "lr_max" in self.config:
            self.config["lr_max"] = None  # infinity is no JSON number
        if self.lr_min > self.lr_max:
            raise ConfigError(f"lr_min={self.lr_min} must not exceed lr_max={self.lr_max}")
        self.clip_norm = _optional("clip_norm", clip_norm)
        self.clip_param_norm = _optional("clip_param_norm", clip_param_norm)
        self.elementwise = type(self).elementwise and self.clip_param_norm is None
        self.weight_decay = check_float("weight_decay", weight_decay, 0)
        self.decoupled = check_bool("decoupled", decoupled)
        self.reset()

    def reset(self) -> None:
        """Forget all state: counters and arrays."""
        self.iterations = self.epoch = 0
        self.grad_norm: float | None = None
        for name, value in self.scalars.items():
            setattr(self, name, value)
        self._slots: Slots | None = None
        self._scratch = Scratch(max(self.n_scratch, 1) + 1)  # the treatment of a gradient needs two

    # -- the learning rate -----------------------------------------------------------------------------------

    @property
    def lr(self) -> Any:
        """The learning rate or its schedule, before decay and bounds."""
        return self._lr

    @lr.setter
    def lr(self, value: Any) -> None:
        number = not isinstance(value, (str, Mapping)) and not callable(value)
        self._lr = check_float("lr", value, 0) if number else registry.get("schedules", value)

    def current_lr(self) -> float:
        """Return the rate of the last update, or of the first one if there was none yet."""
        return self._rate(max(self.iterations, 1))

    def _rate(self, step: int) -> float:
        """Return the rate of update ``step``, counted from 1."""
        rate = self._lr
        if callable(rate):
            time = self.epoch if getattr(rate, "per", "step") == "epoch" else step - 1
            rate = check_float(f"{self}: the rate of {rate} at time {time}", rate(time), 0)
        return min(max(rate / (1 + self.decay * step), self.lr_min), self.lr_max)

    # -- what a rule defines ---------------------------------------------------------------------------------

    def slot_names(self) -> tuple[str, ...]:
        """Return the names of the state arrays that each parameter has; they start as zeros."""
        return ()

    def prepare_step(self) -> None:
        """Compute what is the same for all parameters of this update, such as bias corrections."""

    @abstractmethod
    def apply(
        self, p: NDArray[Any], g: NDArray[Any], lr: float, scratch: Arrays, **slots: NDArray[Any]
    ) -> None:
        """Change ``p`` and the slots in place for gradient ``g``.

        Parameters
        ----------
        p, g : ndarray
            A block of a parameter and of its treated gradient; ``g`` is read only.
        lr : float
            Learning rate of this update.
        scratch : sequence of ndarray
            ``n_scratch`` arrays of the block's shape to compute in.
        **slots : ndarray
            State of this block, by name.
        """

    def update_array(
        self, p: NDArray[Any], g: NDArray[Any], treatment: Treatment, slots: dict[str, NDArray[Any]]
    ) -> None:
        """Update one whole array, block by block; rules that must see all of it first override this."""
        keep, n_scratch = treatment.keep, self.n_scratch
        for p_block, g_block, *states in blocks([p, g, *slots.values()]):
            scratch = self._scratch.like(p_block)
            gradient = treatment.gradient(p_block, g_block, scratch)
            if keep != 1:
                p_block *= keep
            own = dict(zip(slots, states, strict=True)) if slots else slots
            self.apply(p_block, gradient, treatment.lr, scratch[:n_scratch], **own)

    # -- the update ------------------------------------------------------------------------------------------

    def update(self, params: Arrays, grads: Arrays, decay: Sequence[bool] | None = None) -> None:
        """Change ``params`` in place; everything is checked before anything is changed.

        Parameters
        ----------
        params, grads : sequences of ndarray
            In the same order and shapes at every call.
        decay : sequence of bool, optional
            Which parameters weight decay applies to; all of them by default.

        Raises
        ------
        ShapeError
            If parameters, gradients, flags and state do not fit each other.
        DataError
            If something is no array of floats, or a parameter cannot be written to.
        NonFiniteError
            If gradients are to be clipped by a norm that is NaN or infinite.
        """
        flags = check_update(self, params, grads, decay)
        slots = self._arrays()
        entries = slots.matching(params)
        lr = self._rate(self.iterations + 1)
        scales, norm = norm_scales(grads, self.clip, self.clip_param_norm, self.clip_norm)
        slots.entries, self.grad_norm = entries, norm
        self.iterations += 1
        self.prepare_step()
        decaying = self._treatment(lr, self.weight_decay)
        exempt = self._treatment(lr, 0.0) if self.weight_decay else decaying
        for p, g, scale, flag, entry in zip(params, grads, scales, flags, entries, strict=True):
            treatment = decaying if flag else exempt
            self.update_array(p, g, treatment if scale == 1 else treatment._replace(scale=scale), entry)

    def _treatment(self, lr: float, weight_decay: float) -> Treatment:
        l2, decoupled = (0.0, weight_decay) if self.decoupled else (weight_decay, 0.0)
        return Treatment(lr, self.clip, 1.0, l2, decoupled)

    def _arrays(self) -> Slots:
        if self._slots is None:
            self._slots = Slots(str(self), self.slot_names())
        return self._slots

    # -- state -----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return counters, the learning rate if it is a number, and copies of the arrays by flat names."""
        return {
            "iterations": self.iterations,
            "epoch": self.epoch,
            "lr": None if callable(self._lr) else self._lr,
            **{name: getattr(self, name) for name in self.scalars},
            **self._arrays().state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state` returned; everything is checked before anything is changed.

        Raises
        ------
        FileFormatError
            If entries are missing, unexpected or of the wrong type.
        """
        check_scalars(self, state, ("iterations", "epoch", "lr", "n_params", *self.scalars))
        slots = Slots(str(self), self.slot_names())
        try:
            counters = [check_int(key, state[key], 0, 2**53) for key in ("iterations", "epoch")]
            lr = self._lr if state["lr"] is None else check_float("lr", state["lr"], 0)
            scalars = {name: check_float(name, state[name]) for name in self.scalars}
            slots.entries = slots.read(state)
        except ConfigError as error:
            raise FileFormatError(f"{self}: optimizer state: {printable(error)}") from None
        self.iterations, self.epoch = counters
        self._lr = lr
        self._slots = slots
        for name, value in scalars.items():
            setattr(self, name, value)


def _optional(name: str, value: float | None) -> float | None:
    return None if value is None else check_float(name, value, 0, above=True)


def _with_shared(signature: inspect.Signature) -> inspect.Signature:
    """Return a constructor's signature with the base's other arguments, by name, in place of ``**shared``."""
    own = [p for p in signature.parameters.values() if p.name != "shared"]
    if len(own) == len(signature.parameters):
        return signature
    base = inspect.signature(Optimizer.__init__).parameters.values()
    missing = [p.replace(kind=p.KEYWORD_ONLY) for p in base if p.name not in signature.parameters]
    return signature.replace(parameters=[*own, *missing])
