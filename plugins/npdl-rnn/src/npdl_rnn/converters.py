"""Weights of recurrent layers from and to PyTorch, Keras and ONNX, both ways.

All take a connected ``simple_rnn``, ``gru`` or ``lstm``, a stack of them, or a ``bidirectional`` of two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import ConfigError, NotConnectedError, ShapeError, WeightsError, printable
from npdl_core.parameters import mismatches
from npdl_rnn.layers import GRU, LSTM, BatchNormLSTM, Bidirectional, RecurrentLayer, SimpleRNN

__all__ = ["from_keras", "from_onnx", "from_torch", "set_fused", "to_keras", "to_onnx", "to_torch"]

Array = NDArray[Any]
Arrays = dict[str, Array]

#: Which of our blocks stand where in theirs; every one of these orders is its own inverse.
ORDERS: dict[type, dict[str, tuple[int, ...]]] = {
    SimpleRNN: {"torch": (0,), "keras": (0,), "onnx": (0,)},
    GRU: {"torch": (0, 1, 2), "keras": (1, 0, 2), "onnx": (1, 0, 2)},
    LSTM: {"torch": (0, 1, 3, 2), "keras": (0, 1, 3, 2), "onnx": (0, 2, 1, 3)},
}


def set_fused(layer: Any, Wx: Any, Wh: Any, b: Any) -> None:
    """Set the weights of one layer in our own order of gates: Wx (D, kH), Wh (H, kH), b (kH,).

    Raises
    ------
    ShapeError
        If an array has another shape; nothing is changed then.

    Examples
    --------
    >>> layer = LSTM(2).connect((None, None, 3))
    >>> set_fused(layer, np.ones((3, 8)), np.ones((2, 8)), np.zeros(8))
    >>> float(layer.W.sum())
    24.0
    """
    _write(_cells(layer)[0], {"W": np.asarray(Wx), "U": np.asarray(Wh), "b": np.asarray(b)})


# -- PyTorch -------------------------------------------------------------------------------------------------


def from_torch(layer: Any, weights: Mapping[str, Any]) -> None:
    """Set all weights from a state dict of ``torch.nn.RNN``, ``GRU`` or ``LSTM``.

    Parameters
    ----------
    layer : layer
        GRUs need ``reset_after=True``; an LSTM with ``proj_size`` is one with ``projection``.
    weights : mapping of str to array
        ``weight_ih_l0`` (kH, D), ``weight_hh_l0`` (kH, H), ``bias_ih_l0`` and ``bias_hh_l0`` (kH,), which may
        be missing, ``weight_hr_l0`` (R, H), and so on for ``l1`` …, ``l0_reverse`` …; tensors will do.

    Raises
    ------
    WeightsError
        Naming everything that is missing, unexpected or of another shape; nothing is changed then.
    ConfigError
        If PyTorch has no such layer.
    """
    came = {name: _array(value) for name, value in weights.items()}
    expected = to_torch(layer)
    biases = [name for name in expected if name.startswith("bias_") and name not in came]
    came |= {name: np.zeros_like(expected[name]) for name in biases}
    _check(layer, expected, came)
    for suffix, cell in _torch_cells(layer):
        part = {name: came[f"{name}_{suffix}"] for name in _torch_arrays(cell, False)}
        order = ORDERS[_family(cell)]["torch"]
        read = {"W": part["weight_ih"].T, "U": part["weight_hh"].T}
        if _two_biases(cell):
            read |= {"b": part["bias_ih"], "bu": part["bias_hh"]}
        else:
            read["b"] = part["bias_ih"] + part["bias_hh"]
        mine = {name: _reordered(array, order) for name, array in read.items()}
        if "weight_hr" in part:
            mine["Wo"] = part["weight_hr"].T
        _write(cell, mine)


def to_torch(layer: Any, grads: bool = False) -> Arrays:
    """Return all weights, or with ``grads`` all gradients, under PyTorch's names and in its shapes.

    Examples
    --------
    >>> {name: array.shape for name, array in to_torch(LSTM(2).connect((None, None, 3))).items()}
    {'weight_ih_l0': (8, 3), 'weight_hh_l0': (8, 2), 'bias_ih_l0': (8,), 'bias_hh_l0': (8,)}
    """
    return {
        f"{name}_{suffix}": array
        for suffix, cell in _torch_cells(layer)
        for name, array in _torch_arrays(cell, grads).items()
    }


def _torch_arrays(cell: RecurrentLayer, grads: bool) -> Arrays:
    _refuse(cell, "PyTorch", "peephole")
    if isinstance(cell, GRU) and not cell.reset_after:
        raise ConfigError(f"{cell}: PyTorch's GRU resets after the product; make it with reset_after=True")
    found = _read(cell, grads)
    order = ORDERS[_family(cell)]["torch"]
    mine = {name: _reordered(found[name], order) for name in ("W", "U", "b")}
    # Where PyTorch adds two biases, ours is their sum: one has it all, and both have its gradient.
    second = mine["b"].copy() if grads else np.zeros_like(mine["b"])
    if "bu" in found:
        second = _reordered(found["bu"], order)
    arrays = {"weight_ih": mine["W"].T, "weight_hh": mine["U"].T, "bias_ih": mine["b"], "bias_hh": second}
    if "Wo" in found:
        arrays["weight_hr"] = found["Wo"].T
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _torch_cells(layer: Any) -> list[tuple[str, RecurrentLayer]]:
    directions = _directions(layer)
    if len(directions) == 2 and directions[0].num_layers > 1:
        raise ConfigError(
            f"{layer}: PyTorch feeds both directions to the next layer; stack bidirectional layers of one "
            "level each and convert them one by one"
        )
    return [
        (f"l{index}{'_reverse' if number else ''}", cell)
        for number, direction in enumerate(directions)
        for index, cell in enumerate(_levels(direction))
    ]


# -- Keras ---------------------------------------------------------------------------------------------------


def from_keras(layer: Any, weights: Sequence[Any]) -> None:
    """Set all weights from ``get_weights()`` of Keras's layer of the same name.

    Parameters
    ----------
    layer : layer
        A GRU's ``reset_after`` must be Keras's.
    weights : sequence of arrays
        kernel (D, kH), recurrent kernel (H, kH), bias (kH,), or (2, kH) with ``reset_after``; then those of
        the backward layer, or of the layers on top.

    Raises
    ------
    WeightsError
        Naming everything that is missing, unexpected or of another shape; nothing is changed then.
    """
    came = {f"[{index}]": _array(value) for index, value in enumerate(weights)}
    expected = {f"[{index}]": array for index, array in enumerate(to_keras(layer))}
    _check(layer, expected, came)
    arrays = iter(came.values())
    for cell in _cells(layer):
        order = ORDERS[_family(cell)]["keras"]
        W, U, bias = (_reordered(next(arrays), order) for _ in range(3))
        _write(cell, {"W": W, "U": U} | ({"b": bias[0], "bu": bias[1]} if bias.ndim == 2 else {"b": bias}))


def to_keras(layer: Any) -> list[Array]:
    """Return all weights as Keras's ``set_weights`` takes them.

    Examples
    --------
    >>> [array.shape for array in to_keras(GRU(2, reset_after=True).connect((None, None, 3)))]
    [(3, 6), (2, 6), (2, 6)]
    """
    arrays = []
    for cell in _cells(layer):
        _refuse(cell, "Keras", "peephole", "projection")
        found, order = _read(cell, False), ORDERS[_family(cell)]["keras"]
        bias = np.stack([found["b"], found["bu"]]) if "bu" in found else found["b"]
        arrays += [_reordered(array, order) for array in (found["W"], found["U"], bias)]
    return arrays


# -- ONNX ----------------------------------------------------------------------------------------------------


def from_onnx(layer: Any, weights: Mapping[str, Any]) -> None:
    """Set all weights from the inputs of ONNX's ``RNN``, ``GRU`` or ``LSTM`` node.

    Parameters
    ----------
    layer : layer
        One level; a GRU's ``reset_after`` is the node's ``linear_before_reset``, an LSTM's ``peephole`` says
        that there is P.
    weights : mapping
        W (dirs, kH, D), R (dirs, kH, H), B (dirs, 2kH), which may be None or missing, and P (dirs, 3H).

    Raises
    ------
    WeightsError
        Naming everything that is missing, unexpected or of another shape; nothing is changed then.
    """
    expected = to_onnx(layer)
    came = {name: _array(value) for name, value in weights.items() if value is not None}
    came |= {
        name: np.zeros_like(expected[name]) for name in ("B", "P") if name in expected and name not in came
    }
    _check(layer, expected, came)
    for index, cell in enumerate(_cells(layer)):
        order = ORDERS[_family(cell)]["onnx"]
        b, bu = (_reordered(part, order) for part in np.split(came["B"][index], 2))
        mine = {"W": _reordered(came["W"][index].T, order), "U": _reordered(came["R"][index].T, order)}
        mine |= {"b": b, "bu": bu} if _two_biases(cell) else {"b": b + bu}
        if "P" in came:
            mine["P"] = came["P"][index].reshape(3, -1)[[0, 2, 1]]
        _write(cell, mine)


def to_onnx(layer: Any) -> Arrays:
    """Return all weights as the inputs W, R, B and P of ONNX's node.

    Examples
    --------
    >>> {name: array.shape for name, array in to_onnx(LSTM(2).connect((None, None, 3))).items()}
    {'W': (1, 8, 3), 'R': (1, 8, 2), 'B': (1, 16)}
    """
    parts: dict[str, list[Array]] = {}
    for direction in _directions(layer):
        if direction.num_layers > 1:
            raise ConfigError(
                f"{direction}: an ONNX node has one layer; convert those of the stack one by one"
            )
        _refuse(direction, "ONNX", "projection")
        found, order = _read(direction, False), ORDERS[_family(direction)]["onnx"]
        mine = {name: _reordered(array, order) for name, array in found.items() if name != "P"}
        arrays = {"W": mine["W"].T, "R": mine["U"].T}
        arrays["B"] = np.concatenate([mine["b"], mine.get("bu", np.zeros_like(mine["b"]))])
        if "P" in found:
            arrays["P"] = found["P"][[0, 2, 1]].reshape(-1)
        for name, array in arrays.items():
            parts.setdefault(name, []).append(array)
    return {name: np.stack(arrays) for name, arrays in parts.items()}


# -- what all share ------------------------------------------------------------------------------------------


def _directions(layer: Any) -> list[RecurrentLayer]:
    found = list(layer.both) if isinstance(layer, Bidirectional) else [layer]
    for one in found:
        if not isinstance(one, tuple(ORDERS)) or isinstance(one, BatchNormLSTM):
            raise ConfigError(
                f"converters know simple_rnn, gru, lstm and bidirectional, got {printable(one, 60)}"
            )
    return found


def _levels(layer: RecurrentLayer) -> list[RecurrentLayer]:
    if layer.in_shape is None:
        raise NotConnectedError(f"{layer} has no parameters yet; connect it first")
    return layer.levels


def _cells(layer: Any) -> list[RecurrentLayer]:
    return [cell for direction in _directions(layer) for cell in _levels(direction)]


def _family(cell: RecurrentLayer) -> type:
    return next(family for family in ORDERS if isinstance(cell, family))


def _two_biases(cell: RecurrentLayer) -> bool:
    return isinstance(cell, GRU) and cell.reset_after


def _refuse(cell: RecurrentLayer, who: str, *features: str) -> None:
    for name in features:
        if getattr(cell, name, None):
            raise ConfigError(f"{cell}: {who} has no {name}")


def _read(cell: RecurrentLayer, grads: bool) -> Arrays:
    names = ("W", "U", "b", "bu", "P", "Wo")
    _levels(cell)
    return {name: getattr(cell, f"d{name}" if grads else name) for name in names if hasattr(cell, name)}


def _reordered(array: Array, order: tuple[int, ...]) -> Array:
    """Return a copy whose blocks along the last axis stand in another order."""
    blocks = np.split(array, len(order), axis=-1)
    return np.concatenate([blocks[index] for index in order], axis=-1)


def _array(value: Any) -> Array:
    """Return an array, or a tensor, as an array."""
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)


def _check(layer: Any, expected: Arrays, came: Arrays) -> None:
    problems = mismatches(expected, came)
    if problems:
        raise WeightsError(f"{layer}: {'; '.join(problems)}")


def _write(cell: RecurrentLayer, arrays: Arrays) -> None:
    """Copy arrays into parameters, all or none."""
    for name, array in arrays.items():
        if getattr(cell, name).shape != array.shape:
            raise ShapeError(f"{cell}.{name} has shape {getattr(cell, name).shape}, got {array.shape}")
    for name, array in arrays.items():
        setattr(cell, name, array)
