"""A training step of a language model of words (embedding, two LSTMs, softmax over all words, SGD).

The sizes of Zaremba, Sutskever and Vinyals' small model (2014) on Penn Treebank: T 20, N 20, 200 units,
10,000 words; PyTorch has both LSTMs in one layer.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness import Case, main, npdl_contenders

if TYPE_CHECKING:
    from collections.abc import Callable

T, N, UNITS, WORDS, LR = 20, 20, 200, 10_000, 1.0
#: Each LSTM has four gates, and a gradient of its inputs too; so has the output.
FLOPS = 2 * T * N * (2 * 3 * 4 * UNITS * (UNITS + UNITS) + 3 * UNITS * WORDS)


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return word ids (N, T), and each one's successor."""
    ids = np.random.default_rng(0).integers(0, WORDS, (N, T + 1))
    return ids[:, :-1].copy(), ids[:, 1:].copy()


def npdl_model() -> Any:
    """Return our model, compiled and connected."""
    from npdl_core import Model

    model = Model(seed=0)
    model.add("embedding", input_size=WORDS, n_out=UNITS)
    for _ in range(2):
        model.add("lstm", n_out=UNITS, return_sequence=True)
    model.add("softmax", n_out=WORDS)
    model.compile(loss="scce", optimizer={"name": "sgd", "config": {"lr": LR}})
    model.connect_to_data(data()[0])
    return model


def torch_model() -> Any:
    """Return the layers in PyTorch and the optimizer."""
    import torch

    class LanguageModel(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(WORDS, UNITS)
            self.lstm = torch.nn.LSTM(UNITS, UNITS, 2, batch_first=True)
            self.output = torch.nn.Linear(UNITS, WORDS)

        def forward(self, ids: Any) -> Any:
            return self.output(self.lstm(self.embedding(ids))[0])

    model = LanguageModel()
    return model, torch.optim.SGD(model.parameters(), lr=LR, fused=True)


def npdl() -> Callable[[], object]:
    """Prepare our step."""
    model, (x, y) = npdl_model(), data()
    return lambda: model.train_on_batch(x, y)


def torch_step() -> Callable[[], float]:
    """Prepare PyTorch's step; it returns the loss as a number, as ours does."""
    return bind(*torch_model())


def bind(model: Any, optimizer: Any) -> Callable[[], float]:
    """Return one whole training step of the PyTorch model."""
    import torch

    ids, targets = map(torch.from_numpy, data())
    loss = torch.nn.CrossEntropyLoss()

    def step() -> float:
        optimizer.zero_grad()
        value = loss(model(ids).reshape(-1, WORDS), targets.reshape(-1))
        value.backward()
        optimizer.step()
        return float(value.item())

    return step


def load(module: Any, model: Any) -> None:
    """Give PyTorch's module our model's weights."""
    import torch

    from npdl_rnn import converters

    embedding, *lstms, output = model.layers
    with torch.no_grad():
        module.embedding.weight.copy_(torch.tensor(embedding.params[0]))
        module.output.weight.copy_(torch.tensor(output.W.T.copy()))
        module.output.bias.copy_(torch.tensor(output.b))
    stacked = {
        name.replace("l0", f"l{index}"): torch.tensor(array)
        for index, lstm in enumerate(lstms)
        for name, array in converters.to_torch(lstm).items()
    }
    module.lstm.load_state_dict(stacked)


def check() -> None:
    """From equal weights, three steps give equal losses, and words and outputs that agree."""
    mine, (x, y) = npdl_model(), data()
    model, optimizer = torch_model()
    load(model, mine)
    step = bind(model, optimizer)
    # PyTorch adds two biases, both of which learn: their sum moves twice as far, losses differ a little.
    for tolerance in (1e-5, 1e-3, 1e-3):
        np.testing.assert_allclose(mine.train_on_batch(x, y)["loss"], step(), rtol=tolerance)
    embedding, *_, output = mine.layers
    for array, other in ((embedding.params[0], model.embedding.weight), (output.W.T, model.output.weight)):
        np.testing.assert_allclose(array, other.detach().numpy(), atol=1e-3)


CASES = [
    Case("language-model", {**npdl_contenders(npdl), "pytorch": partial(torch_step)}, check, FLOPS),
]

if __name__ == "__main__":
    main("benchmarks.language_model", __doc__, CASES)
