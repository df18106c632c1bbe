"""What recurrent layers allocate: in training next to nothing, in inference a chunk of time and no more."""

import numpy as np
import pytest

from npdl_core import Model, kernels, registry
from npdl_core.testing.memory import peak_memory

LAYERS = [
    {"name": "simple_rnn", "config": {}},
    {"name": "gru", "config": {}},
    {"name": "gru", "config": {"reset_after": True}},
    {"name": "lstm", "config": {}},
]
T, N, D, H = 64, 16, 32, 64
STATES = T * N * H * 4
"""Bytes of all steps' states; a step keeps ten (SimpleRNN: five) to twenty times as much."""

BUFFERS = 120_000
"""A step's own blocks, (N, 4H) and smaller, targets' temporaries, and what ufuncs convert in."""


@pytest.fixture(autouse=True)
def numpy_kernels(monkeypatch):
    monkeypatch.setenv("NPDL_KERNELS", "numpy")
    for name in kernels.names():
        monkeypatch.setattr(kernels.find(name), "_overrides", None)


def made(spec, **config):
    return registry.get("layers", spec["name"], n_out=H, **spec["config"], **config)


@pytest.mark.parametrize("spec", LAYERS, ids=str)
@pytest.mark.parametrize("every", [True, False])
def test_a_training_step_copies_the_recurrent_weights_and_nothing_that_grows_with_time(spec, every):
    """A step's products need the weights transposed, or halved; all else is written where it was before."""
    layer = made(spec, return_sequence=every)
    model = Model([layer], seed=0)
    model.add("softmax", n_out=8)
    model.compile("scce", "sgd")
    x = np.random.default_rng(0).standard_normal((N, T, D), dtype="float32")
    y = np.zeros((N, T) if every else N, int)
    peak = peak_memory(lambda: model.train_on_batch(x, y))
    assert peak <= 1.25 * layer.U.nbytes + BUFFERS
    assert BUFFERS < STATES / 2


INFERRING = [
    *LAYERS,
    {"name": "lstm", "config": {"peephole": True}},
    {"name": "lstm", "config": {"num_layers": 2}},
    {"name": "gru", "config": {"go_backwards": True}},
    {"name": "npdl-rnn:bn_lstm", "config": {}},
    {"name": "npdl-rnn:mufuru", "config": {}},
]


def peaks(build, n_steps, mask):
    """Return the peaks of predicting from sequences of these lengths."""
    found = []
    for length in n_steps:
        model = Model([build()], seed=0)
        model.connect((None, None, 8))
        x = np.ones((4, length, 8), "float32")
        real = np.arange(length) < np.array([[length], [3], [length // 2], [length]]) if mask else None
        found.append(peak_memory(lambda model=model, x=x, real=real: model.predict(x, mask=real), warm_up=2))
    return found


@pytest.mark.parametrize("spec", INFERRING, ids=str)
def test_the_last_output_takes_no_more_memory_for_longer_sequences(spec):
    short, long = peaks(
        lambda: registry.get("layers", spec["name"], n_out=8, **spec["config"]), (512, 2048), False
    )
    assert long <= 1.05 * short + 4096


@pytest.mark.parametrize("merge", ["concat", "sum"])
def test_nor_from_both_ends(merge):
    inner = {"name": "lstm", "config": {"n_out": 8}}
    short, long = peaks(
        lambda: registry.get("layers", "bidirectional", layer=inner, merge=merge), (512, 2048), False
    )
    assert long <= 1.05 * short + 4096


def test_a_mask_takes_some_bytes_a_step_beside_that():
    short, long = peaks(lambda: registry.get("layers", "lstm", n_out=8), (512, 2048), True)
    assert long - short <= 4 * (2048 - 512) * 2 + 4096


def test_all_outputs_grow_by_what_is_returned():
    short, long = peaks(
        lambda: registry.get("layers", "lstm", n_out=8, return_sequence=True), (512, 2048), False
    )
    returned = 4 * 8 * 4 * (2048 - 512)
    assert long - short <= 1.1 * returned + 4096


def small(name, **config):
    return {"name": name, "config": {"n_out": 8, **config}}


def chain(*layers):
    return {"name": "chain", "config": {"layers": list(layers)}}


STEPPED = {
    "sequencer": {"layer": chain(small("lstm"), small("dense"))},
    "npdl-rnn:recurrent": {"start": 8, "input_layer": small("linear"), "feedback_layer": small("linear")},
    "recurrence": {"layer": chain("concat", small("dense")), "state_shape": 8},
}


@pytest.mark.parametrize("name", STEPPED)
@pytest.mark.parametrize("mask", [False, True])
def test_steps_that_are_layers_leave_nothing_behind_either(name, mask):
    """The mask, and its rows as numbers, are all that grows with time."""
    short, long = peaks(
        lambda: registry.get("layers", name, return_sequence=False, **STEPPED[name]), (256, 1024), mask
    )
    assert long - short <= 0.05 * short + 4096 + mask * 4 * (1024 - 256) * 2
