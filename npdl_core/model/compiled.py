"""What compiling adds to a network: loss, optimizer, metrics, and the store that they work on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from npdl_core import registry
from npdl_core.checks import check_float
from npdl_core.errors import ConfigError, printable
from npdl_core.layers.base import Layer
from npdl_core.model.foreign import ForeignLayer
from npdl_core.model.meter import Meter
from npdl_core.parameterized import Parameterized
from npdl_core.parameters import Parameter, ParameterStore

if TYPE_CHECKING:
    from npdl_core.model.network import Network

__all__ = ["Compiled"]

Views = tuple[list[NDArray[Any]], list[NDArray[Any]], list[bool]]


class Compiled:
    """Loss, optimizer and metrics of a network, resolved; after :meth:`build` also its parameter store.

    Attributes
    ----------
    losses : dict of Objective by output name
        One entry, under None, for a network with one output.
    fused : bool
        Whether the loss's derivative is taken together with the last layer's softmax.
    costly : list of Layer
        Layers whose ``cost`` adds to the loss.
    """

    def __init__(
        self, loss: Any, optimizer: Any, metrics: Any, loss_weights: Mapping[str, float] | None
    ) -> None:
        self.losses = _by_output("objectives", loss)
        self.loss_weights = _checked_weights(loss_weights, self.losses)
        self.optimizer = registry.get("optimizers", optimizer)
        self.metrics = _resolve_metrics(metrics)
        self.store: ParameterStore | None = None
        self.fused = False
        self.costly: list[Layer] = []
        self._foreign: list[ForeignLayer] = []
        self._views: Views = ([], [], [])

    @property
    def loss(self) -> Any:
        """The objective, or a dict of them by output name."""
        return self.losses[None] if None in self.losses else self.losses

    def recipe(self) -> dict[str, Any]:
        """Return the arguments that compile an equal network, with copies of stateful components."""
        metrics: dict[str | None, list[Any]] = {}
        for output, _, metric in self.metrics:
            metrics.setdefault(output, []).append(copy.deepcopy(metric))
        several: Any = {output: found for output, found in metrics.items() if output is not None}
        return {
            "loss": copy.deepcopy(self.loss),
            "optimizer": copy.deepcopy(self.optimizer),
            "metrics": several or metrics.get(None, []),
            "loss_weights": self.loss_weights or None,
        }

    # -- parameters --------------------------------------------------------------------------------------------

    def build(self, network: Network) -> None:
        """Lay all parameters out in a store of their own and decide what is fused."""
        self._match_outputs(network)
        applied = [layer for _, layer in network.applications]
        if network._compiled is not None and network._compiled.store is not None:
            network._compiled.store.release()
        for output, loss in self.losses.items():
            if isinstance(loss, Parameterized):
                if not loss._parameters:
                    loss.dtype, loss.rng = network.dtype, network.layer_rng
                loss.connect_to(_pick(network.output_layers(), output))
        previous, network._compiled = network._compiled, self
        try:
            self.store = ParameterStore(network.named_parameters())
        finally:
            network._compiled = previous
        self._foreign = [layer for layer in applied if isinstance(layer, ForeignLayer)]
        self.costly = list({id(layer): layer for layer in applied if _has_cost(layer)}.values())
        self.fused = self._can_fuse(network)
        self._views = self.store.views_for(self.optimizer)

    def _match_outputs(self, network: Network) -> None:
        layers = network.output_layers()
        outputs = set(layers) if isinstance(layers, dict) else {None}
        if set(self.losses) != outputs:
            came = sorted(str(name) for name in self.losses)
            raise ConfigError(
                f"one loss for each output is needed: outputs {sorted(map(str, outputs))}, losses for {came}"
                if outputs != {None}
                else f"this model has one output; give one loss, not a dict for {came}"
            )

    def inherit(self, previous: Compiled) -> None:
        """Take the optimizer state over when the same optimizer object is compiled again."""
        if previous.optimizer is not self.optimizer and hasattr(self.optimizer, "epoch"):
            self.optimizer.epoch = 0

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield the losses' own parameters as ``loss.*``, or ``loss.<output>.*``."""
        for output, loss in self.losses.items():
            if isinstance(loss, Parameterized):
                yield from loss.named_parameters("loss." if output is None else f"loss.{output}.")

    def _can_fuse(self, network: Network) -> bool:
        last = network.output_layers()
        fuses = getattr(self.losses.get(None), "fuses", None)
        return fuses is not None and getattr(last, "ends_with", None) == fuses

    def views(self) -> Views:
        """Return what the optimizer updates: values, gradients, decay flags."""
        if not self._foreign:
            return self._views
        values, grads, decay = (list(part) for part in self._views)
        for layer in self._foreign:
            values += layer.params
            grads += layer.grads
            decay += [True] * len(layer.params)
        return values, grads, decay

    def update(self) -> None:
        """Let the optimizer change the parameters."""
        values, grads, decay = self.views()
        self.optimizer.update(values, grads, decay)

    # -- loss and metrics --------------------------------------------------------------------------------------

    def loss_gradient(self, outputs: Any, targets: Any, mask: Any, sample_weight: Any) -> Any:
        """Return the gradient of the weighted losses with respect to the outputs."""
        grads = {}
        for output, loss in self.losses.items():
            weights = weight_arguments(_pick(mask, output), _pick(sample_weight, output))
            derive = loss.fused_backward if self.fused else loss.backward
            grad = derive(_pick(outputs, output), _pick(targets, output), **weights)
            factor = self.loss_weights.get(output or "", 1.0)
            grads[output] = grad if factor == 1.0 else grad * factor
        return grads[None] if None in grads else grads

    def meter(self) -> Meter:
        """Return a fresh meter for loss and metrics."""
        return Meter(
            self.losses, self.loss_weights, [(o, key, copy.deepcopy(m)) for o, key, m in self.metrics]
        )


def weight_arguments(mask: Any, sample_weight: Any) -> dict[str, Any]:
    """Return the keyword arguments for what is given, so that a plain ``forward(outputs, targets)`` works too."""
    given = {"mask": mask, "sample_weight": sample_weight}
    return {name: value for name, value in given.items() if value is not None}


def _pick(value: Any, output: str | None) -> Any:
    if output is None or value is None:
        return value
    if isinstance(value, dict):
        return value.get(output)
    return value


def _has_cost(layer: Layer) -> bool:
    return any(isinstance(part, Layer) and type(part).cost is not Layer.cost for part in layer.descendants())


def _by_output(kind: str, spec: Any) -> dict[str | None, Any]:
    if isinstance(spec, Mapping) and not _is_envelope(spec):
        if not spec:
            raise ConfigError("loss: an empty dict names no output")
        return {str(output): registry.get(kind, item) for output, item in spec.items()}
    return {None: registry.get(kind, spec)}


def _is_envelope(spec: Mapping[str, Any]) -> bool:
    return "name" in spec and set(spec) <= {"name", "config"} and isinstance(spec["name"], str)


def _checked_weights(weights: Mapping[str, float] | None, losses: dict[str | None, Any]) -> dict[str, float]:
    if not weights:
        return {}
    unknown = [name for name in weights if name not in losses]
    if unknown:
        raise ConfigError(
            f"loss_weights: {printable(unknown)} is no output with a loss; losses are for {list(losses)}"
        )
    return {name: check_float(f"loss_weights[{name}]", weight, 0) for name, weight in weights.items()}


def _resolve_metrics(metrics: Any) -> list[tuple[str | None, str, Any]]:
    if isinstance(metrics, str) or (isinstance(metrics, Mapping) and _is_envelope(metrics)):
        metrics = [metrics]
    by_output: dict[str | None, Sequence[Any]] = (
        dict(metrics) if isinstance(metrics, Mapping) else {None: list(metrics)}
    )
    resolved = []
    for output, specs in by_output.items():
        for spec in [specs] if isinstance(specs, (str, Mapping)) else specs:
            metric = registry.get("metrics", spec)
            name = _metric_name(metric)
            resolved.append((output, name if output is None else f"{output}_{name}", metric))
    keys = [key for _, key, _ in resolved]
    return [
        (o, key if keys.count(key) == 1 else f"{key}_{keys[:i].count(key) + 1}", m)
        for i, (o, key, m) in enumerate(resolved)
    ]


def _metric_name(metric: Any) -> str:
    try:
        return registry.canonical_name("metrics", type(metric))
    except ValueError:
        return type(metric).__name__.lower()
