"""A training step of two convolutional networks (forward, loss, backward, SGD) against PyTorch's layouts."""

from __future__ import annotations

import atexit
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.harness import Case, main, npdl_contenders

if TYPE_CHECKING:
    from collections.abc import Callable

N, LR = 64, 0.01


class Net(NamedTuple):
    """What is built: (filters, size, padding) of a convolution, or 0 for pooling, then dense units."""

    shape: tuple[int, int, int]
    maps: tuple[tuple[int, int, int] | int, ...]
    dense: tuple[int, ...]


LENET = Net((1, 28, 28), ((20, 5, 0), 0, (50, 5, 0), 0), (500,))
SMALL = Net((3, 32, 32), ((32, 3, 1), (32, 3, 1), 0, (64, 3, 1), (64, 3, 1), 0), ())


def data(net: Net) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, C, H, W) and class ids (N,)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, *net.shape), dtype=np.float32), rng.integers(0, 10, N)


def flops(net: Net) -> float:
    """Return the operations of a step's products; there is no gradient of the images."""
    channels, size = net.shape[:2]
    products = []
    for item in net.maps:
        if isinstance(item, int):
            size //= 2
        else:
            filters, kernel, padding = item
            size += 2 * padding - kernel + 1
            products.append(size**2 * filters * channels * kernel**2)
            channels = filters
    products += [n_in * n_out for n_in, n_out in pairwise((channels * size**2, *net.dense, 10))]
    return 2 * N * (3 * sum(products) - products[0])


def npdl_model(net: Net) -> Any:
    """Return our model, compiled."""
    from npdl_core import Model

    model = Model(seed=0)
    for index, item in enumerate(net.maps):
        if isinstance(item, int):
            model.add("max_pooling", pool_size=2)
        else:
            filters, size, padding = item
            first = {"input_shape": net.shape} if index == 0 else {}
            model.add("convolution", nb_filter=filters, filter_size=size, padding=padding, **first)
    model.add("flatten")
    for units in net.dense:
        model.add("dense", n_out=units, activation="relu")
    model.add("softmax", n_out=10)
    model.compile(loss="scce", optimizer={"name": "sgd", "config": {"lr": LR}})
    return model


def torch_model(net: Net) -> Any:
    """Return the same network in PyTorch, its loss and its optimizer."""
    import torch

    nn = torch.nn
    channels, size = net.shape[:2]
    layers: list[Any] = []
    for item in net.maps:
        if isinstance(item, int):
            layers.append(nn.MaxPool2d(2))
            size //= 2
        else:
            filters, kernel, padding = item
            layers += [nn.Conv2d(channels, filters, kernel, padding=padding), nn.ReLU()]
            channels, size = filters, size + 2 * padding - kernel + 1
    layers.append(nn.Flatten())
    width = channels * size * size
    for units in net.dense:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    model = nn.Sequential(*layers, nn.Linear(width, 10))
    return model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=LR, fused=True)


def npdl(net: Net) -> Callable[[], object]:
    """Prepare our step, in the scope that ``fit`` opens: parts of the batch on threads, BLAS with one."""
    from npdl_conv import threaded

    model, (x, y) = npdl_model(net), data(net)
    scope = threaded()
    scope.__enter__()
    atexit.register(scope.__exit__, None, None, None)
    return lambda: model.train_on_batch(x, y)


def torch_step(net: Net, layout: str) -> Callable[[], float]:
    """Prepare PyTorch's step in one of its layouts; it returns the loss as a number, as ours does."""
    model, loss, optimizer = torch_model(net)
    return bind(model, loss, optimizer, *data(net), layout)


def bind(
    model: Any, loss: Any, optimizer: Any, x: np.ndarray, y: np.ndarray, layout: str
) -> Callable[[], float]:
    """Return one whole training step of a PyTorch model."""
    import torch

    form = getattr(torch, layout)
    model.to(memory_format=form)
    inputs, targets = torch.from_numpy(x).to(memory_format=form), torch.from_numpy(y)

    def step() -> float:
        optimizer.zero_grad()
        value = loss(model(inputs), targets)
        value.backward()
        optimizer.step()
        return float(value.item())

    return step


def check(net: Net) -> None:
    """From equal weights, three steps give equal losses and equal weights."""
    import torch

    ours, (x, y) = npdl_model(net), data(net)
    model, loss, optimizer = torch_model(net)
    ours.train_on_batch(x[:1], y[:1])
    mine = [layer for layer in ours.layers if layer.params]
    theirs = [layer for layer in model if hasattr(layer, "weight")]
    with torch.no_grad():
        for a, b in zip(mine, theirs, strict=True):
            weights = a.W if a.W.ndim == 4 else a.W.T
            b.weight.copy_(torch.from_numpy(np.ascontiguousarray(weights)))
            b.bias.copy_(torch.from_numpy(a.b.copy()))
    step = bind(model, loss, optimizer, x, y, "contiguous_format")
    for _ in range(3):
        np.testing.assert_allclose(ours.train_on_batch(x, y)["loss"], step(), rtol=1e-4)
    for a, b in zip(mine, theirs, strict=True):
        weights = b.weight.detach().numpy()
        np.testing.assert_allclose(a.W, weights if a.W.ndim == 4 else weights.T, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(a.b, b.bias.detach().numpy(), rtol=1e-3, atol=1e-5)


CASES = [
    Case(
        name,
        {
            **npdl_contenders(partial(npdl, net)),
            "pytorch": partial(torch_step, net, "contiguous_format"),
            "channels_last": partial(torch_step, net, "channels_last"),
        },
        partial(check, net),
        flops(net),
    )
    for name, net in (("lenet", LENET), ("net3x3", SMALL))
]

if __name__ == "__main__":
    main("benchmarks.convolution", __doc__, CASES)
