"""batch_normal: statistics, axes, masks, and NumpyDL's defects N10 and N11."""

import tracemalloc

import numpy as np
import pytest

import npdl_core as npdl
from npdl_core.errors import ConfigError, MissingShapeError, ShapeError
from npdl_core.layers import BatchNormal, Dense
from npdl_core.testing import gradcheck


def batch(*shape, seed=0):
    return np.random.default_rng(seed).normal(1.0, 2.0, shape)


def connected(shape, **config):
    layer = BatchNormal(**config)
    layer.dtype = "float64"
    return layer.connect((None, *shape))


def test_divides_by_the_root_of_the_variance():
    # N10: the root of the standard deviation would give ±1.41.
    out = connected((1,), epsilon=1e-12).forward(np.array([[0.0], [4.0]]))
    np.testing.assert_allclose(out, [[-1.0], [1.0]], rtol=1e-10)


def test_input_gradient_is_the_derivative():
    # N10: the seed's dx was wrong.
    gradcheck(connected((3,)), batch(5, 3))


def test_golden_values():
    layer = connected((2,), epsilon=1.0)
    layer.gamma[...] = [2.0, 1.0]
    layer.beta[...] = [0.5, -1.0]
    x = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]])
    # v = 8/3, so 1/√(v + 1) = √(3/11); the second column does not vary.
    root = np.sqrt(3 / 11)
    np.testing.assert_allclose(
        layer.forward(x), [[0.5 - 4 * root, -1.0], [0.5, -1.0], [0.5 + 4 * root, -1.0]], rtol=1e-14
    )
    grad = layer.backward(np.array([[1.0, 3.0], [0.0, 0.0], [0.0, 0.0]]))
    np.testing.assert_allclose(layer.dbeta, [1.0, 3.0])
    np.testing.assert_allclose(layer.dgamma, [-2 * root, 0.0], rtol=1e-14)
    # dx = γ/√(v+1) · (g - 1/3 - x̂ dγ/3), x̂ = (-2, 0, 2)·√(3/11).
    np.testing.assert_allclose(
        grad[:, 0], 2 * root * np.array([2 / 3 - 4 / 11, -1 / 3, 4 / 11 - 1 / 3]), rtol=1e-13
    )


def test_parameters_and_gradients_are_paired():
    # N11: two parameters without gradients shifted every later layer's pairs.
    layer = connected((3,))
    assert [p.shape for p in layer.params] == [g.shape for g in layer.grads] == [(3,), (3,)]
    assert layer.params[0] is layer.gamma
    assert layer.grads[1] is layer.dbeta
    model = npdl.Model([Dense(3, n_in=2), BatchNormal(), Dense(1)], seed=0).connect((None, 2))
    assert [p.shape for p in model.params] == [g.shape for g in model.grads]


def test_the_next_layer_connects():
    # N11: there was no out_shape.
    layer = connected((3,))
    following = Dense(2)
    following.connect_to(layer)
    assert layer.out_shape == (None, 3)
    assert following.W.shape == (3, 2)


def test_a_model_with_it_learns():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (64, 4)).astype("float32")
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    model = npdl.Model([Dense(16, n_in=4), BatchNormal(), Dense(2, activation="softmax")], seed=0)
    model.compile("scce", {"name": "sgd", "config": {"lr": 0.5}}, metrics=["accuracy"])
    losses = model.fit(x, y, epochs=60, batch_size=16).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert model.evaluate(x, y)["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("shape", "axis", "kept", "averaged"),
    [
        ((4,), None, (4,), (0,)),
        ((7, 4), None, (4,), (0, 1)),
        ((3, 5, 6), None, (3,), (0, 2, 3)),
        ((3, 2, 5, 6), None, (3,), (0, 2, 3, 4)),
        ((4,), 0, (4,), (0,)),
        ((7, 4), 0, (7, 4), (0,)),
        ((7, 4), 1, (7,), (0, 2)),
        ((7, 4), -1, (4,), (0, 1)),
        ((7, 4), (0, 2), (7,), (0, 2)),
        ((3, 5, 6), 1, (3,), (0, 2, 3)),
        ((3, 5, 6), -1, (6,), (0, 1, 2)),
        ((3, 5, 6), (1, 2), (3, 5), (0, 3)),
        ((3, 5, 6), (2, 0, 3), (3,), (0, 2, 3)),
        ((3, 5, 6), [-4, 2], (3, 6), (0, 2)),
    ],
)
def test_axes(shape, axis, kept, averaged):
    layer = connected(shape, axis=axis)
    assert layer.axes == averaged
    assert {p.shape for p in (layer.gamma, layer.beta, layer.running_mean, layer.running_var)} == {kept}
    x = batch(6, *shape)
    out = layer.forward(x)
    np.testing.assert_allclose(out.mean(axis=averaged), 0, atol=1e-12)
    variance = x.var(axis=averaged)
    np.testing.assert_allclose(out.var(axis=averaged), variance / (variance + layer.epsilon), rtol=1e-10)


@pytest.mark.parametrize("axis", [2, -3, (0, 1), (0, 0), (1, 1), (0, -2), (0, 2)])
def test_axes_that_do_not_fit(axis):
    with pytest.raises(ShapeError, match=r"axis=.* must name some, not all, axes .*\(None, 4\)"):
        BatchNormal(axis=axis).connect((None, 4))


def test_no_feature_axis():
    with pytest.raises(ShapeError, match="some, not all"):
        BatchNormal().connect((None,))


def test_unknown_number_of_features():
    with pytest.raises(MissingShapeError, match="gamma needs shape"):
        BatchNormal().connect((None, 3, None))


@pytest.mark.parametrize(
    "config",
    [{"epsilon": 0}, {"momentum": 1.5}, {"momentum": -0.1}, {"axis": ()}, {"axis": 0.5}, {"axis": "1"}],
)
def test_arguments_out_of_range(config):
    with pytest.raises(ConfigError):
        BatchNormal(**config)


def test_arguments_are_numpydls_in_its_order():
    layer = BatchNormal(1e-3, 0.8, 0, "one", "zero")
    assert list(layer.config) == ["epsilon", "momentum", "axis", "beta_init", "gamma_init"]
    layer.connect((None, 2))
    assert layer.beta.tolist() == [1, 1]
    assert layer.gamma.tolist() == [0, 0]


def test_given_arrays_are_copied_and_not_in_the_configuration():
    gamma = np.array([1.0, 2.0], "float32")
    layer = BatchNormal(gamma_init=gamma).connect((None, 2))
    layer.gamma += 1
    assert gamma.tolist() == [1, 2]
    assert layer.to_json()["config"]["gamma_init"] == "zero"


def test_running_statistics_follow_the_batches():
    layer = connected((3,), momentum=0.7)
    mean, var = np.zeros(3), np.ones(3)
    for seed in range(4):
        x = batch(5, 3, seed=seed)
        layer.forward(x)
        mean = 0.7 * mean + 0.3 * x.mean(axis=0)
        var = 0.7 * var + 0.3 * x.var(axis=0)  # the biased one
    np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, var, rtol=1e-12)
    assert {id(b) for b in layer.buffers} == {id(layer.running_mean), id(layer.running_var)}


@pytest.mark.parametrize(("momentum", "mean"), [(0.0, 3.0), (1.0, 0.0)])
def test_extreme_momentum(momentum, mean):
    layer = connected((1,), momentum=momentum)
    layer.forward(np.array([[1.0], [5.0]]))
    assert layer.running_mean.item() == mean


def test_inference_uses_the_running_statistics():
    layer = connected((2,))
    layer.running_mean[...] = [1.0, -1.0]
    layer.running_var[...] = [4.0, 0.25]
    layer.gamma[...] = [3.0, 1.0]
    layer.beta[...] = [0.0, 10.0]
    x = batch(4, 2)
    out = layer.forward(x, train=False)
    np.testing.assert_allclose(
        out, (x - [1, -1]) / np.sqrt(np.array([4.0, 0.25]) + 1e-5) * [3, 1] + [0, 10], rtol=1e-12
    )
    np.testing.assert_allclose(layer.forward(x[:1], train=False), out[:1], rtol=1e-12)


def test_one_sample_gives_the_shift():
    layer = connected((2,))
    layer.beta[...] = [1.0, 2.0]
    np.testing.assert_allclose(layer.forward(batch(1, 2)), [[1.0, 2.0]])


def test_an_empty_batch_leaves_the_running_statistics_alone():
    layer = connected((2,))
    layer.forward(batch(4, 2))
    kept = layer.running_mean.copy(), layer.running_var.copy()
    assert layer.forward(np.zeros((0, 2))).shape == (0, 2)
    assert layer.backward(np.zeros((0, 2))).shape == (0, 2)
    np.testing.assert_array_equal((layer.running_mean, layer.running_var), kept)
    assert layer.dgamma.tolist() == layer.dbeta.tolist() == [0, 0]


MASK = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 0, 0]], bool)


def test_masked_steps_are_as_if_they_were_not_there():
    x, grad = batch(3, 4, 2), batch(3, 4, 2, seed=1)
    masked, rows = connected((None, 2)), connected((2,))
    x[~MASK] = np.nan
    grad[~MASK] = np.nan
    out = masked.forward(x, mask=MASK)
    np.testing.assert_allclose(out[MASK], rows.forward(x[MASK]), rtol=1e-12)
    np.testing.assert_array_equal(out[~MASK], 0)
    back = masked.backward(grad)
    np.testing.assert_allclose(back[MASK], rows.backward(grad[MASK]), rtol=1e-10)
    np.testing.assert_array_equal(back[~MASK], 0)
    for name in ("dgamma", "dbeta", "running_mean", "running_var"):
        np.testing.assert_allclose(getattr(masked, name), getattr(rows, name), rtol=1e-12, err_msg=name)
    out = masked.forward(x, train=False, mask=MASK)
    np.testing.assert_allclose(out[MASK], rows.forward(x[MASK], train=False), rtol=1e-12)
    np.testing.assert_array_equal(out[~MASK], 0)


def test_mask_where_each_step_has_statistics_of_its_own():
    x = batch(3, 4, 2)
    layer = connected((4, 2), axis=0, momentum=0.0)
    out = layer.forward(x, mask=MASK)
    for t in range(4):
        real = x[MASK[:, t], t]
        if len(real):
            np.testing.assert_allclose(layer.running_mean[t], real.mean(axis=0), rtol=1e-12)
            np.testing.assert_allclose(layer.running_var[t], real.var(axis=0), rtol=1e-12)
            np.testing.assert_allclose(
                out[MASK[:, t], t], (real - real.mean(axis=0)) / np.sqrt(real.var(axis=0) + 1e-5), rtol=1e-9
            )
    # No sequence has a fourth step: its statistics are those of the start.
    assert layer.running_mean[3].tolist() == [0, 0]
    assert layer.running_var[3].tolist() == [1, 1]
    gradcheck(layer, x, mask=MASK)


@pytest.mark.parametrize("last", [2, 3])
def test_mask_over_frames(last):
    x = batch(3, 4, 2, 5)
    layer = connected((4, 2, 5), axis=(0, 1, last), momentum=0.0)
    layer.forward(x, mask=MASK)
    np.testing.assert_allclose(layer.running_mean, x[MASK].mean(axis=(0, last - 1)), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, x[MASK].var(axis=(0, last - 1)), rtol=1e-12)


def test_a_mask_that_does_not_fit():
    layer = connected((None, 2))
    with pytest.raises(ShapeError, match=r"mask of shape \(3, 3\)"):
        layer.forward(batch(3, 4, 2), mask=MASK[:, :3])


def test_a_training_step_allocates_nothing_large():
    layer = BatchNormal().connect((None, 64))
    x = batch(4096, 64).astype("float32")

    def step():
        layer.forward(x)
        layer.backward(x)

    step()
    tracemalloc.start()
    try:
        step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < x.nbytes / 8


def test_statistics_are_saved_and_loaded(tmp_path):
    x = batch(8, 3).astype("float32")
    model = npdl.Model([BatchNormal(), Dense(2)], seed=0).connect((None, 3))
    model.forward(x)
    model.save(tmp_path / "model.safetensors")
    loaded = npdl.load(tmp_path / "model.safetensors")
    assert {"0.batch_normal.gamma", "0.batch_normal.beta", "0.batch_normal.running_mean"} < set(
        loaded.weights()
    )
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


ORACLE = ("layers batch_normal", "PyTorch")
TORCH = [("BatchNorm1d", (3,), None), ("BatchNorm1d", (3, 7), 1), ("BatchNorm2d", (3, 4, 5), None),
         ("BatchNorm3d", (3, 2, 4, 2), None)]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "shape", "axis"), TORCH)
def test_equals_pytorch(name, shape, axis, agree):
    import torch

    rng = np.random.default_rng(0)
    layer = connected(shape, axis=axis, momentum=0.8, epsilon=1e-3)
    module = getattr(torch.nn, name)(3, eps=1e-3, momentum=0.2).double()
    layer.gamma[...], layer.beta[...] = rng.normal(1, 0.3, (2, 3))
    module.load_state_dict(
        {"weight": torch.tensor(layer.gamma), "bias": torch.tensor(layer.beta)}, strict=False
    )
    for step in range(3):
        x, grad = rng.normal(step, 1 + step, (2, 6, *shape))
        variance = torch.tensor(layer.running_var)
        module.running_var.copy_(variance)
        tensor = torch.tensor(x, requires_grad=True)
        due = module(tensor)
        module.zero_grad()
        due.backward(torch.tensor(grad))
        agree(*ORACLE, "output", layer.forward(x), due.detach())
        agree(*ORACLE, "gradient", layer.backward(grad), tensor.grad)
        agree(*ORACLE, "weights", layer.grads, [module.weight.grad, module.bias.grad])
        agree(*ORACLE, "state", layer.running_mean, module.running_mean)
        # PyTorch averages the unbiased variance: M / (M - 1) times the batch's, of M entries.
        entries = x.size // 3
        gained = layer.running_var - 0.8 * variance.numpy()
        theirs = 0.8 * variance.numpy() + gained * entries / (entries - 1)
        agree(*ORACLE, "state", theirs, module.running_var)
    module.running_var.copy_(torch.tensor(layer.running_var))
    agree(*ORACLE, "output", layer.forward(x, train=False), module.eval()(torch.tensor(x)).detach())
