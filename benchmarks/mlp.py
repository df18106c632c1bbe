"""A training step of a perceptron 784-200-10 (forward, loss, backward, SGD) against PyTorch's fused SGD."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness import Case, main, npdl_contenders

if TYPE_CHECKING:
    from collections.abc import Callable

N_IN, HIDDEN, N_OUT, LR = 784, 200, 10, 0.05


def data(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (N, 784) and class ids (N,)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((batch, N_IN), dtype=np.float32), rng.integers(0, N_OUT, batch)


def npdl_model() -> Any:
    """Return our model, compiled."""
    from npdl_core import Model
    from npdl_core.layers import Dense, Softmax

    model = Model([Dense(HIDDEN, n_in=N_IN, activation="relu"), Softmax(N_OUT)], seed=0)
    model.compile(loss="scce", optimizer={"name": "sgd", "config": {"lr": LR}})
    return model


def torch_model() -> Any:
    """Return the same network in PyTorch, its loss and its optimizer."""
    import torch

    nn = torch.nn
    model = nn.Sequential(nn.Linear(N_IN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, N_OUT))
    return model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=LR, fused=True)


def npdl(batch: int) -> Callable[[], object]:
    """Prepare our step."""
    model, (x, y) = npdl_model(), data(batch)
    return lambda: model.train_on_batch(x, y)


def torch_step(batch: int) -> Callable[[], float]:
    """Prepare PyTorch's step; it returns the loss as a number, as ours does."""
    return bind(*torch_model(), *data(batch))


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


def check(batch: int) -> None:
    """From equal weights, three steps give equal losses and equal weights."""
    import torch

    ours, (x, y) = npdl_model(), data(batch)
    model, loss, optimizer = torch_model()
    ours.train_on_batch(x[:1], y[:1])
    layers = list(zip(ours.layers, (model[0], model[2]), strict=True))
    with torch.no_grad():
        for mine, theirs in layers:
            theirs.weight.copy_(torch.from_numpy(mine.W.T.copy()))
            theirs.bias.copy_(torch.from_numpy(mine.b.copy()))
    step = bind(model, loss, optimizer, x, y)
    for _ in range(3):
        np.testing.assert_allclose(ours.train_on_batch(x, y)["loss"], step(), rtol=1e-5)
    for mine, theirs in layers:
        np.testing.assert_allclose(mine.W, theirs.weight.detach().numpy().T, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(mine.b, theirs.bias.detach().numpy(), rtol=1e-4, atol=1e-6)


CASES = [
    Case(
        f"mlp-n{n}",
        {**npdl_contenders(partial(npdl, n)), "pytorch": partial(torch_step, n)},
        partial(check, n),
    )
    for n in (64, 256)
]

if __name__ == "__main__":
    main("benchmarks.mlp", __doc__, CASES)
