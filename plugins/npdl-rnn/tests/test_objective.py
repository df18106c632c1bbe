"""temporal_softmax is cs231n's loss, in a model too."""

import numpy as np

from npdl_core import Model
from npdl_rnn import functional
from npdl_rnn.objectives import TemporalSoftmax


def test_is_the_functional_loss():
    rng = np.random.default_rng(0)
    x, y, mask = rng.normal(size=(3, 4, 5)), rng.integers(0, 5, (3, 4)), rng.random((3, 4)) < 0.6
    due, dx = functional.temporal_softmax_loss(x, y, mask)
    np.testing.assert_allclose(TemporalSoftmax().forward(x, y, mask), due)
    np.testing.assert_allclose(TemporalSoftmax().backward(x, y, mask), dx)


def test_nothing_counts():
    loss = TemporalSoftmax()
    assert loss.forward(np.zeros((0, 2, 3)), np.zeros((0, 2), int)) == 0.0
    assert loss.backward(np.zeros((0, 2, 3)), np.zeros((0, 2), int)).shape == (0, 2, 3)


def test_behind_a_softmax_both_derivatives_are_fused():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 5, 3)), rng.integers(0, 4, (6, 5))
    mask = rng.random((6, 5)) < 0.7
    weights = []
    for last, logits in (("softmax", False), ("linear", True)):
        model = Model(seed=0, dtype="float64")
        model.add("lstm", n_out=4, return_sequence=True)
        model.add(last, n_out=4)
        model.compile({"name": "temporal_softmax", "config": {"from_logits": logits}}, "sgd")
        losses = [model.train_on_batch(x, y, mask=mask)["loss"] for _ in range(3)]
        weights.append((losses, model.layers[0].W.copy()))
    np.testing.assert_allclose(weights[0][0], weights[1][0], rtol=1e-10)
    np.testing.assert_allclose(weights[0][1], weights[1][1], rtol=1e-10)
