"""The update alone: 1 M and 10 M float32 parameters, against PyTorch's foreach and fused implementations.

Ours gets what a model passes, one flat buffer; PyTorch gets the tensors that it is cut into.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness import Case, main, npdl_contenders

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPES = {
    "1m": [(784, 1024), (1024,), (256, 768), (256,), (200,)],
    "10m": [*[(1024, 1024), (1024,)] * 9, (512, 1000), (1000,)],
}
LR = 1e-4

#: Our name and arguments; PyTorch's class and arguments. Epsilons are such that the definitions coincide.
RULES: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "adam": ("adam", {"epsilon": 1e-12}, "Adam", {"eps": 1e-12}),
    "adamw": ("adamw", {}, "AdamW", {}),
    "momentum": ("momentum", {}, "SGD", {"momentum": 0.9}),
    "adagrad": ("adagrad", {"epsilon": 1e-10}, "Adagrad", {}),
}


def arrays(size: str, seed: int) -> list[np.ndarray]:
    """Return arrays of random numbers."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in SHAPES[size]]


def flat(parts: list[np.ndarray]) -> np.ndarray:
    """Return all numbers in one array."""
    return np.concatenate([part.reshape(-1) for part in parts])


def npdl(rule: str, size: str) -> Callable[[], object]:
    """Prepare our update."""
    return ours(rule, size)[0]


def ours(rule: str, size: str) -> tuple[Callable[[], object], np.ndarray]:
    """Return our update and the parameters."""
    from npdl_core import registry

    name, config, _, _ = RULES[rule]
    optimizer = registry.get("optimizers", name, lr=LR, **config)
    params, grads = [flat(arrays(size, 0))], [flat(arrays(size, 1))]
    return lambda: optimizer.update(params, grads), params[0]


def pytorch(rule: str, size: str, mode: str) -> Callable[[], object]:
    """Prepare PyTorch's update, ``mode`` being ``foreach`` or ``fused``."""
    return theirs(rule, size, mode)[0]


def theirs(rule: str, size: str, mode: str) -> tuple[Callable[[], object], list[Any]]:
    """Return PyTorch's update and the parameters."""
    import torch

    params = [torch.nn.Parameter(torch.from_numpy(array)) for array in arrays(size, 0)]
    for param, grad in zip(params, arrays(size, 1), strict=True):
        param.grad = torch.from_numpy(grad)
    _, _, name, config = RULES[rule]
    return getattr(torch.optim, name)(params, lr=LR, **{mode: True}, **config).step, params


def check(rule: str, size: str) -> None:
    """After three updates, ours and both of PyTorch's have the same parameters."""
    step, mine = ours(rule, size)
    for _ in range(3):
        step()
    for mode in ("foreach", "fused"):
        step, params = theirs(rule, size, mode)
        for _ in range(3):
            step()
        np.testing.assert_allclose(mine, flat([p.detach().numpy() for p in params]), rtol=1e-5, atol=1e-6)


CASES = [
    Case(
        f"{rule}-{size}",
        {
            **npdl_contenders(partial(npdl, rule, size)),
            "foreach": partial(pytorch, rule, size, "foreach"),
            "fused": partial(pytorch, rule, size, "fused"),
        },
        partial(check, rule, size),
    )
    for rule in RULES
    for size in SHAPES
]

if __name__ == "__main__":
    main("benchmarks.optimizers", __doc__, CASES)
