"""Forward and all gradients against PyTorch, with masks: there, a sequence is its real steps alone."""

import numpy as np
import pytest

from npdl_core.layers import Layer
from npdl_rnn import GRU, LSTM, Bidirectional, SimpleRNN, converters

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")]

D, H = 5, 6
FAMILIES = {
    "simple_rnn": (SimpleRNN, "RNN", {}, {}),
    "simple_rnn_relu": (SimpleRNN, "RNN", {"activation": "relu"}, {"nonlinearity": "relu"}),
    "gru": (GRU, "GRU", {"reset_after": True}, {}),
    "lstm": (LSTM, "LSTM", {}, {}),
    "lstm_projection": (LSTM, "LSTM", {"projection": 4}, {"proj_size": 4}),
}
# Masks (T = 7) of three samples: ends early, starts late, has gaps, has no real step.
MASKS = {
    "none": None,
    "right": [[1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0, 0]],
    "left": [[0, 0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 1]],
    "middle": [[1, 0, 1, 0, 0, 1, 1], [0, 1, 1, 1, 0, 1, 0], [1, 1, 1, 1, 1, 1, 1]],
    "empty": [[0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0]],
}


def tolerance(dtype):
    return {"rtol": 1e-9, "atol": 1e-9} if dtype == "float64" else {"rtol": 1e-4, "atol": 1e-4}


def pair(family, dtype, *, bidirectional=False, **config):
    """Return our layer and PyTorch's with our weights, which are all different from their initial ones."""
    import torch

    cls, name, ours, theirs = FAMILIES[family]
    layer = cls(H, return_sequence=True, return_state=True, **ours, **config)
    layer = Bidirectional(layer) if bidirectional else layer
    layer.dtype = dtype
    layer.rng = np.random.default_rng(0)
    layer.connect((None, None, D))
    rng = np.random.default_rng(1)
    for value in layer.params:
        value += rng.normal(0, 0.3, value.shape).astype(dtype)
    module = getattr(torch.nn, name)(
        D, H, batch_first=True, num_layers=config.get("num_layers", 1), bidirectional=bidirectional, **theirs
    ).to(getattr(torch, dtype))
    weights = converters.to_torch(layer)
    module.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    return layer, module


def states(layer, n_samples, dtype, rng):
    """Return initial states, one array for each of the layer's state."""
    cells = layer.both if isinstance(layer, Bidirectional) else [layer]
    arrays = [np.stack(parts) for parts in zip(*(c.zero_state(n_samples) for c in cells), strict=True)]
    arrays = arrays if isinstance(layer, Bidirectional) else [array[0] for array in arrays]
    return [rng.normal(0, 0.5, array.shape).astype(dtype) for array in arrays]


def given(arrays):
    return dict(zip(("h0", "c0"), arrays, strict=False))


def torch_run(module, x, mask, start, grads):
    """Run each sample's real steps alone; return outputs, final states and both gradients."""
    import torch

    lstm = isinstance(module, torch.nn.LSTM)
    outputs, finals, dx, dstart = (
        grads[0] * 0,
        [a.copy() for a in start],
        x * 0,
        [a.copy() for a in grads[1:]],
    )
    for n in range(len(x)):
        real = np.flatnonzero(mask[n])
        if not len(real):
            continue
        inputs = torch.tensor(x[n : n + 1, real], requires_grad=True)
        before = [torch.tensor(as_stack(a)[:, n : n + 1], requires_grad=True) for a in start]
        y, after = module(inputs, tuple(before) if lstm else before[0])
        after = list(after) if lstm else [after]
        terms = [(y, grads[0][n : n + 1, real])]
        terms += [(a, as_stack(g)[:, n : n + 1]) for a, g in zip(after, grads[1:], strict=True)]
        sum((a * torch.from_numpy(np.ascontiguousarray(g))).sum() for a, g in terms).backward()
        outputs[n, real] = y[0].detach().numpy()
        dx[n, real] = inputs.grad[0].numpy()
        for index, (a, b) in enumerate(zip(after, before, strict=True)):
            as_stack(finals[index])[:, n] = a[:, 0].detach().numpy()
            as_stack(dstart[index])[:, n] = b.grad[:, 0].numpy()
    return outputs, finals, dx, dstart


def as_stack(array):
    """Return a state (N, H) as PyTorch's (1, N, H), a view."""
    return array if array.ndim == 3 else array[None]


def compare(layer, module, dtype, x, mask, seed=3):
    rng = np.random.default_rng(seed)
    start = states(layer, len(x), dtype, rng)
    real = np.ones(x.shape[:2], bool) if mask is None else np.array(mask, bool)
    out = layer.forward(x, True, mask=None if mask is None else real, **given(start))
    grads = [rng.normal(0, 1, np.shape(a)).astype(dtype) for a in out]
    grads[0][~real] = 0
    # ours lists the two directions' arrays one after the other: h, c, h, c
    ours, theirs = list(out[1:]), list(grads[1:])
    if isinstance(layer, Bidirectional):
        count = len(start)
        ours = [np.stack(ours[index::count]) for index in range(count)]
        theirs = [np.stack(theirs[index::count]) for index in range(count)]
    module.zero_grad()
    due, finals, dx, dstart = torch_run(module, x, real, start, [grads[0], *theirs])
    near = tolerance(dtype)
    np.testing.assert_allclose(out[0][real], due[real], **near)
    for came, expected in zip(ours, finals, strict=True):
        np.testing.assert_allclose(came, expected, **near)
    np.testing.assert_allclose(layer.backward(grads), dx, **near)
    for came, expected in zip((layer.d_h0, layer.d_c0), dstart, strict=False):
        np.testing.assert_allclose(came, expected, **near)
    for name, came in converters.to_torch(layer, grads=True).items():
        np.testing.assert_allclose(came, dict(module.named_parameters())[name].grad.numpy(), **near)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_masks(family, mask, dtype):
    layer, module = pair(family, dtype)
    x = np.random.default_rng(2).normal(0, 1, (3, 7, D)).astype(dtype)
    compare(layer, module, dtype, x, MASKS[mask])


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1, 7), (33, 2)])
@pytest.mark.parametrize("family", FAMILIES)
def test_sizes_of_one(family, shape):
    layer, module = pair(family, "float64")
    compare(layer, module, "float64", np.random.default_rng(2).normal(0, 1, (*shape, D)), None)


@pytest.mark.parametrize("family", FAMILIES)
def test_strided_input(family):
    layer, module = pair(family, "float64")
    wide = np.random.default_rng(2).normal(0, 1, (6, 14, 2 * D))
    compare(layer, module, "float64", wide[::2, ::-2, ::2], MASKS["middle"])


@pytest.mark.parametrize("mask", ["none", "right"])
@pytest.mark.parametrize("family", ["simple_rnn", "gru", "lstm", "lstm_projection"])
def test_stacks(family, mask):
    layer, module = pair(family, "float64", num_layers=3)
    compare(layer, module, "float64", np.random.default_rng(2).normal(0, 1, (3, 7, D)), MASKS[mask])


@pytest.mark.parametrize("mask", ["none", "right", "left", "middle"])
@pytest.mark.parametrize("family", ["simple_rnn", "gru", "lstm", "lstm_projection"])
def test_bidirectional(family, mask):
    layer, module = pair(family, "float64", bidirectional=True)
    compare(layer, module, "float64", np.random.default_rng(2).normal(0, 1, (3, 7, D)), MASKS[mask])


@pytest.mark.parametrize("family", ["simple_rnn", "gru", "lstm", "lstm_projection"])
def test_weights_come_back(family):
    for options in ({}, {"num_layers": 2}, {"bidirectional": True}):
        layer, module = pair(family, "float64", **options)
        other, _ = pair(family, "float64", **options)
        for value in other.params:
            value[...] = 0
        converters.from_torch(other, module.state_dict())
        assert isinstance(other, Layer)
        for came, due in zip(other.params, layer.params, strict=True):
            np.testing.assert_array_equal(came, due)


def test_training_for_a_while_gives_equal_losses():
    """Forty steps of plain gradient descent on one batch: an error anywhere would drift."""
    import torch

    layer, module = pair("lstm", "float64")
    x = np.random.default_rng(2).normal(0, 1, (4, 9, D))
    target = np.random.default_rng(3).normal(0, 0.5, (4, 9, H))
    for _ in range(40):
        y = layer.forward(x)[0]
        loss = ((y - target) ** 2).sum()
        layer.backward([2 * (y - target), None, None])
        for value, grad in layer.param_grads:
            value -= 0.01 * grad
        theirs = ((module(torch.from_numpy(x))[0] - torch.from_numpy(target)) ** 2).sum()
        module.zero_grad()
        theirs.backward()
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                # PyTorch has two biases whose sum matters: moving one as ours moves keeps them equal
                parameter -= (0.0 if name.startswith("bias_hh") else 0.01) * parameter.grad
        np.testing.assert_allclose(loss, theirs.item(), rtol=1e-9)
