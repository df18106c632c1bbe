"""A training step of a bidirectional GRU on sequences of uneven lengths (forward, loss, backward, SGD).

N 32, lengths 8 to 64, D 128, H 128 each way, mean of squares over the outputs that are not padding. Ours gets
a mask; PyTorch a packed sequence, which it sorts by length and shrinks as sequences end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness import Case, main, npdl_contenders

if TYPE_CHECKING:
    from collections.abc import Callable

T, N, D, H, LR = 64, 32, 128, 128, 1e-3
SHORTEST = 8


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs (N, T, D), targets (N, T, 2H) and a mask (N, T); padding is random too."""
    rng = np.random.default_rng(0)
    lengths = rng.permutation(np.linspace(SHORTEST, T, N).round().astype(int))
    x = rng.standard_normal((N, T, D), dtype=np.float32)
    y = rng.uniform(-1, 1, (N, T, 2 * H)).astype(np.float32)
    return x, y, np.arange(T) < lengths[:, None]


#: Products of the steps that are not padding, both directions, three gates, no gradient of the inputs.
FLOPS = 2.0 * int(np.linspace(SHORTEST, T, N).round().sum()) * 2 * 3 * H * (2 * D + 3 * H)


def npdl_model() -> Any:
    """Return our model, compiled and connected."""
    from npdl_core import Model

    gru = {"name": "gru", "config": {"n_out": H, "return_sequence": True, "reset_after": True}}
    model = Model(seed=0)
    model.add("bidirectional", layer=gru)
    model.compile(loss="mse", optimizer={"name": "sgd", "config": {"lr": LR}})
    model.connect_to_data(data()[0])
    return model


def torch_model() -> Any:
    """Return PyTorch's layer and optimizer."""
    import torch

    module = torch.nn.GRU(D, H, batch_first=True, bidirectional=True)
    return module, torch.optim.SGD(module.parameters(), lr=LR, fused=True)


def npdl() -> Callable[[], object]:
    """Prepare our step."""
    model, (x, y, mask) = npdl_model(), data()
    return lambda: model.train_on_batch(x, y, mask=mask)


def torch_step() -> Callable[[], float]:
    """Prepare PyTorch's step, packing included; it returns the loss as a number, as ours does."""
    return bind(*torch_model())


def bind(module: Any, optimizer: Any) -> Callable[[], float]:
    """Return one whole training step of PyTorch's layer."""
    import torch

    x, y, mask = data()
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
    lengths = torch.from_numpy(mask.sum(axis=1))
    pack = torch.nn.utils.rnn.pack_padded_sequence

    def step() -> float:
        optimizer.zero_grad()
        packed = pack(inputs, lengths, batch_first=True, enforce_sorted=False)
        wanted = pack(targets, lengths, batch_first=True, enforce_sorted=False)
        value = H * torch.nn.functional.mse_loss(module(packed)[0].data, wanted.data)  # half the square of 2H
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(value.item())

    return step


def check() -> None:
    """From equal weights, a step gives the same loss and the same weights as PyTorch."""
    import torch

    from npdl_rnn import converters

    mine, (x, y, mask) = npdl_model(), data()
    module, optimizer = torch_model()
    weights = {name: torch.tensor(array) for name, array in converters.to_torch(mine.layers[0]).items()}
    module.load_state_dict(weights)
    step = bind(module, optimizer)
    np.testing.assert_allclose(mine.train_on_batch(x, y, mask=mask)["loss"], step(), rtol=1e-5)
    theirs = dict(module.named_parameters())
    for name, array in converters.to_torch(mine.layers[0]).items():
        np.testing.assert_allclose(array, theirs[name].detach().numpy(), rtol=1e-4, atol=1e-6)


CASES = [
    Case("bidirectional-gru-masked", {**npdl_contenders(npdl), "pytorch": torch_step}, check, FLOPS),
]

if __name__ == "__main__":
    main("benchmarks.masked", __doc__, CASES)
