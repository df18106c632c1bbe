"""Inference for one sample, against PyTorch in inference mode and onnxruntime where that is installed.

Ours is ``model.predict_on_batch``, on the same array at every call; PyTorch gets a tensor made beforehand,
and its module is in ``eval`` mode. For the GRU that resets before the product, which PyTorch lacks, its own
form is what is timed; onnxruntime has both. Recurrent sizes: s1 T 30 D 65 (one-hot) H 300, last output; s2
T 64 D 128 H 256 and s3 T 100 D 128 H 512, all outputs. The language model is that of ``language_model``, 20
words, the bidirectional GRU that of ``masked``, 64 steps.
"""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import convolution, language_model, masked, recurrent
from benchmarks.harness import Case, installed, main, npdl_contenders
from benchmarks.onnx_graph import onnx_model

if TYPE_CHECKING:
    from collections.abc import Callable


class Sizes(NamedTuple):
    """Sizes of a recurrent layer, and whether all outputs are returned and inputs are one-hot."""

    steps: int
    n_in: int
    hidden: int
    every: bool


WIDTHS = {"mlp-small": (784, 200, 10), "mlp-wide": (784, 1024, 1024, 10)}
NETS = {"lenet": convolution.LENET, "net3x3": convolution.SMALL}
WORDS, BOTH = "language-model", "bidirectional-gru"
SIZES = {"s1": Sizes(30, 65, 300, False), "s2": Sizes(64, 128, 256, True), "s3": Sizes(100, 128, 512, True)}


def sample(case: str) -> np.ndarray:
    """Return a batch of one."""
    rng = np.random.default_rng(0)
    if case in WIDTHS:
        return rng.standard_normal((1, WIDTHS[case][0]), dtype=np.float32)
    if case in NETS:
        return rng.standard_normal((1, *NETS[case].shape), dtype=np.float32)
    if case in (WORDS, BOTH):
        x: np.ndarray = (language_model if case == WORDS else masked).data()[0][:1]
        return x
    sizes = SIZES[case.rpartition("-")[2]]
    if sizes.every:
        return rng.standard_normal((1, sizes.steps, sizes.n_in), dtype=np.float32)
    return np.eye(sizes.n_in, dtype=np.float32)[rng.integers(0, sizes.n_in, (1, sizes.steps))]


def npdl_model(case: str) -> Any:
    """Return our model, connected."""
    from npdl_core import Model, registry
    from npdl_core.layers import Dense, Softmax

    if case in NETS:
        return convolution.npdl_model(NETS[case])
    if case in (WORDS, BOTH):
        return (language_model if case == WORDS else masked).npdl_model()
    if case in WIDTHS:
        first, *hidden, last = WIDTHS[case]
        layers = [Dense(width, activation="relu") for width in hidden]
        model = Model([*layers, Softmax(last)], seed=0)
        model.connect((None, first))
        return model
    family, _, size = case.rpartition("-")
    sizes, options = SIZES[size], recurrent.FAMILIES[family][1]
    name = "gru" if family == "gru_after" else family
    layer = registry.get("layers", name, n_out=sizes.hidden, return_sequence=sizes.every, **options)
    model = Model([layer], seed=0)
    model.connect((None, None, sizes.n_in))
    return model


def npdl(case: str) -> Callable[[], np.ndarray]:
    """Prepare our call."""
    model, x = npdl_model(case), sample(case)
    model.predict_on_batch(x)
    return lambda: model.predict_on_batch(x)


def torch_model(case: str) -> Any:
    """Return PyTorch's module."""
    import torch

    nn = torch.nn
    if case in NETS:
        return nn.Sequential(*convolution.torch_model(NETS[case])[0], nn.Softmax(-1))
    if case in WIDTHS:
        layers: list[Any] = []
        for n_in, n_out in zip(WIDTHS[case][:-1], WIDTHS[case][1:], strict=True):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        return nn.Sequential(*layers[:-1], nn.Softmax(-1))
    if case == WORDS:
        return nn.Sequential(language_model.torch_model()[0], nn.Softmax(-1))
    if case == BOTH:
        return masked.torch_model()[0]
    family, _, size = case.rpartition("-")
    return getattr(nn, recurrent.FAMILIES[family][0])(SIZES[size].n_in, SIZES[size].hidden, batch_first=True)


def torch_call(case: str, module: Any = None) -> Callable[[], np.ndarray]:
    """Prepare PyTorch's call."""
    import torch

    module = (torch_model(case) if module is None else module).eval()
    x = torch.from_numpy(sample(case))
    size = SIZES.get(case.rpartition("-")[2], SIZES["s2"] if case == BOTH else None)
    take: Any = (lambda out: out) if size is None else (lambda out: out[0] if size.every else out[0][:, -1])

    inference: Any = torch.inference_mode

    def call() -> np.ndarray:
        with inference():
            found: np.ndarray = take(module(x)).numpy()
        return found

    return call


def onnx_call(case: str, model: Any = None) -> Callable[[], np.ndarray]:
    """Prepare onnxruntime's call, of a graph made from our model's weights."""
    onnxruntime: Any = import_module("onnxruntime")
    graph = onnx_model(npdl_model(case) if model is None else model, sample(case))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    feed = {"x": sample(case)}
    return lambda: session.run(None, feed)[0]


def check(case: str) -> None:
    """From equal weights all contenders' outputs are equal."""
    model, module = npdl_model(case), torch_model(case)
    if not case.startswith("gru-"):
        load(module, model)
        np.testing.assert_allclose(
            model.predict_on_batch(sample(case)), torch_call(case, module)(), rtol=1e-4, atol=1e-5
        )
    if "onnxruntime" in contenders(case):
        found = onnx_call(case, model)()
        np.testing.assert_allclose(model.predict_on_batch(sample(case)), found, rtol=1e-4, atol=1e-5)


def load(module: Any, model: Any) -> None:
    """Give PyTorch's module our model's weights."""
    import torch

    mine = [layer for layer in model.layers if layer.params]
    if len(mine) == 1:
        from npdl_rnn import converters

        arrays = converters.to_torch(mine[0])
        module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        return
    if type(mine[0]).__name__ == "Embedding":
        language_model.load(module[0], model)
        return
    theirs = [layer for layer in module if hasattr(layer, "weight")]
    with torch.no_grad():
        for ours, layer in zip(mine, theirs, strict=True):
            weights = ours.W if ours.W.ndim == 4 else ours.W.T
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weights)))
            layer.bias.copy_(torch.from_numpy(ours.b.copy()))


def contenders(case: str) -> dict[str, Any]:
    """Return who takes part."""
    found = {**npdl_contenders(partial(npdl, case)), "pytorch": partial(torch_call, case)}
    if "–" not in (installed("onnxruntime"), installed("onnx")):
        found["onnxruntime"] = partial(onnx_call, case)
    return found


NAMES = [
    *WIDTHS,
    *(f"{family}-{size}" for family in recurrent.FAMILIES for size in SIZES),
    WORDS,
    BOTH,
    *NETS,
]
CASES = [Case(name, contenders(name), partial(check, name)) for name in NAMES]

if __name__ == "__main__":
    main("benchmarks.inference", __doc__, CASES)
