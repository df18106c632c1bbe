"""Training steps written out: the kernels of the table and NumPy in sequence, into arrays made beforehand.

They use the arrays of a model, weights and gradients, and nothing else of it but, for convolutional networks,
the layers' own ``forward`` and ``backward``. All update with SGD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[np.ndarray, np.ndarray], float]

EPSILON = 1e-11


def updates(model: Any, rate: float) -> Callable[[], None]:
    """Return the update of all of a model's parameters at once."""
    from npdl_core import kernels

    ((values,), (grads,), _) = model.compiled.views()
    return lambda: kernels.sgd_step(values, grads, rate)


def cross_entropy(n: int, n_classes: int) -> Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]:
    """Return what gives the loss of probabilities (N, K), and the gradient of their scores."""
    from npdl_core import kernels

    losses, grad = np.empty(n, np.float32), np.empty((n, n_classes), np.float32)

    def loss_and_gradient(p: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        ids = y.view(np.uintp)
        if ids[ids.argmax()] >= n_classes:
            raise IndexError
        kernels.softmax_cross_entropy(p, y, 1 / n, EPSILON, losses, grad)
        return float(losses.sum(dtype=np.float64)) / n, grad

    return loss_and_gradient


def perceptron(model: Any, n: int, rate: float) -> Step:
    """Return a step of dense layers with rectifiers and a softmax."""
    from npdl_core import kernels

    forward, backward = kernels.find("affine_forward"), kernels.find("affine_backward")
    *hidden, last = [(layer.W, layer.b, layer.dW, layer.db) for layer in model.layers]
    *outs, scores = [np.empty((n, layer.n_out), np.float32) for layer in model.layers]
    deltas = [None, *(np.empty_like(out) for out in outs)]
    masked = [{"rectified": out, "scratch": np.empty_like(out)} for out in outs]
    loss_and_gradient, update = cross_entropy(n, scores.shape[1]), updates(model, rate)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        inputs = [x, *outs]
        for (W, b, _, _), rows, out in zip(hidden, inputs, outs, strict=False):
            forward(rows, W, b, out, rectify=True)
        forward(inputs[-1], *last[:2], scores)
        kernels.softmax(scores, scores)
        loss, grad = loss_and_gradient(scores, y)
        W, _, dW, db = last
        backward(grad, inputs[-1], W, dW, db, deltas[-1])
        for index in range(len(hidden) - 1, -1, -1):
            W, _, dW, db = hidden[index]
            backward(deltas[index + 1], inputs[index], W, dW, db, deltas[index], **masked[index])
        update()
        return loss

    return step


def recurrent(model: Any, sizes: Any, rate: float) -> Step:
    """Return a step of one recurrent layer and half the mean square."""
    from npdl_core import kernels

    (layer,), (T, N, D, H) = model.layers, sizes[:4]
    project, project_backward = kernels.find("affine_forward"), kernels.find("affine_backward")
    width, update = layer.W.shape[1], updates(model, rate)
    inputs, z, dz = (np.empty((T, N, size), np.float32) for size in (D, width, width))
    h, dh = np.zeros((T + 1, N, H), np.float32), np.empty((T + 1, N, H), np.float32)
    forward, backward = CELLS[width // H](layer, z, h, dh, dz)
    difference = np.empty((T, N, H) if sizes.every else (N, H), np.float32)
    squares = np.empty_like(difference)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        inputs[...] = x.transpose(1, 0, 2)
        project(inputs.reshape(-1, D), layer.W, layer.b, z.reshape(-1, width))
        forward()
        np.subtract(
            h[1:] if sizes.every else h[-1], y.transpose(1, 0, 2) if sizes.every else y, out=difference
        )
        n_positions = difference.size // H
        loss = 0.5 * np.square(difference, out=squares).sum(dtype=np.float64) / n_positions
        dh[0] = 0
        if sizes.every:
            np.multiply(difference, 1 / n_positions, out=dh[1:])
        else:
            dh[:-1] = 0
            np.multiply(difference, 1 / n_positions, out=dh[-1])
        backward()
        project_backward(dz.reshape(-1, width), inputs.reshape(-1, D), layer.W, layer.dW, layer.db, None)
        update()
        return float(loss)

    return step


def simple_rnn(layer: Any, z: Any, h: Any, dh: Any, dz: Any) -> tuple[Callable[[], None], ...]:
    """Return the forward of a sequence, and the backward with dU; states (T + 1, N, H), gates (T, N, kH)."""
    from npdl_core import kernels

    def backward() -> None:
        kernels.simple_rnn_backward(z, layer.U, dh, dz)
        recurrent_weights(h[:-1], dz, layer.U, layer.dU)

    return lambda: kernels.simple_rnn_forward(z, layer.U, h), backward


def lstm(layer: Any, z: Any, h: Any, dh: Any, dz: Any) -> tuple[Callable[[], None], ...]:
    """Return the same of an LSTM."""
    from npdl_core import kernels

    c, tanh_c, dc = np.zeros_like(h), np.empty_like(h[1:]), np.empty_like(h[0])

    def backward() -> None:
        dc[...] = 0
        kernels.lstm_backward(z, layer.U, c, tanh_c, dh, dc, dz)
        recurrent_weights(h[:-1], dz, layer.U, layer.dU)

    return lambda: kernels.lstm_forward(z, layer.U, h, c, tanh_c), backward


def gru(layer: Any, z: Any, h: Any, dh: Any, dz: Any) -> tuple[Callable[[], None], ...]:
    """Return the same of a GRU of either form."""
    from npdl_core import kernels

    split = 2 * h.shape[-1]
    kept, dr = np.empty_like(z if layer.reset_after else h[1:]), np.empty_like(z)

    def backward() -> None:
        kernels.gru_backward(z, layer.U, h, dh, dz)
        for inputs, block in ((h[:-1], slice(0, split)), (kept, slice(split, None))):
            recurrent_weights(inputs, dz[..., block], layer.U[:, block], layer.dU[:, block])

    def backward_after() -> None:
        kernels.gru_after_backward(z, layer.U, h, kept, dh, dz, dr)
        recurrent_weights(h[:-1], dr, layer.U, layer.dU, layer.dbu)

    if layer.reset_after:
        return lambda: kernels.gru_after_forward(z, layer.U, layer.bu, h, kept), backward_after
    return lambda: kernels.gru_forward(z, layer.U, h, kept), backward


CELLS = {1: simple_rnn, 3: gru, 4: lstm}
"""Cells by how many blocks their weights have."""


def recurrent_weights(h: Any, dz: Any, U: Any, dU: Any, db: Any = None) -> None:
    """Write the gradient of recurrent weights and their bias, for all steps at once."""
    from npdl_core import kernels

    rows = (array.reshape(-1, array.shape[-1]) for array in (dz, h))
    kernels.affine_backward(*rows, U, dU, db, None)


def layers(model: Any, n: int, rate: float) -> Step:
    """Return a step of any chain that ends with a softmax, layer by layer."""
    loss_and_gradient = cross_entropy(n, model.layers[-1].n_out)
    update = updates(model, rate)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        for layer in model.layers:
            x = layer.forward(x, train=True)
        loss, grad = loss_and_gradient(x, y)
        grad = model.layers[-1].backward(grad, skip_activation=True)
        for layer in model.layers[-2::-1]:
            grad = layer.backward(grad)
        update()
        return loss

    return step
