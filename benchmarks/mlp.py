"""A training step of a perceptron 784-200-10 (forward, loss, backward, update) against PyTorch.

Once with SGD, once with Adam, both PyTorch's fused ones; epsilon is such that the definitions coincide.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness import Case, main, npdl_contenders

if TYPE_CHECKING:
    from collections.abc import Callable

N_IN, HIDDEN, N_OUT = 784, 200, 10

#: Our name and arguments; PyTorch's class and arguments.
RULES: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "sgd": ("sgd", {"lr": 0.05}, "SGD", {"lr": 0.05}),
    "adam": ("adam", {"lr": 1e-3, "epsilon": 1e-12}, "Adam", {"lr": 1e-3, "eps": 1e-12}),
}


def data(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (N, 784) and class ids (N,)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((batch, N_IN), dtype=np.float32), rng.integers(0, N_OUT, batch)


def npdl_model(rule: str) -> Any:
    """Return our model, compiled."""
    from npdl_core import Model
    from npdl_core.layers import Dense, Softmax

    model = Model([Dense(HIDDEN, n_in=N_IN, activation="relu"), Softmax(N_OUT)], seed=0)
    model.compile(loss="scce", optimizer={"name": RULES[rule][0], "config": RULES[rule][1]})
    return model


def torch_model(rule: str) -> Any:
    """Return the same network in PyTorch, its loss and its optimizer."""
    import torch

    nn = torch.nn
    model = nn.Sequential(nn.Linear(N_IN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, N_OUT))
    _, _, name, config = RULES[rule]
    return model, nn.CrossEntropyLoss(), getattr(torch.optim, name)(model.parameters(), fused=True, **config)


def npdl(rule: str, batch: int) -> Callable[[], object]:
    """Prepare our step."""
    model, (x, y) = npdl_model(rule), data(batch)
    return lambda: model.train_on_batch(x, y)


def torch_step(rule: str, batch: int) -> Callable[[], float]:
    """Prepare PyTorch's step; it returns the loss as a number, as ours does."""
    return bind(*torch_model(rule), *data(batch))


def bind(model: Any, loss: Any, optimizer: Any, x: np.ndarray, y: np.ndarray) -> Callable[[], float]:
    """Return one whole training step of a PyTorch model."""
    import torch

    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> float:
        optimizer.zero_grad()
        value = loss(model(inputs), targets)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def check(rule: str, batch: int) -> None:
    """From equal weights, three steps give equal losses and equal weights.

    A step of Adam is as long where a gradient is all rounding: there few weights may differ.
    """
    import torch

    ours, (x, y) = npdl_model(rule), data(batch)
    model, loss, optimizer = torch_model(rule)
    layers = list(zip(ours.layers, (model[0], model[2]), strict=True))
    with torch.no_grad():
        for mine, theirs in layers:
            theirs.weight.copy_(torch.from_numpy(mine.W.T.copy()))
            theirs.bias.copy_(torch.from_numpy(mine.b.copy()))
    step = bind(model, loss, optimizer, x, y)
    for _ in range(3):
        np.testing.assert_allclose(ours.train_on_batch(x, y)["loss"], step(), rtol=1e-5)
    for mine, theirs in layers:
        for array, other in ((mine.W, theirs.weight), (mine.b, theirs.bias)):
            equal = np.isclose(array, other.detach().numpy().T, rtol=1e-4, atol=1e-6).mean()
            if equal < (1 if rule == "sgd" else 0.99):
                raise AssertionError(f"{mine}: only {equal:.2%} of {array.shape} are equal")


CASES = [
    Case(
        f"mlp-{rule}-n{n}",
        {**npdl_contenders(partial(npdl, rule, n)), "pytorch": partial(torch_step, rule, n)},
        partial(check, rule, n),
    )
    for rule in RULES
    for n in (64, 256)
]

if __name__ == "__main__":
    main("benchmarks.mlp", __doc__, CASES)
