"""A training step of a padded language model: padding masked, or left out with ``trim_zero``.

200 sequences of 26 words padded on the left, a vocabulary of 1,000, vectors of 200, 300 units, softmax over
all words, SGD; the settings of Element-Research's test_trimzero. Prints a table of processor time, the best
of five steps.

    OMP_NUM_THREADS=1 python -m benchmarks.trim_zero
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

N, T, WORDS, D, H = 200, 26, 1000, 200, 300
WRAPPERS = {"mask": None, "mask_zero": "mask_zero", "trim_zero": "trim_zero"}


def batch(padding: float) -> tuple[Any, Any]:
    """Return word ids (N, T), about that part of them padding, and targets."""
    rng = np.random.default_rng(0)
    lengths = np.clip((T * (1 - padding) * rng.uniform(0.5, 1.5, N)).round(), 1, T)
    x = rng.integers(1, WORDS + 1, (N, T))
    x[np.arange(T) < T - lengths[:, None]] = 0
    return x, rng.integers(0, WORDS + 1, (N, T))


def model(cell: str, wrapper: str | None) -> Any:
    """Return a compiled model whose recurrent layer and softmax are wrapped, or masked."""
    from npdl_core import Model

    layers: list[Any] = [
        {"name": cell, "config": {"n_out": H, "return_sequence": True, "mask_mode": "reset"}},
        {"name": "softmax", "config": {"n_out": WORDS + 1}},
    ]
    made = Model(seed=0)
    made.add("embedding", input_size=WORDS + 1, n_out=D, mask_zero=True)
    for layer in layers:
        made.add(layer if wrapper is None else {"name": wrapper, "config": {"layer": layer}})
    made.compile("scce", {"name": "sgd", "config": {"lr": 0.5}})
    return made


def measure(cell: str, padding: float) -> list[str]:
    """Return a row of the table.

    Raises
    ------
    RuntimeError
        If leaving padding out changes a loss.
    """
    x, y = batch(padding)
    models = {name: model(cell, wrapper) for name, wrapper in WRAPPERS.items()}
    losses = {name: [one.train_on_batch(x, y)["loss"] for _ in range(3)] for name, one in models.items()}
    if not all(np.allclose(found, losses["mask"], rtol=1e-5) for found in losses.values()):
        raise RuntimeError(f"losses differ: {losses}")
    best = dict.fromkeys(models, np.inf)
    for _ in range(5):
        for name, one in models.items():
            start = time.process_time()
            one.train_on_batch(x, y)
            best[name] = min(best[name], time.process_time() - start)
    saving = 1 - best["trim_zero"] / min(best["mask"], best["mask_zero"])
    return [cell, f"{(x == 0).mean():.0%}", *(f"{1000 * t:.0f} ms" for t in best.values()), f"{saving:.0%}"]


def main() -> None:
    """Print the table."""
    print("| cell | padding | mask | `mask_zero` | `trim_zero` | saving |")
    print("|---|---|---|---|---|---|")
    for cell in ("lstm", "gru"):
        for padding in (0.1, 0.5, 0.75):
            print(f"| {' | '.join(measure(cell, padding))} |", flush=True)


if __name__ == "__main__":
    main()
