"""What compiling adds to a network: loss, optimizer, metrics, and the store that they work on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npdl_core import hooks, registry
from npdl_core.errors import ConfigError, StateError
from npdl_core.layers.base import Layer
from npdl_core.model.foreign import ForeignLayer
from npdl_core.model.inputs import listed
from npdl_core.model.meter import Meter
from npdl_core.model.terms import of_output, resolve_losses, resolve_metrics, weighting
from npdl_core.parameterized import Parameterized
from npdl_core.parameters import Groups, Parameter, ParameterStore

if TYPE_CHECKING:
    from npdl_core.model.structure import Structure

__all__ = ["Compiled"]


class Compiled:
    """Loss, optimizer and metrics of a network, resolved; after :meth:`build` also its parameter store.

    Attributes
    ----------
    terms : list of Term
        The summands of the loss.
    metrics : list of Measure
        What is measured beside it.
    fused : set of output names
        The outputs whose loss takes its derivative together with the last layer's softmax.
    """

    def __init__(
        self, loss: Any, optimizer: Any, metrics: Any, loss_weights: Mapping[str, float] | None
    ) -> None:
        self.terms = resolve_losses(loss, loss_weights)
        self.optimizer = registry.get("optimizers", optimizer)
        self.metrics = resolve_metrics(metrics, [term.output for term in self.terms])
        self.hooks = hooks.manager()
        self.store: ParameterStore | None = None
        self.fused: set[str | None] = set()
        self._costly: list[Layer] = []
        self._rewarded: list[Layer] = []
        self._foreign: list[ForeignLayer] = []
        self._statistics: list[NDArray[Any]] = []
        self._views: Groups = ([], [], [])
        self._batch_meter: Meter | None = None

    @property
    def loss(self) -> Any:
        """The objective, or a dict of them by output name."""
        losses = {term.output: term.loss for term in self.terms}
        return losses.get(None, losses)

    def recipe(self) -> dict[str, Any]:
        """Return the arguments that compile an equal network."""
        metrics: dict[str | None, list[Any]] = {}
        for measure in self.metrics:
            metrics.setdefault(measure.output, []).append(measure.metric)
        weights = {term.output: term.factor for term in self.terms if term.factor != 1}
        return {
            "loss": self.loss,
            "optimizer": self.optimizer,
            "metrics": metrics.get(None, metrics),
            "loss_weights": weights or None,
        }

    # -- parameters ------------------------------------------------------------------------------------------

    def match(self, network: Structure) -> None:
        """Raise :class:`ConfigError` unless there is one loss for each output of a network."""
        outputs, losses = network.output_names(), {term.output for term in self.terms}
        if sum(term.rewards for term in self.terms) > 1:
            raise ConfigError("stochastic layers take one reward; give only one loss that has rewards")
        if outputs == losses:
            return
        came, expected = listed(sorted(map(str, losses))), listed(sorted(map(str, outputs)))
        raise ConfigError(
            f"this model has one output; give one loss, not a dict for {came}"
            if outputs == {None}
            else f"one loss for each output is needed, as a dict: outputs are {expected}, "
            f"got {'one loss' if losses == {None} else f'losses for {came}'}"
        )

    def build(self, network: Structure, previous: ParameterStore | None) -> None:
        """Lay all parameters out in a store of their own and decide what is fused.

        Raises
        ------
        OwnershipError
            If a layer belongs to another compiled model; nothing is changed.
        """
        layers = network.distinct_layers()
        ParameterStore.refuse_owned(dict(network.layer_parameters()), previous)
        for term in self.terms:
            if isinstance(term.loss, Parameterized):
                if not any(True for _ in term.loss.named_parameters()):
                    term.loss.dtype = network.dtype
                term.loss.rng = network.layer_rng
                term.loss.connect_to(network.output_layers()[term.output])
        self.store = ParameterStore([*network.layer_parameters(), *self.named_parameters()], previous)
        network.mark_first_layers()
        self._foreign = network.foreign_layers()
        self._costly = [layer for layer in layers if _has_cost(layer)]
        self._rewarded = layers if any(term.rewards for term in self.terms) else []
        self.fused = {
            term.output
            for term in self.terms
            if getattr(term.loss, "fuses", None) is not None
            and network.fusable_layers().get(term.output) is not None
            and getattr(network.fusable_layers()[term.output], "ends_with", None) == term.loss.fuses
        }
        self._statistics = [p.value for p in self.store.named.values() if not p.trainable and not p.constant]
        self._views = self.store.views_for(self.optimizer)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield the objectives' parameters as ``loss.*``, or ``loss.<output>.*`` for several."""
        for term in self.terms:
            if isinstance(term.loss, Parameterized):
                yield from term.loss.named_parameters(
                    "loss." if term.output is None else f"loss.{term.output}."
                )

    def check_ready(self) -> None:
        """Look again at what is frozen, if that was changed.

        Raises
        ------
        StateError
            If the optimizer has state for other arrays by now.
        """
        if self.store is None or not self.store.stale:
            return
        views = self.store.views_for(self.optimizer)
        same = [array.shape for array in views[0]] == [array.shape for array in self._views[0]]
        if not same and _has_arrays(self.optimizer):
            self.store.stale = True
            raise StateError(
                "layers were frozen or unfrozen while the optimizer keeps state for the parameters as they "
                "were; compile the model again (its weights are kept), or call model.optimizer.reset()"
            )
        self._views = views

    def views(self) -> Groups:
        """Return what the optimizer updates: values, gradients, decay flags."""
        if not self._foreign:
            return self._views
        values, grads, decay = list(self._views[0]), list(self._views[1]), list(self._views[2])
        for layer in self._foreign:
            values += layer.params
            grads += layer.grads
            decay += [True] * len(layer.params)
        return values, grads, decay

    def update(self) -> None:
        """Let the optimizer change the parameters."""
        self.optimizer.update(*self.views())

    def copy_statistics(self) -> list[NDArray[Any]]:
        """Return copies of what a training forward writes: running means and the like."""
        return [array.copy() for array in self._statistics]

    def restore_statistics(self, saved: list[NDArray[Any]]) -> None:
        """Put back what :meth:`copy_statistics` returned."""
        for array, value in zip(self._statistics, saved, strict=True):
            array[...] = value

    # -- loss and metrics ------------------------------------------------------------------------------------

    def cost(self) -> float:
        """Return what layers add to the loss for the last training forward."""
        return sum(layer.cost() for layer in self._costly) if self._costly else 0.0

    def reinforce(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any) -> None:
        """Hand the reward of the loss that has one to all layers, before their backward."""
        if not self._rewarded:
            return
        (term,) = (term for term in self.terms if term.rewards)
        weights = weighting(mask, sample_weight, term.output)
        reward = term.loss.reward(of_output(outputs, term.output), of_output(targets, term.output), **weights)
        for layer in self._rewarded:
            layer.reinforce(reward * term.factor)

    def meter(self) -> Meter:
        """Return a fresh meter for loss and metrics."""
        return Meter(self.terms, [m._replace(metric=copy.deepcopy(m.metric)) for m in self.metrics])

    def batch_meter(self) -> Meter:
        """Return a meter that starts afresh and is used for one batch at a time."""
        if self._batch_meter is None:
            self._batch_meter = self.meter()
        self._batch_meter.reset()
        return self._batch_meter


def _has_cost(layer: Layer) -> bool:
    return any(isinstance(part, Layer) and type(part).cost is not Layer.cost for part in layer.descendants())


def _has_arrays(optimizer: Any) -> bool:
    """Return whether an optimizer keeps arrays; one that cannot say might."""
    if not hasattr(optimizer, "state"):
        return True
    return any(isinstance(value, np.ndarray) for value in optimizer.state().values())
