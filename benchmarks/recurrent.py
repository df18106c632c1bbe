"""A training step of recurrent layers (forward, loss, backward, SGD) against PyTorch, Thinc and NumpyDL.

Mean of squares over the outputs. s1: T 30, N 40, D 65 one-hot, H 300, last output; s2, the names without a
size: T 64, N 32, D 128, H 256, all outputs; s3: T 100, N 64, D 128, H 512, all outputs. For the GRU that
resets before the product, which PyTorch lacks, its own form is what is timed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.harness import Case, Contender, main, npdl_contenders, others

if TYPE_CHECKING:
    from collections.abc import Callable


class Sizes(NamedTuple):
    """Sizes of a batch and a layer; with ``every`` all outputs count, without it the last."""

    T: int
    N: int
    D: int
    H: int
    every: bool = True
    one_hot: bool = False


LR = 1e-4
SIZES = {
    "s1": Sizes(30, 40, 65, 300, every=False, one_hot=True),
    "s2": Sizes(64, 32, 128, 256),
    "s3": Sizes(100, 64, 128, 512),
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "simple_rnn": ("RNN", {}),
    "gru": ("GRU", {}),
    "gru_after": ("GRU", {"reset_after": True}),
    "lstm": ("LSTM", {}),
}
GATES = {"simple_rnn": 1, "gru": 3, "gru_after": 3, "lstm": 4}


def data(sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (N, T, D) and targets (N, T, H) or (N, H)."""
    rng = np.random.default_rng(0)
    T, N, D, H = sizes[:4]
    if sizes.one_hot:
        x = np.eye(D, dtype=np.float32)[rng.integers(0, D, (N, T))]
    else:
        x = rng.standard_normal((N, T, D), dtype=np.float32)
    return x, rng.uniform(-1, 1, (N, T, H) if sizes.every else (N, H)).astype("float32")


def weights(family: str, sizes: Sizes) -> dict[str, np.ndarray]:
    """Return W (D, kH), U (H, kH) and b (kH,), gates in our order."""
    rng = np.random.default_rng(1)
    width = GATES[family] * sizes.H
    bounds = {"W": sizes.D**-0.5, "U": sizes.H**-0.5, "b": 0.1}
    shapes = {"W": (sizes.D, width), "U": (sizes.H, width), "b": (width,)}
    return {
        name: rng.uniform(-bounds[name], bounds[name], shape).astype("f") for name, shape in shapes.items()
    }


def flops(family: str, sizes: Sizes) -> float:
    """Return the operations of a step's products; there is no gradient of the inputs."""
    T, N, D, H = sizes[:4]
    return 2 * T * N * GATES[family] * H * (2 * D + 3 * H)


def npdl_model(family: str, sizes: Sizes) -> Any:
    """Return our model, compiled."""
    from npdl_core import Model, registry

    name, options = family.removesuffix("_after"), FAMILIES[family][1]
    layer = registry.get("layers", name, n_out=sizes.H, n_in=sizes.D, return_sequence=sizes.every, **options)
    model = Model([layer], seed=0)
    model.compile(loss="mse", optimizer={"name": "sgd", "config": {"lr": LR}})
    for parameter, array in weights(family, sizes).items():
        setattr(layer, parameter, array)
    return model


def torch_model(family: str, sizes: Sizes) -> Any:
    """Return PyTorch's layer and optimizer."""
    import torch

    module = getattr(torch.nn, FAMILIES[family][0])(sizes.D, sizes.H, batch_first=True)
    return module, torch.optim.SGD(module.parameters(), lr=LR, fused=True)


def npdl(family: str, sizes: Sizes) -> Callable[[], object]:
    """Prepare our step."""
    model, (x, y) = npdl_model(family, sizes), data(sizes)
    return lambda: model.train_on_batch(x, y)


def torch_step(family: str, sizes: Sizes) -> Callable[[], float]:
    """Prepare PyTorch's step; it returns the loss as a number, as ours does."""
    module, optimizer = torch_model(family, sizes)
    return bind(lambda x: module(x)[0], optimizer, sizes)


def bind(outputs: Callable[[Any], Any], optimizer: Any, sizes: Sizes) -> Callable[[], float]:
    """Return one whole training step of what computes all outputs (N, T, H) in PyTorch."""
    import torch

    inputs, targets = map(torch.from_numpy, data(sizes))

    def step() -> float:
        optimizer.zero_grad()
        found = outputs(inputs)
        mean = torch.nn.functional.mse_loss(found if sizes.every else found[:, -1], targets)
        value = sizes.H / 2 * mean  # half the square, as ours
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(value.item())

    return step


def reset_before(W: Any, U: Any, b: Any, x: Any) -> Any:
    """Return the outputs (N, T, H) of the GRU that PyTorch lacks, written with its operations."""
    import torch

    H = U.shape[0]
    h, outputs = x.new_zeros((x.shape[0], H)), []
    for projected in torch.unbind(x @ W + b, dim=1):
        r, z = torch.sigmoid(projected[:, : 2 * H] + h @ U[:, : 2 * H]).chunk(2, dim=1)
        candidate = torch.tanh(projected[:, 2 * H :] + (r * h) @ U[:, 2 * H :])
        h = (1 - z) * candidate + z * h
        outputs.append(h)
    return torch.stack(outputs, dim=1)


def thinc_step(sizes: Sizes) -> Callable[[], float]:
    """Prepare a step of Thinc's LSTM, which takes time-major sequences, without what its optimizer adds."""
    from thinc import api, types  # type: ignore[import-not-found, unused-ignore]

    x, y = data(sizes)
    T, N, _, H = sizes[:4]
    lengths, sizes_at, order = np.full(N, T, "i"), np.full(T, N, "i"), np.arange(N, dtype="i")
    padded = types.Padded(np.ascontiguousarray(x.transpose(1, 0, 2)), sizes_at, lengths, order)
    targets = np.ascontiguousarray(y.transpose(1, 0, 2)) if sizes.every else y
    model = api.LSTM(H, sizes.D)
    model.initialize()
    i, f, o, g = (
        {name: part[..., k * H : (k + 1) * H].T for name, part in weights("lstm", sizes).items()}
        for k in range(4)
    )
    flat = [gate[name].ravel() for name in ("W", "b", "U") for gate in (f, i, o, g)]
    model.set_param("LSTM", np.concatenate([*flat, np.zeros(4 * H, "f")]))
    optimizer = api.SGD(LR, L2=0.0, grad_clip=0.0, use_averages=False)
    count = N * T if sizes.every else N

    def step() -> float:
        found, backprop = model.begin_update(padded)
        if sizes.every:
            errors = gradient = found.data - targets
        else:
            gradient = np.zeros_like(found.data)
            errors = gradient[-1] = found.data[-1] - targets
        backprop(types.Padded(gradient / count, sizes_at, lengths, order))
        model.finish_update(optimizer)
        return float((errors**2).sum() / 2 / count)

    return step


def numpydl_step(sizes: Sizes) -> Callable[[], float]:
    """Prepare a step of NumpyDL's LSTM that can be trained."""
    import npdl  # type: ignore[import-not-found, unused-ignore]

    x, y = data(sizes)
    layer = npdl.layers.BatchLSTM(n_out=sizes.H, n_in=sizes.D, return_sequence=True)
    layer.connect_to()
    layer.first_layer = True
    start = weights("lstm", sizes)
    layer.AllW = np.concatenate([start["b"][None], start["W"], start["U"]])
    optimizer = npdl.optimizers.SGD(lr=LR)
    count = sizes.N * sizes.T

    def step() -> float:
        errors = layer.forward(x) - y
        layer.backward(errors / count)
        optimizer.update(layer.params, layer.grads)
        return float((errors**2).sum() / 2 / count)

    return step


def check(family: str, sizes: Sizes) -> None:
    """From equal weights, a step gives the same loss and the same weights as PyTorch."""
    import torch

    model, (x, y) = npdl_model(family, sizes), data(sizes)
    layer = model.layers[0]
    if family == "gru":
        theirs = {name: torch.from_numpy(getattr(layer, name).copy()).requires_grad_() for name in "WUb"}
        step = bind(partial(reset_before, *theirs.values()), torch.optim.SGD(theirs.values(), lr=LR), sizes)
    else:
        from npdl_rnn import converters

        module, optimizer = torch_model(family, sizes)
        module.load_state_dict({name: torch.tensor(a) for name, a in converters.to_torch(layer).items()})
        theirs = dict(module.named_parameters())
        step = bind(lambda x: module(x)[0], optimizer, sizes)
    np.testing.assert_allclose(model.train_on_batch(x, y)["loss"], step(), rtol=1e-5)
    mine = {name: getattr(layer, name) for name in theirs} if family == "gru" else converters.to_torch(layer)
    for name in theirs:
        if not name.startswith("bias"):  # PyTorch's two of them are one here
            np.testing.assert_allclose(mine[name], theirs[name].detach().numpy(), rtol=1e-4, atol=1e-6)


def case(name: str, family: str, sizes: Sizes) -> Case:
    """Return the case of a family and sizes."""
    contenders: dict[str, Contender] = {
        **npdl_contenders(partial(npdl, family, sizes)),
        "pytorch": partial(torch_step, family, sizes),
    }
    if family == "lstm":
        contenders |= others(thinc=partial(thinc_step, sizes))
        # The gradient of a last output alone is wrong in NumpyDL.
        contenders |= others(numpydl=partial(numpydl_step, sizes)) if sizes.every else {}
    return Case(name, contenders, partial(check, family, sizes), flops(family, sizes))


CASES = [
    case(family if size == "s2" else f"{family}-{size}", family, SIZES[size])
    for size in ("s2", "s1", "s3")
    for family in FAMILIES
]

if __name__ == "__main__":
    main("benchmarks.recurrent", __doc__, CASES)
