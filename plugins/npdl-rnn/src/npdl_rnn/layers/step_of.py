"""Which step belongs to a layer; steps of layers made of layers."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from npdl_core.errors import ShapeError
from npdl_core.layers.base import Layer
from npdl_core.layers.containers import Chain, Parallel
from npdl_rnn.layers.base import RecurrentLayer
from npdl_rnn.layers.sequence import State
from npdl_rnn.layers.steps import Cell, LayerCell, RecurrentCell, Rows

__all__ = ["cell_of"]

Array = NDArray[Any]


class ContainerCell(Cell):
    """What the cells of a container's layers have in common."""

    def __init__(self, layer: Chain | Parallel) -> None:
        self.layer = layer
        self.cells = [cell_of(member) for member in layer.members]

    def sizes(self) -> tuple[int, ...]:
        """Return the sizes of all layers' states."""
        return tuple(size for cell in self.cells for size in cell.sizes())

    def begin(self, n_samples: int) -> None:
        """Prepare all cells."""
        for cell in self.cells:
            cell.begin(n_samples)

    def reinforce(self, reward: Array) -> None:
        """Hand the reward to all cells."""
        for cell in self.cells:
            cell.reinforce(reward)

    def spent(self) -> float:
        """Return what all cells cost."""
        return sum(cell.spent() for cell in self.cells)

    def split(self, state: State) -> list[State]:
        """Return each cell's part of a state."""
        parts, start = [], 0
        for cell in self.cells:
            stop = start + len(cell.sizes())
            parts.append(state[start:stop])
            start = stop
        return parts


class ChainCell(ContainerCell):
    """Layers one after the other, some of them with state."""

    def connect(self, shape: Any) -> Any:
        """Connect each layer to the one before; the chain itself has no shape, since it sees no sequence."""
        for cell in self.cells:
            shape = cell.connect(shape)
        return shape

    def forward(self, x: Any, state: State, rows: Rows, train: bool) -> tuple[Any, State, Any]:
        """Do one step of each."""
        new: list[Array] = []
        caches = []
        for cell, part in zip(self.cells, self.split(state), strict=True):
            x, after, cache = cell.forward(x, part, rows, train)
            new += after
            caches.append(cache)
        return x, tuple(new), caches

    def backward(self, grad: Any, dstate: State, cache: Any) -> tuple[Any, State]:
        """Go back through each, the last one first."""
        before: list[State] = []
        for cell, part, kept in reversed(list(zip(self.cells, self.split(dstate), cache, strict=True))):
            grad, state = cell.backward(grad, part, kept)
            before.insert(0, state)
        return grad, tuple(part for parts in before for part in parts)

    def mask_of(self, input: Any, mask: Any) -> Any:
        """Return the mask that the first layer makes."""
        return self.cells[0].mask_of(input, mask)


class ParallelCell(ContainerCell):
    """Layers side by side, some of them with state."""

    layer: Parallel

    def __init__(self, layer: Parallel) -> None:
        super().__init__(layer)
        self.merge = None if layer.joined is None else LayerCell(layer.joined)

    def connect(self, shape: Any) -> Any:
        """Connect each layer to its input."""
        self.several = isinstance(shape, list)
        shapes = shape if self.several else [shape] * len(self.cells)
        if len(shapes) != len(self.cells):
            raise ShapeError(f"{self.layer} has {len(self.cells)} layers, got {len(shapes)} inputs")
        found = [cell.connect(one) for cell, one in zip(self.cells, shapes, strict=True)]
        return found if self.merge is None else self.merge.connect(found)

    def begin(self, n_samples: int) -> None:
        """Prepare all cells."""
        super().begin(n_samples)
        if self.merge is not None:
            self.merge.begin(n_samples)

    def forward(self, x: Any, state: State, rows: Rows, train: bool) -> tuple[Any, State, Any]:
        """Do one step of each, and join the outputs."""
        inputs = x if self.several else [x] * len(self.cells)
        steps = [
            cell.forward(one, part, rows, train)
            for cell, one, part in zip(self.cells, inputs, self.split(state), strict=True)
        ]
        output, joining = [step[0] for step in steps], None
        if self.merge is not None:
            output, _, joining = self.merge.forward(output, (), rows, train)
        new = tuple(array for step in steps for array in step[1])
        return output, new, ([step[2] for step in steps], joining)

    def backward(self, grad: Any, dstate: State, cache: Any) -> tuple[Any, State]:
        """Go back through the joint, then through each."""
        caches, joining = cache
        grads = grad if self.merge is None else self.merge.backward(grad, (), joining)[0]
        steps = [
            cell.backward(part, state, kept)
            for cell, part, state, kept in zip(self.cells, grads, self.split(dstate), caches, strict=True)
        ]
        back = [step[0] for step in steps]
        before = tuple(array for step in steps for array in step[1])
        return (back if self.several else sum(back[1:], back[0])), before


def cell_of(layer: Layer) -> Cell:
    """Return a layer's step.

    Raises
    ------
    ConfigError
        If a recurrent layer in it is set up for sequences of its own.
    """
    if isinstance(layer, RecurrentLayer):
        return RecurrentCell(layer)
    steps = any(isinstance(part, RecurrentLayer) for part in layer.descendants())
    if steps and isinstance(layer, Chain):
        return ChainCell(layer)
    if steps and isinstance(layer, Parallel):
        return ParallelCell(layer)
    return LayerCell(layer)
