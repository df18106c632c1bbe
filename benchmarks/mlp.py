"""A training step of perceptrons (forward, loss, backward, update) against PyTorch, Thinc and NumpyDL.

784-200-10 with SGD and with Adam, PyTorch's fused ones, and 784-1024-1024-10 with Adam; epsilon is such that
the definitions coincide.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness import Case, Contender, main, npdl_contenders, others

if TYPE_CHECKING:
    from collections.abc import Callable

Widths = tuple[int, ...]
SMALL: Widths = (784, 200, 10)
WIDE: Widths = (784, 1024, 1024, 10)

#: Our name and arguments; PyTorch's class and arguments.
RULES: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "sgd": ("sgd", {"lr": 0.05}, "SGD", {"lr": 0.05}),
    "adam": ("adam", {"lr": 1e-3, "epsilon": 1e-12}, "Adam", {"lr": 1e-3, "eps": 1e-12}),
}


def data(widths: Widths, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (N, D) and class ids (N,)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((batch, widths[0]), dtype=np.float32), rng.integers(0, widths[-1], batch)


def weights(widths: Widths) -> list[np.ndarray]:
    """Return a matrix (n_in, n_out) for each layer; biases are zero at first."""
    rng = np.random.default_rng(1)
    shapes = pairwise(widths)
    return [rng.standard_normal(shape, dtype=np.float32) / np.sqrt(shape[0], dtype="f") for shape in shapes]


def flops(widths: Widths, batch: int) -> float:
    """Return the operations of a step's products; there is no gradient of the first layer's inputs."""
    products = [a * b for a, b in pairwise(widths)]
    return 2 * batch * (3 * sum(products) - products[0])


def npdl_model(rule: str, widths: Widths) -> Any:
    """Return our model, compiled."""
    from npdl_core import Model
    from npdl_core.layers import Dense, Softmax

    hidden = [Dense(n, n_in=m, activation="relu") for m, n in pairwise(widths[:-1])]
    model = Model([*hidden, Softmax(widths[-1])], seed=0)
    model.compile(loss="scce", optimizer={"name": RULES[rule][0], "config": RULES[rule][1]})
    for layer, W in zip(model.layers, weights(widths), strict=True):
        layer.W = W
    return model


def torch_model(rule: str, widths: Widths) -> tuple[Any, Any, Any]:
    """Return the same network in PyTorch, its loss and its optimizer."""
    import torch

    layers: list[Any] = []
    for W in weights(widths):
        layer = torch.nn.Linear(*W.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(W.T.copy()))
            layer.bias.zero_()
        layers += [layer, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    _, _, name, config = RULES[rule]
    return (
        model,
        torch.nn.CrossEntropyLoss(),
        getattr(torch.optim, name)(model.parameters(), fused=True, **config),
    )


def npdl(rule: str, widths: Widths, batch: int) -> Callable[[], object]:
    """Prepare our step."""
    model, (x, y) = npdl_model(rule, widths), data(widths, batch)
    return lambda: model.train_on_batch(x, y)


def torch_step(rule: str, widths: Widths, batch: int) -> Callable[[], float]:
    """Prepare PyTorch's step; it returns the loss as a number, as ours does."""
    return bind(*torch_model(rule, widths), *data(widths, batch))


def bind(model: Any, loss: Any, optimizer: Any, x: np.ndarray, y: np.ndarray) -> Callable[[], float]:
    """Return one whole training step of a PyTorch model."""
    import torch

    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> float:
        optimizer.zero_grad()
        value = loss(model(inputs), targets)
        value.backward()
        optimizer.step()
        return float(value.item())

    return step


def thinc_step(rule: str, widths: Widths, batch: int) -> Callable[[], float]:
    """Prepare Thinc's step, without what it adds by itself: clipping, decay and averages."""
    from thinc import api  # type: ignore[import-not-found, unused-ignore]

    x, ids = data(widths, batch)
    matrices = weights(widths)
    model = api.chain(
        *(api.Relu(W.shape[1], W.shape[0]) for W in matrices[:-1]), api.Softmax(*widths[:-3:-1])
    )
    model.initialize(X=x)
    for layer, W in zip(model.layers, matrices, strict=True):
        layer.set_param("W", W.T.copy())
    plain = {"L2": 0.0, "grad_clip": 0.0, "use_averages": False}
    optimizer = api.SGD(0.05, **plain) if rule == "sgd" else api.Adam(1e-3, eps=1e-12, **plain)
    targets, rows = np.eye(widths[-1], dtype=np.float32)[ids], np.arange(batch)

    def step() -> float:
        p, backprop = model.begin_update(x)
        backprop((p - targets) / batch)
        model.finish_update(optimizer)
        return float(-np.log(p[rows, ids]).mean())

    return step


def numpydl_step(rule: str, widths: Widths, batch: int) -> Callable[[], float]:
    """Prepare NumpyDL's step; its gradients are sums over the batch, so its SGD gets a smaller rate."""
    import npdl  # type: ignore[import-not-found, unused-ignore]

    x, ids = data(widths, batch)
    layers = [
        npdl.layers.Dense(n_out=n, n_in=m, activation=npdl.activations.ReLU())
        for m, n in pairwise(widths[:-1])
    ]
    model = npdl.model.Model([*layers, npdl.layers.Softmax(n_out=widths[-1], n_in=widths[-2])])
    rate, optimizers = RULES[rule][1]["lr"], npdl.optimizers
    chosen = optimizers.SGD(lr=rate / batch) if rule == "sgd" else optimizers.Adam(lr=rate, epsilon=1e-12)
    model.compile(loss=npdl.objectives.SCCE(), optimizer=chosen)
    for layer, W in zip(model.layers, weights(widths), strict=True):
        layer.W = W
    targets = np.eye(widths[-1], dtype=np.float32)[ids]

    def step() -> float:
        p = model.predict(x)
        gradient = model.loss.backward(p, targets)
        for layer in model.layers[::-1]:
            gradient = layer.backward(gradient)
        params = [array for layer in model.layers for array in layer.params]
        model.optimizer.update(params, [array for layer in model.layers for array in layer.grads])
        return float(model.loss.forward(p, targets))

    return step


def check(rule: str, widths: Widths, batch: int) -> None:
    """From equal weights, three steps give equal losses, and the first one equal weights.

    Few weights may differ: rounding decides on which side of zero a rectifier's input falls, and a step of
    Adam is as long where a gradient is all rounding, which grows from step to step.
    """
    ours, (x, y) = npdl_model(rule, widths), data(widths, batch)
    model, loss, optimizer = torch_model(rule, widths)
    step = bind(model, loss, optimizer, x, y)
    np.testing.assert_allclose(ours.train_on_batch(x, y)["loss"], step(), rtol=1e-5)
    for mine, theirs in zip(ours.layers, model[::2], strict=True):
        for array, other in ((mine.W, theirs.weight), (mine.b, theirs.bias)):
            equal = np.isclose(array, other.detach().numpy().T, rtol=1e-4, atol=1e-6).mean()
            if equal < 0.99:
                raise AssertionError(f"{mine}: only {equal:.2%} of {array.shape} are equal")
    for _ in range(2):
        np.testing.assert_allclose(ours.train_on_batch(x, y)["loss"], step(), rtol=1e-5)


def case(name: str, *sizes: Any) -> Case:
    """Return the case of a rule, widths and batch."""
    contenders: dict[str, Contender] = {
        **npdl_contenders(partial(npdl, *sizes)),
        "pytorch": partial(torch_step, *sizes),
        **others(thinc=partial(thinc_step, *sizes), numpydl=partial(numpydl_step, *sizes)),
    }
    return Case(name, contenders, partial(check, *sizes), flops(*sizes[1:]))


CASES = [
    *(case(f"mlp-{rule}-n{n}", rule, SMALL, n) for rule in RULES for n in (64, 256)),
    case("mlp-wide-adam-n256", "adam", WIDE, 256),
]

if __name__ == "__main__":
    main("benchmarks.mlp", __doc__, CASES)
