"""Loss, optimizer and metrics of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from npdl_core import hooks
from npdl_core.errors import StateError
from npdl_core.model.compiled import Compiled
from npdl_core.model.structure import Structure
from npdl_core.parameters import Parameter, ParameterStore

__all__ = ["Compilable"]


class Compilable(Structure):
    """A structure that can be told what to minimise, and how."""

    def __init__(self, *, seed: int | None = None, dtype: Any = None) -> None:
        super().__init__(seed=seed, dtype=dtype)
        self._compiled: Compiled | None = None

    def compile(
        self,
        loss: Any = "softmax_categorical_cross_entropy",
        optimizer: Any = "sgd",
        metrics: Any = (),
        loss_weights: Mapping[str, float] | None = None,
    ) -> Self:
        """Choose loss, optimizer and metrics; everything is a name, an envelope or an instance.

        Compiling again keeps the weights; the same optimizer object keeps its state.

        Parameters
        ----------
        loss : str, envelope, Objective, or a dict of them by output name
            What is minimised.
        optimizer : str, envelope or Optimizer
            How.
        metrics : sequence of names, or a dict of sequences by output name
            What is measured beside it.
        loss_weights : dict of float by output name, optional
            Factors of several losses; 1 by default.

        Returns
        -------
        Network
            The model itself.

        Raises
        ------
        ConfigError
            If losses, metrics and outputs do not go together; the model is left as it was.
        OwnershipError
            If a layer belongs to another compiled model.
        """
        compiled = Compiled(loss, optimizer, metrics, loss_weights)
        compiled.match(self)
        if not self.connected:
            shape = self.declared_input_shape()
            if shape is not None:
                self.connect(shape)
        if self.connected:
            compiled.build(self, self._store())
        self._compiled = compiled
        if hooks.active("npdl_model_compiled"):
            hooks.call("npdl_model_compiled", model=self)
        return self

    def _finish_connecting(self) -> None:
        if self._compiled is not None:
            self._compiled.build(self, self._compiled.store)

    def _store(self) -> ParameterStore | None:
        return None if self._compiled is None else self._compiled.store

    @property
    def compiled(self) -> Compiled:
        """Loss, optimizer, metrics and the parameter store.

        Raises
        ------
        StateError
            If the model was not compiled.
        """
        if self._compiled is None:
            raise StateError("compile the model first: model.compile(loss=…, optimizer=…)")
        return self._compiled

    @property
    def loss(self) -> Any:
        """The objective, or a dict of them by output name."""
        return self.compiled.loss

    @property
    def optimizer(self) -> Any:
        """The optimizer."""
        return self.compiled.optimizer

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield ``("0.dense.W", Parameter)``, shared ones once, then those of the loss as ``loss.*``."""
        yield from self.layer_parameters()
        if self._compiled is not None:
            yield from self._compiled.named_parameters()

    def recipe(self) -> dict[str, Any] | None:
        """Return the arguments of :meth:`compile`, or None if it was not called."""
        return None if self._compiled is None else self._compiled.recipe()
