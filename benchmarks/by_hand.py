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

BLOCK = 1 << 14


def updates(model: Any, rate: float) -> Callable[[], None]:
    """Return the update of all of a model's parameters at once, in blocks that fit a cache."""
    ((values,), (grads,), _) = model.compiled.views()
    scratch = np.empty(min(BLOCK, values.size), values.dtype)

    def update() -> None:
        for start in range(0, values.size, BLOCK):
            part = slice(start, start + BLOCK)
            change = scratch[: values[part].size]
            np.multiply(grads[part], rate, out=change)
            np.subtract(values[part], change, out=values[part])

    return update


def cross_entropy(n: int, n_classes: int) -> Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]:
    """Return what turns scores (N, K) into probabilities in place and gives the loss and its gradient."""
    grad, rows = np.empty((n, n_classes), np.float32), np.arange(n)

    def loss_and_gradient(p: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        ids = y.view(np.uintp)
        if ids[ids.argmax()] >= n_classes:
            raise IndexError
        loss = -np.log(np.maximum(p[rows, y], 1e-11)).sum(dtype=np.float64) / n
        np.copyto(grad, p)
        grad[rows, y] -= 1
        np.multiply(grad, 1 / n, out=grad)
        return float(loss), grad

    return loss_and_gradient


def softmax(scores: np.ndarray) -> None:
    """Turn scores into probabilities in place."""
    np.subtract(scores, scores.max(axis=-1, keepdims=True), out=scores)
    np.exp(scores, out=scores)
    np.divide(scores, scores.sum(axis=-1, keepdims=True), out=scores)


def perceptron(model: Any, n: int, rate: float) -> Step:
    """Return a step of dense layers with rectifiers and a softmax."""
    from npdl_core import kernels

    forward, backward = kernels.find("affine_forward"), kernels.find("affine_backward")
    layers = [(layer.W, layer.b, layer.dW, layer.db) for layer in model.layers]
    outs = [np.empty((n, len(b)), np.float32) for _, b, _, _ in layers]
    deltas = [None, *(np.empty_like(out) for out in outs[:-1])]
    loss_and_gradient, update = cross_entropy(n, outs[-1].shape[1]), updates(model, rate)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        inputs = [x, *outs[:-1]]
        for index, ((W, b, _, _), rows, out) in enumerate(zip(layers, inputs, outs, strict=True)):
            forward(rows, W, b, out)
            if index < len(layers) - 1:
                np.maximum(out, 0, out=out)
        softmax(outs[-1])
        loss, grad = loss_and_gradient(outs[-1], y)
        for index in range(len(layers) - 1, -1, -1):
            W, _, dW, db = layers[index]
            backward(grad, inputs[index], W, dW, db, deltas[index])
            if index:
                grad = deltas[index]
                np.multiply(grad, np.greater(outs[index - 1], 0), out=grad)
        update()
        return loss

    return step


def recurrent(model: Any, sizes: Any, rate: float) -> Step:
    """Return a step of an LSTM or a plain recurrent layer and half the mean square."""
    from npdl_core import kernels

    (layer,), (T, N, D, H) = model.layers, sizes[:4]
    family = "lstm" if layer.W.shape[1] == 4 * H else "simple_rnn"
    forward, backward = kernels.find(f"{family}_forward"), kernels.find(f"{family}_backward")
    project, project_backward = kernels.find("affine_forward"), kernels.find("affine_backward")
    width, update = layer.W.shape[1], updates(model, rate)
    inputs, z, dz = (np.empty((T, N, size), np.float32) for size in (D, width, width))
    h, c, dh, tanh_c = (np.zeros((T + more, N, H), np.float32) for more in (1, 1, 1, 0))
    dc = np.empty((N, H), np.float32)
    difference = np.empty((T, N, H) if sizes.every else (N, H), np.float32)
    squares = np.empty_like(difference)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        inputs[...] = x.transpose(1, 0, 2)
        project(inputs.reshape(-1, D), layer.W, layer.b, z.reshape(-1, width))
        h[0] = c[0] = dh[0] = dc[...] = 0
        forward(z, layer.U, h, *([c, tanh_c] if family == "lstm" else []))
        np.subtract(
            h[1:] if sizes.every else h[-1], y.transpose(1, 0, 2) if sizes.every else y, out=difference
        )
        n_positions = difference.size // H
        loss = 0.5 * np.square(difference, out=squares).sum(dtype=np.float64) / n_positions
        if sizes.every:
            np.multiply(difference, 1 / n_positions, out=dh[1:])
        else:
            dh[:-1] = 0
            np.multiply(difference, 1 / n_positions, out=dh[-1])
        if family == "lstm":
            backward(z, layer.U, c, tanh_c, dh, dc, dz)
        else:
            backward(z, layer.U, dh, dz)
        np.matmul(h[:-1].reshape(-1, H).T, dz.reshape(-1, width), out=layer.dU)
        project_backward(dz.reshape(-1, width), inputs.reshape(-1, D), layer.W, layer.dW, layer.db, None)
        update()
        return float(loss)

    return step


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
