"""``train_on_batch`` of a perceptron 64-32-10, N 32, against the NumPy calls that a training step needs.

Both run in one process on one thread, from equal weights, in turns of a hundred steps: a training loop does
not change between two programs at every step. The difference is what names, checks and bookkeeping cost a
step; on a shared machine the fastest turns tell most.

With ``--fit`` it is an epoch of ``fit`` over 24 batches, shuffled, against the same kernels called by hand
(see ``by_hand.py``) on consecutive batches, at all sizes that are compared with PyTorch. ``fit`` gathers its
batches from a new order of the samples; what that costs by itself is shown too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.harness import environment

if TYPE_CHECKING:
    from collections.abc import Callable

N, N_IN, HIDDEN, N_OUT, LR = 32, 64, 32, 10, 0.05
TURN = 100
N_BATCHES = 24


def framework() -> Any:
    """Return the compiled model."""
    from npdl_core import Model
    from npdl_core.layers import Dense, Softmax

    model = Model([Dense(HIDDEN, n_in=N_IN, activation="relu"), Softmax(N_OUT)], seed=0)
    return model.compile(loss="scce", optimizer={"name": "sgd", "config": {"lr": LR}})


def bare(model: Any) -> Callable[[Any, Any], float]:
    """Return the same step in NumPy alone, from a copy of the model's weights, laid out as the model does."""
    import numpy as np

    arrays = [model.layers[0].W, model.layers[0].b, model.layers[1].W, model.layers[1].b]
    params, grads = (np.zeros(sum(array.size for array in arrays), np.float32) for _ in range(2))
    params[:] = np.concatenate([array.ravel() for array in arrays])
    stops = np.cumsum([array.size for array in arrays])[:-1]
    shaped = [
        [part.reshape(array.shape) for part, array in zip(np.split(flat, stops), arrays, strict=True)]
        for flat in (params, grads)
    ]
    (w1, b1, w2, b2), (dw1, db1, dw2, db2) = shaped
    hidden, delta = np.empty((N, HIDDEN), np.float32), np.empty((N, HIDDEN), np.float32)
    p, g = np.empty((N, N_OUT), np.float32), np.empty((N, N_OUT), np.float32)
    scratch, rows = np.empty_like(params), np.arange(N)

    def step(x: Any, y: Any) -> float:
        x, y = np.asarray(x), np.asarray(y)
        np.matmul(x, w1, out=hidden)
        np.add(hidden, b1, out=hidden)
        np.maximum(hidden, 0, out=hidden)
        np.matmul(hidden, w2, out=p)
        np.add(p, b2, out=p)
        np.subtract(p, p.max(axis=-1, keepdims=True), out=p)
        np.exp(p, out=p)
        np.divide(p, p.sum(axis=-1, keepdims=True), out=p)
        ids = y.view(np.uintp)
        if ids[ids.argmax()] >= N_OUT:
            raise IndexError
        loss = -np.log(np.maximum(p[rows, y], 1e-11)).sum(dtype=np.float64) / N
        np.copyto(g, p)
        g[rows, y] -= 1
        np.multiply(g, 1 / N, out=g)
        np.matmul(hidden.T, g, out=dw2)
        np.add.reduce(g, axis=0, out=db2)
        np.matmul(g, w2.T, out=delta)
        np.multiply(delta, np.greater(hidden, 0), out=delta)
        np.matmul(x.T, delta, out=dw1)
        np.add.reduce(delta, axis=0, out=db1)
        np.multiply(grads, LR, out=scratch)
        np.subtract(params, scratch, out=params)
        return float(loss)

    return step


def duration(step: Callable[[Any, Any], object], x: Any, y: Any) -> float:
    """Return how long a step takes in one turn, in µs."""
    start = time.perf_counter()
    for _ in range(TURN):
        step(x, y)
    return 1e6 / TURN * (time.perf_counter() - start)


class Workload(NamedTuple):
    """A batch, how a compiled model is made, and how its step is made by hand."""

    x: Any
    y: Any
    model: Callable[[], Any]
    by_hand: Callable[[Any], Callable[[Any, Any], float]]


def toy() -> Workload:
    """Return the perceptron that ``train_on_batch`` is measured with."""
    import numpy as np

    from benchmarks import by_hand

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((N, N_IN), dtype=np.float32), rng.integers(0, N_OUT, N)
    return Workload(x, y, framework, lambda model: by_hand.perceptron(model, N, LR))


def perceptron(widths: str, batch: int) -> Workload:
    """Return a perceptron of :mod:`benchmarks.mlp`."""
    from benchmarks import by_hand, mlp

    sizes, rate = getattr(mlp, widths), mlp.RULES["sgd"][1]["lr"]
    make = partial(mlp.npdl_model, "sgd", sizes)
    return Workload(*mlp.data(sizes, batch), make, lambda model: by_hand.perceptron(model, batch, rate))


def recurrent(family: str, name: str) -> Workload:
    """Return a layer of :mod:`benchmarks.recurrent`."""
    from benchmarks import by_hand
    from benchmarks import recurrent as bench

    sizes = bench.SIZES[name]
    make = partial(bench.npdl_model, family, sizes)
    return Workload(*bench.data(sizes), make, lambda model: by_hand.recurrent(model, sizes, bench.LR))


def convolutional(name: str) -> Workload:
    """Return a network of :mod:`benchmarks.convolution`."""
    from benchmarks import by_hand
    from benchmarks import convolution as bench

    net = getattr(bench, name)

    def make() -> Any:
        model = bench.npdl_model(net)
        model.connect((None, *net.shape))
        return model

    return Workload(*bench.data(net), make, lambda model: by_hand.layers(model, bench.N, bench.LR))


FIT: dict[str, Callable[[], Workload]] = {
    "toy": toy,
    "mlp-n64": partial(perceptron, "SMALL", 64),
    "mlp-n256": partial(perceptron, "SMALL", 256),
    "mlp-wide-n256": partial(perceptron, "WIDE", 256),
    **{
        f"{family}-{size}": partial(recurrent, family, size)
        for family in ("simple_rnn", "gru", "gru_after", "lstm")
        for size in ("s1", "s2", "s3")
    },
    "lenet": partial(convolutional, "LENET"),
    "net3x3": partial(convolutional, "SMALL"),
}


def measure_fit(work: Workload, seconds: float) -> tuple[list[float], list[float], list[float]]:
    """Return the µs of a step in ``fit``, by hand, and what gathering a batch takes, for each turn."""
    import numpy as np

    n = len(work.x)
    X, Y = (np.concatenate([array] * N_BATCHES) for array in (work.x, work.y))
    model, twin = work.model(), work.model()
    step = work.by_hand(twin)
    for _ in range(2):
        np.testing.assert_allclose(
            model.train_on_batch(work.x, work.y)["loss"], step(work.x, work.y), rtol=1e-4
        )
    parts = [slice(start, start + n) for start in range(0, len(X), n)]
    order = np.random.default_rng(0).permutation(len(X))

    def epoch() -> None:
        model.fit(X, Y, epochs=1, batch_size=n)

    def by_hand() -> None:
        for part in parts:
            step(X[part], Y[part])

    def gather() -> None:
        for part in parts:
            _ = X.take(order[part], axis=0), Y.take(order[part], axis=0)

    found: tuple[list[float], list[float], list[float]] = ([], [], [])
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(found[0]) < 4:
        for run, times in zip((epoch, by_hand, gather), found, strict=True):
            start = time.perf_counter()
            run()
            times.append(1e6 / N_BATCHES * (time.perf_counter() - start))
    return found


def show_fit(name: str, seconds: float) -> None:
    """Measure one workload and print it."""
    fit, hand, gather = measure_fit(FIT[name](), seconds)
    fastest = min(fit) - min(hand)
    middle = median(a / b - 1 for a, b in zip(fit, hand, strict=True))
    print(
        f"{name:<14} fit {min(fit):9.1f} µs a step, by hand {min(hand):9.1f}, difference {fastest:7.1f} "
        f"({fastest / min(hand):+.1%}; median of {len(fit)} turns {middle:+.1%}), of that gathering "
        f"{min(gather):.1f} µs",
        flush=True,
    )


def main() -> None:
    """Print the difference; fail above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--limit", type=float, help="fail if the difference is above this many µs")
    parser.add_argument("--fit", nargs="?", const="", help="measure fit instead: all, or names with this")
    parser.add_argument("--seconds", type=float, default=4.0, help="timed seconds of a workload of fit")
    arguments = parser.parse_args()
    if arguments.fit is not None:
        for name in FIT:
            if arguments.fit in name:
                show_fit(name, arguments.seconds)
        return
    import numpy as np

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((N, N_IN), dtype=np.float32), rng.integers(0, N_OUT, N)
    model = framework()
    step = bare(model)
    for _ in range(200):
        np.testing.assert_allclose(model.train_on_batch(x, y)["loss"], step(x, y), rtol=1e-4)
    turns = [(duration(model.train_on_batch, x, y), duration(step, x, y)) for _ in range(arguments.turns)]
    ours, numpy = zip(*turns, strict=True)
    difference = min(ours) - min(numpy)
    print(
        f"overhead: train_on_batch {min(ours):.1f} µs, bare NumPy {min(numpy):.1f} µs, difference "
        f"{difference:.1f} µs in the fastest turns; median {median(a - b for a, b in turns):.1f} µs"
    )
    if arguments.limit is not None and difference > arguments.limit:
        sys.exit(f"train_on_batch costs more than {arguments.limit} µs over the NumPy calls it makes")


if __name__ == "__main__":
    # BLAS reads these when NumPy is imported, which happens below.
    settings = environment(threads=1)
    os.environ.clear()
    os.environ.update(settings)
    main()
