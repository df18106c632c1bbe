"""A training step of recurrent layers (forward, loss, backward, SGD) against PyTorch.

T 64, N 32, D 128, H 256, mean of squares over all outputs. For the GRU that resets before the product, which
PyTorch lacks, its own form is the reference.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness import Case, main, npdl_contenders

if TYPE_CHECKING:
    from collections.abc import Callable

T, N, D, H, LR = 64, 32, 128, 256, 1e-4
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "simple_rnn": ("RNN", {}),
    "gru": ("GRU", {}),
    "gru_after": ("GRU", {"reset_after": True}),
    "lstm": ("LSTM", {}),
}


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (N, T, D) and targets (N, T, H)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, T, D), dtype=np.float32), rng.uniform(-1, 1, (N, T, H)).astype("float32")


def npdl_model(family: str) -> Any:
    """Return our model, compiled."""
    from npdl_core import Model, registry

    name = "gru" if family == "gru_after" else family
    layer = registry.get("layers", name, n_out=H, n_in=D, return_sequence=True, **FAMILIES[family][1])
    model = Model([layer], seed=0)
    model.compile(loss="mse", optimizer={"name": "sgd", "config": {"lr": LR}})
    return model


def torch_model(family: str) -> Any:
    """Return PyTorch's layer and optimizer."""
    import torch

    module = getattr(torch.nn, FAMILIES[family][0])(D, H, batch_first=True)
    return module, torch.optim.SGD(module.parameters(), lr=LR, fused=True)


def npdl(family: str) -> Callable[[], object]:
    """Prepare our step."""
    model, (x, y) = npdl_model(family), data()
    return lambda: model.train_on_batch(x, y)


def torch_step(family: str) -> Callable[[], float]:
    """Prepare PyTorch's step; it returns the loss as a number, as ours does."""
    return bind(*torch_model(family), *data())


def bind(module: Any, optimizer: Any, x: np.ndarray, y: np.ndarray) -> Callable[[], float]:
    """Return one whole training step of PyTorch's layer."""
    import torch

    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> float:
        optimizer.zero_grad()
        value = H / 2 * torch.nn.functional.mse_loss(module(inputs)[0], targets)  # half the square, as ours
        value.backward()
        optimizer.step()
        return value.item()

    return step


def check(family: str) -> None:
    """From equal weights, a step gives the same loss and weights; PyTorch's only GRU is ``gru_after``."""
    import torch

    from npdl_rnn import converters

    if family == "gru":
        return
    mine, (x, y) = npdl_model(family), data()
    layer = mine.layers[0]
    module, optimizer = torch_model(family)
    weights = converters.to_torch(layer)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    losses = mine.train_on_batch(x, y)["loss"], bind(module, optimizer, x, y)()
    np.testing.assert_allclose(*losses, rtol=1e-5)
    theirs = dict(module.named_parameters())
    for name, array in converters.to_torch(layer).items():
        if name.startswith("weight"):
            np.testing.assert_allclose(array, theirs[name].detach().numpy(), rtol=1e-4, atol=1e-6)


CASES = [
    Case(
        name,
        {**npdl_contenders(partial(npdl, name)), "pytorch": partial(torch_step, name)},
        partial(check, name),
    )
    for name in FAMILIES
]

if __name__ == "__main__":
    main("benchmarks.recurrent", __doc__, CASES)
