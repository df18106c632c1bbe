"""Optimizers around optimizers: what each adds, and that nothing of it is lost or half done."""

import copy
import pickle

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.errors import FileFormatError, NonFiniteError, NpdlError, ShapeError, StateError
from npdl_core.optimizers.base import OptimizerProtocol
from npdl_optim import EmaMomentum, Wrapper

SGD = {"name": "sgd", "config": {"lr": 0.1, "momentum": 0.5}}
ADAM = {"name": "adam", "config": {"lr": 0.1}}
SHAPES = ((3, 4), (5,))
WRAPPERS = [
    ("lookahead", {"optimizer": ADAM, "k": 2}),
    ("ema", {"optimizer": ADAM, "decay": 0.5}),
    ("accumulate", {"optimizer": ADAM, "steps": 3}),
    ("gradient_noise", {"optimizer": ADAM, "seed": 7}),
    ("max_norm", {"optimizer": ADAM, "max_norm": 0.5}),
    (
        "ema",
        {
            "optimizer": {
                "name": "lookahead",
                "config": {"optimizer": {"name": "accumulate", "config": {"optimizer": SGD}}},
            }
        },
    ),
]


def make(name, **config):
    return registry.get("optimizers", name, **config)


def parameters(shapes=SHAPES, dtype="float64"):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def gradients(params, step):
    rng = np.random.default_rng([1, step])
    return [rng.standard_normal(p.shape).astype(p.dtype) for p in params]


def run(optimizer, params, start, stop):
    for step in range(start, stop):
        optimizer.update(params, gradients(params, step))
    return params


# -- what all of them do ---------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "config"), WRAPPERS)
def test_a_loaded_state_goes_on_to_the_last_bit(name, config):
    optimizer, params = make(name, **config), parameters()
    run(optimizer, params, 0, 4)
    state, kept = optimizer.state(), [p.copy() for p in params]
    frozen = copy.deepcopy(state)
    due = run(optimizer, params, 4, 11)
    resumed = make(name, **config)
    resumed.load_state(state)
    for mine, reference in zip(run(resumed, kept, 4, 11), due, strict=True):
        np.testing.assert_array_equal(mine, reference)
    assert repr(resumed.state()) == repr(optimizer.state())
    assert repr(state) == repr(frozen)


@pytest.mark.parametrize(("name", "config"), WRAPPERS)
@pytest.mark.parametrize("twin", [copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))])
def test_copies_go_on_by_themselves(name, config, twin):
    optimizer, params = make(name, **config), parameters()
    run(optimizer, params, 0, 4)
    second, others = twin(optimizer), [p.copy() for p in params]
    due = run(optimizer, params, 4, 9)
    for mine, reference in zip(run(second, others, 4, 9), due, strict=True):
        np.testing.assert_array_equal(mine, reference)


@pytest.mark.parametrize(("name", "config"), WRAPPERS)
def test_a_foreign_state_changes_nothing(name, config):
    optimizer, later = make(name, **config), make(name, **config)
    run(optimizer, parameters(), 0, 4)
    run(later, parameters(), 0, 5)
    kept, good = repr(optimizer.state()), later.state()
    bad = [{key: value for key, value in good.items() if key != missing} for missing in good]
    extra = {"unheard_of": 1, "0.unheard_of": np.zeros(3), "inner.unheard_of": 1}
    wrong = {"inner.iterations": -1, "n_params": 3}
    bad += [{**good, key: value} for key, value in [*extra.items(), *wrong.items(), ("n_params", "2")]]
    for state in [*bad, {}, None]:
        with pytest.raises(FileFormatError):
            optimizer.load_state(state)
        assert repr(optimizer.state()) == kept


@pytest.mark.parametrize(("name", "config"), WRAPPERS)
def test_reset_forgets(name, config):
    optimizer = make(name, **config)
    run(optimizer, parameters(((2, 2),)), 0, 5)
    optimizer.reset()
    assert repr(optimizer.state()) == repr(make(name, **config).state())
    fresh = run(make(name, **config), parameters(), 0, 5)
    for mine, reference in zip(run(optimizer, parameters(), 0, 5), fresh, strict=True):
        np.testing.assert_array_equal(mine, reference)


@pytest.mark.parametrize(("name", "config"), WRAPPERS)
@pytest.mark.parametrize("fresh", [True, False])
def test_misfits_are_refused_before_anything_changes(name, config, fresh):
    optimizer, params = make(name, **config), parameters()
    if not fresh:
        run(optimizer, params, 0, 4)
    before, kept = repr(optimizer.state()), [p.copy() for p in params]
    g = gradients(params, 0)
    for wrong in (g[:1], [g[0], np.zeros(6)], [g[0], g[1].tolist()], [g[0], np.zeros(5, int)]):
        with pytest.raises(NpdlError):
            optimizer.update(params, wrong)
        assert repr(optimizer.state()) == before
        for p, reference in zip(params, kept, strict=True):
            np.testing.assert_array_equal(p, reference)
    if not fresh and optimizer._slots.names:
        with pytest.raises(ShapeError, match="reset"):
            optimizer.update(params[:1], g[:1])


@pytest.mark.parametrize(("name", "config"), WRAPPERS)
def test_the_learning_rate_and_counters_are_those_inside(name, config):
    optimizer = make(name, **config)
    assert isinstance(optimizer, Wrapper)
    assert isinstance(optimizer, OptimizerProtocol)
    optimizer.lr, optimizer.epoch = 0.25, 3
    assert (optimizer.optimizer.lr, optimizer.optimizer.epoch) == (0.25, 3)
    assert (optimizer.lr, optimizer.epoch, optimizer.current_lr()) == (0.25, 3, 0.25)
    assert (optimizer.iterations, optimizer.weight_decay, optimizer.grad_norm) == (0, 0.0, None)


def test_settings_inside_decide_what_is_passed():
    decaying = {"name": "adamw", "config": {"weight_decay": 0.5, "clip_norm": 1.0}}
    optimizer = make("ema", optimizer=decaying)
    assert (optimizer.elementwise, optimizer.weight_decay) == (True, 0.5)
    params = parameters()
    optimizer.update(params, [np.zeros((3, 4)), np.zeros(5)], [True, False])
    assert optimizer.grad_norm == 0.0
    np.testing.assert_array_equal(params[1], parameters()[1])
    assert not np.array_equal(params[0], parameters()[0])
    assert not make("ema", optimizer="lamb").elementwise
    assert not make("max_norm", optimizer="sgd").elementwise


def test_an_optimizer_without_flat_buffers_or_decay_is_wrapped_too():
    class Plain:
        iterations = 0

        def update(self, params, grads, decay=None):
            params[0] -= 1.0
            self.iterations += 1

    optimizer = make("ema", optimizer=Plain())
    assert (optimizer.elementwise, optimizer.weight_decay) == (False, 0.0)
    optimizer.update([np.zeros(1)], [np.zeros(1)])


# -- lookahead -------------------------------------------------------------------------------------


def test_lookahead_follows_its_equations():
    optimizer, params = make("lookahead", optimizer=SGD, k=3, alpha=0.4), parameters()
    inside, fast = make("sgd", **SGD["config"]), parameters()
    slow = parameters()
    for step in range(10):
        g = gradients(params, step)
        optimizer.update(params, g)
        inside.update(fast, g)
        if step % 3 == 2:
            for s, f in zip(slow, fast, strict=True):
                s += 0.4 * (f - s)
                f[...] = s
        for mine, reference in zip(params, fast, strict=True):
            np.testing.assert_allclose(mine, reference, rtol=1e-12)


# -- ema -------------------------------------------------------------------------------------------


def test_ema_lends_out_the_average_and_takes_it_back():
    optimizer, params = make("ema", optimizer=SGD, decay=0.75), parameters()
    average = None
    for step in range(6):
        optimizer.update(params, gradients(params, step))
        average = [
            p.copy() if average is None else 0.75 * a + 0.25 * p
            for a, p in zip(average or params, params, strict=True)
        ]
    trained = [p.copy() for p in params]
    optimizer.swap(params)
    for p, reference in zip(params, average, strict=True):
        np.testing.assert_allclose(p, reference, rtol=1e-12)
    optimizer.swap(params)
    for p, reference in zip(params, trained, strict=True):
        np.testing.assert_array_equal(p, reference)


def test_ema_is_busy_while_the_average_is_lent_out():
    optimizer, params = make("ema", optimizer=SGD), parameters()
    run(optimizer, params, 0, 2)
    state = optimizer.state()
    optimizer.swap(params)
    for call in (
        optimizer.state,
        optimizer.reset,
        lambda: optimizer.load_state(state),
        lambda: run(optimizer, params, 2, 3),
    ):
        with pytest.raises(StateError, match="swap back"):
            call()
    optimizer.swap(params)
    assert repr(optimizer.state()) == repr(state)
    with pytest.raises(ShapeError):
        optimizer.swap(params[:1])
    assert repr(optimizer.state()) == repr(state)


def test_ema_without_an_average_lends_nothing():
    optimizer, params = make("ema", optimizer=SGD), parameters()
    optimizer.swap(params)
    optimizer.swap(params)
    for p, reference in zip(params, parameters(), strict=True):
        np.testing.assert_array_equal(p, reference)
    run(optimizer, params, 0, 1)


def test_ema_counts_updates_and_not_micro_batches():
    grouped = {"name": "accumulate", "config": {"optimizer": SGD, "steps": 2}}
    outside, inside = (
        make("ema", optimizer=grouped, decay=0.5),
        make("accumulate", optimizer={"name": "ema", "config": {"optimizer": SGD, "decay": 0.5}}, steps=2),
    )
    first, second = run(outside, parameters(), 0, 8), run(inside, parameters(), 0, 8)
    outside.swap(first)
    inside.swap(second)
    for mine, reference in zip(first, second, strict=True):
        np.testing.assert_array_equal(mine, reference)


def test_swap_of_an_optimizer_without_an_average_does_nothing():
    optimizer, params = make("lookahead", optimizer=SGD), parameters()
    optimizer.swap(params)
    np.testing.assert_array_equal(params[0], parameters()[0])


# -- accumulate ------------------------------------------------------------------------------------


def test_accumulation_takes_the_mean_of_a_group():
    optimizer, params = make("accumulate", optimizer=ADAM, steps=3), parameters()
    inside, others = make("adam", **ADAM["config"]), parameters()
    for group in range(3):
        parts = [gradients(params, 3 * group + i) for i in range(3)]
        for index, g in enumerate(parts):
            assert (optimizer.pending, optimizer.iterations) == (index, group)
            kept = [p.copy() for p in params]
            optimizer.update(params, g)
            assert (index == 2) != all(np.array_equal(p, k) for p, k in zip(params, kept, strict=True))
        inside.update(others, [sum(arrays) / 3 for arrays in zip(*parts, strict=True)])
        for mine, reference in zip(params, others, strict=True):
            np.testing.assert_allclose(mine, reference, rtol=1e-12)


def test_an_error_in_the_update_discards_the_group():
    careful = {"name": "sgd", "config": {"lr": 1.0, "clip_norm": 10.0}}
    optimizer, p = make("accumulate", optimizer=careful, steps=2), np.zeros(2)
    optimizer.update([p], [np.array([np.nan, 1.0])])
    with pytest.raises(NonFiniteError):
        optimizer.update([p], [np.ones(2)])
    for _ in range(2):
        optimizer.update([p], [np.ones(2)])
    np.testing.assert_array_equal(p, [-1.0, -1.0])


# -- gradient noise --------------------------------------------------------------------------------


def noise(seed=0, steps=1, n=20_000, **config):
    """Return the noise of the last of several steps; a plain sgd with rate 1 shows it."""
    optimizer = make("gradient_noise", optimizer={"name": "sgd", "config": {"lr": 1.0}}, seed=seed, **config)
    for _ in range(steps):
        p = np.zeros(n)
        optimizer.update([p], [np.zeros(n)])
    return -p


@pytest.mark.parametrize(("steps", "eta", "gamma"), [(1, 0.3, 0.55), (10, 0.3, 0.55), (5, 1.0, 0.0)])
def test_noise_has_the_annealed_variance(steps, eta, gamma):
    found = noise(steps=steps, eta=eta, gamma=gamma)
    sigma = np.sqrt(eta / steps**gamma)
    assert found.std() == pytest.approx(sigma, rel=0.03)
    assert abs(found.mean()) < 4 * sigma / np.sqrt(found.size)


def test_noise_comes_from_its_seed():
    np.testing.assert_array_equal(noise(seed=1), noise(seed=1))
    assert not np.array_equal(noise(seed=1), noise(seed=2))
    assert not np.array_equal(noise(seed=None), noise(seed=None))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_is_the_same_on_flat_buffers_and_leaves_gradients_alone(dtype):
    separate, together = (make("gradient_noise", optimizer=SGD, seed=1) for _ in range(2))
    params = parameters(dtype=dtype)
    flat = [np.concatenate([p.ravel() for p in params])]
    for step in range(3):
        g = gradients(params, step)
        kept = [item.copy() for item in g]
        separate.update(params, g)
        together.update(flat, [np.concatenate([item.ravel() for item in g])])
        for now, then in zip(g, kept, strict=True):
            np.testing.assert_array_equal(now, then)
    np.testing.assert_array_equal(flat[0], np.concatenate([p.ravel() for p in params]))


def test_noise_is_not_used_up_by_a_refused_update():
    careful = {"name": "sgd", "config": {"clip_norm": 1.0}}
    optimizer, p = make("gradient_noise", optimizer=careful, seed=1), np.zeros(3)
    before = repr(optimizer.state())
    with pytest.raises(NonFiniteError):
        optimizer.update([p], [np.full(3, np.inf)])
    assert repr(optimizer.state()) == before
    optimizer.update([p], [np.zeros(3)])
    fresh, q = make("gradient_noise", optimizer=careful, seed=1), np.zeros(3)
    fresh.update([q], [np.zeros(3)])
    np.testing.assert_array_equal(p, q)


# -- max norm --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "axis", "reduced"),
    [
        ((4, 3), None, (0,)),
        ((4, 3), 1, (1,)),
        ((4, 3), -1, (1,)),
        ((5, 2, 3, 3), None, (1, 2, 3)),
        ((5, 2, 3, 3), [0, 2], (0, 2)),
        ((2, 3, 4), [-1], (2,)),
    ],
)
def test_long_vectors_become_as_long_as_allowed_and_others_stay(shape, axis, reduced):
    start = np.random.default_rng(0).standard_normal(shape) * 0.6
    optimizer, p = make("max_norm", optimizer="sgd", max_norm=1.0, axis=axis), start.copy()
    optimizer.update([p], [np.zeros(shape)])
    norms = np.sqrt((start**2).sum(reduced, keepdims=True))
    assert (norms > 1).any()
    np.testing.assert_allclose(p, start / np.maximum(norms, 1), rtol=1e-12)
    np.testing.assert_array_equal(
        p[np.broadcast_to(norms <= 1, shape)], start[np.broadcast_to(norms <= 1, shape)]
    )


def test_biases_are_not_constrained_and_the_update_comes_first():
    optimizer = make("max_norm", optimizer={"name": "sgd", "config": {"lr": 1.0}}, max_norm=1.0)
    W, b = np.zeros((2, 1), np.float32), np.full(3, 9.0, np.float32)
    optimizer.update([W, b], [np.array([[-3.0], [-4.0]], np.float32), np.zeros(3, np.float32)])
    np.testing.assert_allclose(W, [[0.6], [0.8]], rtol=1e-6)
    np.testing.assert_array_equal(b, np.full(3, 9.0, np.float32))


def test_an_axis_that_a_parameter_lacks_is_refused_before_the_update():
    optimizer = make("max_norm", optimizer="sgd", axis=2)
    p = np.ones((2, 2))
    with pytest.raises(ShapeError, match=r"axis \[2\]"):
        optimizer.update([p], [np.ones((2, 2))])
    np.testing.assert_array_equal(p, np.ones((2, 2)))
    assert optimizer.iterations == 0


def test_max_norm_waits_for_an_update():
    grouped = {"name": "accumulate", "config": {"optimizer": "sgd", "steps": 2}}
    optimizer, p = make("max_norm", optimizer=grouped, max_norm=1.0), np.full((4, 1), 3.0)
    optimizer.update([p], [np.zeros((4, 1))])
    np.testing.assert_array_equal(p, np.full((4, 1), 3.0))
    optimizer.update([p], [np.zeros((4, 1))])
    np.testing.assert_allclose(p, np.full((4, 1), 0.5))


def test_ema_momentum_starts_from_the_first_gradient():
    optimizer, p = EmaMomentum(lr=1.0), np.zeros(1)
    optimizer.update([p], [np.array([2.0])])
    np.testing.assert_array_equal(p, [-2.0])
