"""sequencer, repeater and mask_zero of any objective, against loops over the steps."""

import numpy as np
import pytest

from npdl_core import Model, registry
from npdl_core.errors import ConfigError, DataError
from npdl_core.layers.base import Shaped
from npdl_rnn.objectives import NCE, MaskZeroObjective, RepeaterObjective, SequenceObjective, VRClassReward

RNG = np.random.default_rng(0)
Y = RNG.dirichlet(np.ones(4), (3, 5))
IDS = RNG.integers(0, 4, (3, 5))


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("name", ["scce", "mse", "mae", "categorical_hinge"])
def test_sequencer_is_a_loop_over_the_steps(name, average):
    targets = np.eye(4)[IDS]
    inner = registry.get("objectives", name)
    factor = 1 / 5 if average else 1.0
    loss = SequenceObjective(name, average)
    steps = [inner.forward(Y[:, t], targets[:, t]) for t in range(5)]
    np.testing.assert_allclose(loss.forward(Y, targets), factor * sum(steps))
    grads = np.stack([inner.backward(Y[:, t], targets[:, t]) for t in range(5)], axis=1)
    np.testing.assert_allclose(loss.backward(Y, targets), factor * grads)


def test_a_step_counts_alike_in_short_and_long_sequences():
    """The mean over the sequences that reach a step, summed over steps, would let late steps weigh more."""
    mask = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], bool)
    per_step = -np.log(np.take_along_axis(Y, IDS[..., None], axis=2)[..., 0])
    assert SequenceObjective("scce").forward(Y, IDS, mask) == pytest.approx(per_step[mask].sum() / 3)
    assert SequenceObjective("scce", True).forward(Y, IDS, mask) == pytest.approx(per_step[mask].mean())
    grad = SequenceObjective("scce", True).backward(Y, IDS, mask)
    counts = np.take_along_axis(grad * Y, IDS[..., None], axis=2)[..., 0]
    np.testing.assert_allclose(counts[mask], -1 / 8)


def test_repeater_has_one_target_for_all_steps():
    inner = registry.get("objectives", "scce")
    due = sum(inner.forward(Y[:, t], IDS[:, 0]) for t in range(5))
    loss = RepeaterObjective("scce")
    assert loss.forward(Y, IDS[:, 0]) == pytest.approx(due)
    assert loss.forward(Y, np.eye(4)[IDS[:, 0]]) == pytest.approx(due)
    grads = np.stack([inner.backward(Y[:, t], IDS[:, 0]) for t in range(5)], axis=1)
    np.testing.assert_allclose(loss.backward(Y, IDS[:, 0]), grads)
    with pytest.raises(DataError, match="one target"):
        loss.forward(Y, IDS)


def test_repeater_counts_real_steps():
    mask = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], bool)
    spoiled = np.where(mask[..., None], Y, np.nan)
    per_step = -np.log(Y[np.arange(3), :, IDS[:, 0]])
    assert RepeaterObjective("scce").forward(spoiled, IDS[:, 0], mask) == pytest.approx(
        per_step[mask].sum() / 3
    )
    grad = RepeaterObjective("scce", average=True).backward(spoiled, IDS[:, 0], mask)
    assert np.isfinite(grad).all()
    assert not grad[~mask].any()


def test_zero_rows_of_outputs_are_left_out():
    real = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], bool)
    outputs = Y * real[..., None]
    inner, loss = registry.get("objectives", "scce"), MaskZeroObjective("scce")
    assert loss.forward(outputs, IDS) == pytest.approx(inner.forward(Y[real], IDS[real]))
    np.testing.assert_allclose(loss.backward(outputs, IDS)[real], inner.backward(Y[real], IDS[real]))
    assert not loss.backward(outputs, IDS)[~real].any()


def test_zero_rows_and_a_mask_both_hold():
    outputs = Y.copy()
    outputs[0] = 0
    mask = np.array([True, False, True])
    assert MaskZeroObjective("scce").forward(outputs, IDS, mask) == pytest.approx(
        registry.get("objectives", "scce").forward(Y[2], IDS[2])
    )


def test_nothing_but_zero_rows_is_zero():
    loss = MaskZeroObjective("mse")
    assert loss.forward(np.zeros((2, 3)), np.ones((2, 3))) == 0
    assert not loss.backward(np.zeros((2, 3)), np.ones((2, 3))).any()


def test_wrapping_a_wrapper():
    mask = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], bool)
    both = SequenceObjective({"name": "npdl-rnn:mask_zero", "config": {"objective": "scce"}})
    due = SequenceObjective("scce").forward(Y, IDS, mask)
    assert both.forward(Y * mask[..., None], IDS) == pytest.approx(due)
    assert SequenceObjective.from_json(both.to_json()).forward(Y, IDS) == pytest.approx(both.forward(Y, IDS))


def test_only_means_are_wrapped():
    with pytest.raises(ConfigError, match="reduction='mean'"):
        SequenceObjective({"name": "mse", "config": {"reduction": "sum"}})


def test_parameters_and_softmax_of_what_is_wrapped():
    """A sum over steps scales the gradients of the wrapped objective's own parameters alike."""
    x, ids = RNG.normal(size=(6, 5, 3)), RNG.integers(0, 7, (6, 5))
    grads = []
    for loss in (NCE(7, k=3), SequenceObjective(NCE(7, k=3))):
        model = Model([{"name": "linear", "config": {"n_out": 4}}], seed=1, dtype="float64")
        model.compile(loss, {"name": "sgd", "config": {"lr": 0.0}})
        model.train_on_batch(x, ids)
        grads.append(
            {name.split(".")[-1]: p.grad.copy() for name, p in model.named_parameters() if p.trainable}
        )
        assert model.evaluate(x, ids)["loss"] > 0
    for name, grad in grads[0].items():
        np.testing.assert_allclose(grads[1][name], 5 * grad, err_msg=name)
    plain, summed = (
        registry.get("objectives", name, **config)
        for name, config in (("scce", {}), ("sequencer", {"objective": "scce"}))
    )
    assert summed.fuses == plain.fuses == "softmax"
    np.testing.assert_allclose(summed.fused_backward(Y, IDS), 5 * plain.fused_backward(Y, IDS))


def test_repeater_layer_and_repeater_objective():
    """What a layer says after each of several looks is held against the one answer."""
    x, z = RNG.normal(size=(40, 3)), np.arange(40) % 2
    x[:, 0] = 2.0 * z - 1
    model = Model(seed=0)
    model.add("repeater", layer={"name": "gru", "config": {"n_out": 4}}, n_steps=3)
    model.add("softmax", n_out=2)
    loss = {"name": "repeater", "config": {"objective": "scce", "average": True}}
    model.compile(loss, {"name": "sgd", "config": {"lr": 0.5, "momentum": 0.9}})
    history = model.fit(x, z, epochs=30, batch_size=20).history["loss"]
    assert history[-1] < 0.1 < history[0]
    every = model.predict(x)
    assert (every.argmax(axis=-1) == z[:, None]).all()
    assert model.evaluate(x, z)["loss"] == pytest.approx(-np.log(every[np.arange(40), :, z]).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        (SequenceObjective("scce", average=True), Y),
        (MaskZeroObjective("scce"), Y),
        (NCE(4, k=3, init="normal"), Y),
        (NCE(4, k=3, shared_noise=False), Y),
        (VRClassReward(baseline=None), Y),
    ],
)
def test_losses_of_positions_add_up(loss, outputs):
    """The mean of each position's loss is the loss, and their derivatives are its gradient."""
    loss.dtype = "float64"
    found = []
    for compute in (loss.forward, loss.backward, loss.losses, loss.gradients):
        loss.rng = np.random.default_rng(0)
        loss.connect_to(Shaped((None, 4)))
        loss.rng = np.random.default_rng(1)
        found.append(compute(outputs, IDS))
    total, grad, losses, grads = found
    assert losses.shape == IDS.shape
    np.testing.assert_allclose(losses.mean(), total)
    np.testing.assert_allclose(grads / IDS.size, grad)
