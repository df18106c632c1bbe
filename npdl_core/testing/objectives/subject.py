"""An objective under test, and what it is fed with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import DataError
from npdl_core.layers.base import Shaped
from npdl_core.objectives.base import Objective
from npdl_core.parameterized import Parameterized
from npdl_core.testing.common import ComponentSubject
from npdl_core.testing.domains import Draw, domain

__all__ = ["Batch", "ObjectiveSubject"]


class Batch(NamedTuple):
    """The arguments of one call."""

    outputs: Any
    targets: Any
    mask: Any = None
    sample_weight: Any = None


class ObjectiveSubject(ComponentSubject):
    """An objective and how outputs (..., K) and targets are drawn."""

    def __init__(
        self,
        spec: Any,
        config: Any,
        outputs: str | Draw | None,
        targets: str | Draw | None,
        n_outputs: int,
        ids: bool | None,
    ) -> None:
        super().__init__("objectives", spec, config)
        objective = self.new()
        unit = getattr(objective, "fuses", None) == "sigmoid"
        self.outputs = domain(outputs or ("unit" if unit else "probabilities"))
        self.targets = domain(targets or outputs or ("unit" if unit else "probabilities"))
        self.shapes = ((6, n_outputs), (3, 4, n_outputs))
        self.ids = getattr(objective, "ids", "refuse") != "refuse" if ids is None else ids

    def made(self, dtype: str = "float64", **config: Any) -> Any:
        """Return an objective, connected to outputs of K columns."""
        objective = self.source.with_config(**config) if config else self.new()
        if isinstance(objective, Parameterized):
            objective.dtype = dtype
            self.seed(objective)
        if hasattr(objective, "connect_to"):
            objective.connect_to(Shaped((None, self.shapes[0][-1])))
        return objective

    @staticmethod
    def seed(objective: Any, seed: int = 0) -> None:
        """Make the noise of the next call reproducible."""
        if isinstance(objective, Parameterized):
            objective.rng = np.random.default_rng(seed)

    def batch(self, shape: tuple[int, ...] | None = None, seed: int = 0, dtype: str = "float64") -> Batch:
        """Return outputs and targets, neither mask nor weights."""
        shape = self.shapes[0] if shape is None else shape
        self.note(shape=shape, seed=seed, dtype=dtype, mask=None, sample_weight=None, targets=None)
        rng = np.random.default_rng([seed, *shape])
        outputs, targets = self.outputs(rng, shape), self.targets(rng, shape)
        if targets.dtype.kind == "f":
            targets = targets.astype(dtype)
        return Batch(outputs.astype(dtype), targets)

    def with_ids(self, batch: Batch, seed: int = 0) -> Batch:
        """Return the batch with class ids as targets."""
        shape = np.shape(batch.outputs)
        self.note(targets="class ids")
        return batch._replace(targets=np.random.default_rng(seed).integers(0, shape[-1], shape[:-1]))

    def weighted(self, batch: Batch, seed: int = 0) -> Iterator[Batch]:
        """Yield the batch as it is, with a mask, with weights of samples or positions, with both."""
        positions = np.shape(batch.outputs)[:-1]
        rng = np.random.default_rng([seed, 3])
        mask = rng.random(positions) < 0.6
        mask.flat[0], mask.flat[-1] = True, False
        samples, places = rng.uniform(0.2, 2.0, positions[:1]), rng.uniform(0.2, 2.0, positions)
        places.flat[1] = 0.0
        for use_mask, weights in (
            (False, None),
            (True, None),
            (False, samples),
            (False, places),
            (True, samples),
        ):
            self.note(mask=use_mask or None, sample_weight=None if weights is None else weights.shape)
            yield batch._replace(mask=mask if use_mask else None, sample_weight=weights)

    def reductions(self) -> list[dict[str, str]]:
        """Return the configurations of all reductions, or none where there is no choice."""
        if not self.source.accepts("reduction"):
            return [{}]
        return [{"reduction": name} for name in ("mean", "sum", "none")]

    def call(self, objective: Any, batch: Batch) -> Any:
        """Return the loss, with noise from one seed."""
        self.seed(objective)
        return objective.forward(*batch)

    def gradient(self, objective: Any, batch: Batch) -> NDArray[Any]:
        """Return the gradient, with noise from one seed."""
        self.seed(objective)
        return np.asarray(objective.backward(*batch))

    def takes(self, objective: Any, batch: Batch) -> bool:
        """Return whether the objective takes such a batch."""
        try:
            self.call(objective, batch)
        except DataError:
            return False
        return True

    @property
    def derives_from_base(self) -> bool:
        """Whether it has the base's methods besides the protocol's."""
        return isinstance(self.new(), Objective)
