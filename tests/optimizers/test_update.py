"""One update: what it takes, in what order it does what, and that nothing is changed half."""

import tracemalloc

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.errors import ConfigError, DataError, NonFiniteError, NpdlError, ShapeError
from npdl_core.optimizers import SGD, Optimizer
from npdl_core.optimizers.base import BLOCK, OptimizerProtocol


class Recorder(Optimizer):
    """Keeps what the rule is given."""

    def __init__(self, lr=1.0, **shared):
        super().__init__(lr, **shared)
        self.seen = []

    def slot_names(self):
        return ("count",)

    def apply(self, p, g, lr, scratch, **slots):
        self.seen.append((p.copy(), g.copy(), lr, p.size))
        slots["count"] += 1


def gradient_seen(p, g, decay=None, **config):
    optimizer = Recorder(**config)
    optimizer.update([np.array(p)], [np.array(g)], decay)
    return optimizer.seen[0][1]


# -- treatment of gradients --------------------------------------------------------------------------


def test_untreated_gradients_reach_the_rule_as_they_are():
    np.testing.assert_array_equal(gradient_seen([1.0, 2.0], [5.0, -7.0]), [5.0, -7.0])


@pytest.mark.parametrize("clip", [-1, 0])
def test_a_clip_of_zero_or_less_is_off(clip):
    np.testing.assert_array_equal(gradient_seen([1.0], [5.0], clip=clip), [5.0])


def test_value_clip_then_norm_clips_then_l2():
    p, g = [np.array([1.0, 2.0]), np.array([-1.0])], [np.array([9.0, 0.5]), np.array([-9.0])]
    optimizer = Recorder(clip=3.0, clip_param_norm=2.0, clip_norm=1.0, weight_decay=0.1)
    optimizer.update(p, g)
    cut = [np.array([3.0, 0.5]), np.array([-3.0])]
    each = [c * min(1, 2 / np.linalg.norm(c)) for c in cut]
    norm = np.linalg.norm(np.concatenate(each))
    due = [e / norm + 0.1 * q for e, q in zip(each, p, strict=True)]
    for (_, seen, *_), reference in zip(optimizer.seen, due, strict=True):
        np.testing.assert_allclose(seen, reference, rtol=1e-12)
    assert optimizer.grad_norm == pytest.approx(norm, rel=1e-12)


def test_small_gradients_are_not_scaled_and_the_norm_is_kept():
    optimizer = Recorder(clip_norm=10.0, clip_param_norm=10.0)
    g = [np.array([3.0]), np.array([4.0])]
    optimizer.update([np.zeros(1), np.zeros(1)], g)
    assert optimizer.grad_norm == 5.0
    np.testing.assert_array_equal(optimizer.seen[1][1], [4.0])
    optimizer.update([np.zeros(1), np.zeros(1)], [np.zeros(1), np.zeros(1)])
    assert optimizer.grad_norm == 0.0


def test_without_norm_clip_there_is_no_norm():
    optimizer = Recorder(clip_param_norm=1.0)
    optimizer.update([np.zeros(2)], [np.array([3.0, 4.0])])
    assert optimizer.grad_norm is None
    np.testing.assert_allclose(optimizer.seen[0][1], [0.6, 0.8])


def test_l2_decay_goes_into_the_gradient_of_flagged_parameters():
    np.testing.assert_array_equal(gradient_seen([2.0], [1.0], weight_decay=0.5), [2.0])
    np.testing.assert_array_equal(gradient_seen([2.0], [1.0], [False], weight_decay=0.5), [1.0])


def test_decoupled_decay_shrinks_flagged_parameters_before_the_step():
    optimizer = Recorder(lr=0.1, weight_decay=0.5, decoupled=True)
    p = [np.array([2.0]), np.array([2.0])]
    optimizer.update(p, [np.ones(1), np.ones(1)], [True, False])
    np.testing.assert_allclose([float(seen[0][0]) for seen in optimizer.seen], [1.9, 2.0])
    np.testing.assert_array_equal([float(seen[1][0]) for seen in optimizer.seen], [1.0, 1.0])
    np.testing.assert_allclose(np.concatenate(p), [1.9, 2.0])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_rule_gets_the_scratch_that_it_asks_for(count):
    class Asking(Recorder):
        n_scratch = count

        def apply(self, p, g, lr, scratch, **slots):
            for array in scratch:
                array[...] = 99.0
            self.given = [array.shape for array in scratch]
            super().apply(p, g, lr, scratch, **slots)

    optimizer = Asking(clip=2.0, weight_decay=0.5)
    optimizer.update([np.array([[2.0]])], [np.array([[5.0]])])
    assert optimizer.given == [(1, 1)] * count
    np.testing.assert_array_equal(optimizer.seen[0][1], [[3.0]])


@pytest.mark.parametrize("config", [{}, {"clip": 1.0}, {"clip_norm": 1.0}, {"weight_decay": 0.1}])
def test_a_rule_may_take_whole_arrays_when_gradients_come_as_they_are(config):
    class Whole(Recorder):
        def update_array(self, p, g, treatment, slots):
            self.whole = treatment.plain
            super().update_array(p, g, treatment, slots)

    optimizer = Whole(**config)
    optimizer.update([np.ones(2)], [np.array([3.0, 4.0])])
    assert optimizer.whole == (optimizer.seen[0][1].tolist() == [3.0, 4.0]) == (not config)


def test_norm_clipping_makes_the_rule_see_one_parameter_at_a_time():
    assert Recorder().elementwise
    assert Recorder(clip_norm=1.0).elementwise
    assert not Recorder(clip_param_norm=1.0).elementwise


def test_gradients_of_another_precision_are_taken():
    p = np.zeros(3, np.float32)
    SGD(lr=1.0, weight_decay=0.1, clip=2.0).update([p], [np.array([1.0, 2.0, 3.0])])
    assert p.dtype == np.float32
    np.testing.assert_array_equal(p, [-1, -2, -2])


# -- arguments ---------------------------------------------------------------------------------------


def read_only():
    array = np.zeros(2)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("params", "grads", "decay", "error", "message"),
    [
        ([np.zeros(2)], [], None, ShapeError, "1 parameters but 0 gradients"),
        ([np.zeros(2)], [np.zeros(2)], [True, False], ShapeError, "2 decay flags"),
        (
            [np.zeros(2), np.zeros(2)],
            [np.zeros(2), np.zeros(3)],
            None,
            ShapeError,
            r"parameter 1 has shape \(2,\)",
        ),
        ([np.zeros(2), [0.0]], [np.zeros(2), np.zeros(1)], None, DataError, "parameter 1 .*got list"),
        ([np.zeros(2), np.zeros(2, int)], [np.zeros(2)] * 2, None, DataError, "parameter 1 .*got int"),
        (
            [np.zeros(2), np.zeros(2, np.float16)],
            [np.zeros(2)] * 2,
            None,
            DataError,
            "parameter 1 .*got float16",
        ),
        (
            [np.zeros(2), np.zeros(2)],
            [np.zeros(2), np.zeros(2, complex)],
            None,
            DataError,
            "gradient 1 .*got complex",
        ),
        ([np.zeros(2), np.zeros(2)], [np.zeros(2), 0.5], None, DataError, "gradient 1 .*got float"),
        ([np.zeros(2), read_only()], [np.zeros(2)] * 2, None, DataError, "parameter 1 is read-only"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_changes(params, grads, decay, error, message):
    optimizer = SGD(lr=1.0, momentum=0.9)
    grads = [g + 1 if isinstance(g, np.ndarray) else g for g in grads]
    with pytest.raises(error, match=message):
        optimizer.update(params, grads, decay)
    assert not np.asarray(params[0]).any()
    assert optimizer.state() == SGD(lr=1.0, momentum=0.9).state()


@pytest.mark.parametrize(
    "params",
    [[np.zeros((2, 2))], [np.zeros((2, 2)), np.zeros(4)], [np.zeros((2, 2)), np.zeros(3, np.float32)]],
)
def test_other_parameters_than_those_of_the_state_are_refused(params):
    optimizer = SGD(momentum=0.9)
    optimizer.update([np.zeros((2, 2)), np.zeros(3)], [np.ones((2, 2)), np.ones(3)])
    before = repr(optimizer.state())
    with pytest.raises(ShapeError, match="reset"):
        optimizer.update(params, [np.ones_like(p) for p in params])
    assert repr(optimizer.state()) == before
    assert not any(p.any() for p in params)
    optimizer.reset()
    optimizer.update(params, [np.ones_like(p) for p in params])


def test_a_rule_without_state_takes_other_parameters():
    optimizer = SGD(lr=1.0)
    for n in (1, 2):
        params = [np.zeros(n)] * n
        optimizer.update(params, [np.ones(n)] * n)
    assert optimizer.iterations == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("setting", ["clip_norm", "clip_param_norm"])
def test_gradients_without_a_norm_are_refused_before_anything_changes(bad, setting):
    optimizer = SGD(momentum=0.9, **{setting: 1.0})
    p = [np.ones(2), np.ones(2)]
    with pytest.raises(NonFiniteError, match=r"nan|inf"):
        optimizer.update(p, [np.ones(2), np.array([1.0, bad])])
    assert optimizer.state() == SGD(momentum=0.9).state()
    np.testing.assert_array_equal(p, np.ones((2, 2)))


def test_value_clip_makes_infinity_a_number():
    p = np.zeros(2)
    SGD(lr=1.0, clip=2.0, clip_norm=100.0).update([p], [np.array([np.inf, -np.inf])])
    np.testing.assert_array_equal(p, [-2.0, 2.0])


@pytest.mark.parametrize(
    "config",
    [
        {"lr": -1.0},
        {"lr": "none of these"},
        {"clip": np.nan},
        {"decay": -1},
        {"lr_min": -1},
        {"lr_max": -1},
        {"lr_min": 2.0, "lr_max": 1.0},
        {"clip_norm": 0},
        {"clip_param_norm": -1},
        {"weight_decay": np.inf},
        {"decoupled": 1},
        {"momentum": 1},
        {"nesterov": True},
        {"nesterov": "no", "momentum": 0.5},
        {"unknown": 1},
    ],
)
def test_settings_are_checked(config):
    with pytest.raises(NpdlError):
        registry.get("optimizers", "sgd", **config)


# -- the learning rate -------------------------------------------------------------------------------


def rates(optimizer, n=4):
    found = []
    for _ in range(n):
        optimizer.update([np.zeros(1)], [np.zeros(1)])
        found.append(optimizer.seen[-1][2])
    return found


def test_decay_decays():
    """Defect N26 of NumpyDL: its rate grew, from 0.1 to 0.116 in five steps at 0.01."""
    assert rates(Recorder(lr=0.1, decay=0.01)) == pytest.approx([0.1 / (1 + 0.01 * t) for t in (1, 2, 3, 4)])


def test_bounds_hold():
    assert rates(Recorder(lr=1.0, decay=1.0, lr_min=0.3, lr_max=0.4), 3) == pytest.approx([0.4, 1 / 3, 0.3])
    optimizer = Recorder(lr_max=float("inf"))
    assert optimizer.config["lr_max"] is None


def test_current_lr_is_the_last_rate_or_the_first_one():
    optimizer = Recorder(lr=0.1, decay=1.0)
    assert optimizer.current_lr() == 0.05
    assert rates(optimizer, 2)[-1] == optimizer.current_lr() == pytest.approx(0.1 / 3)


def test_the_rate_may_be_set_and_may_be_a_function_or_a_schedule():
    optimizer = Recorder(lr=lambda time: 1.0 / (1 + time))
    assert rates(optimizer, 3) == pytest.approx([1, 1 / 2, 1 / 3])
    optimizer.lr = 0.25
    assert rates(optimizer, 1) == [0.25]
    optimizer.lr = {"name": "constant", "config": {"lr": 0.5}}
    assert rates(optimizer, 1) == [0.5]


def test_schedules_per_epoch_read_the_epoch():
    class Epochs:
        per = "epoch"

        def __call__(self, time):
            return float(time)

    optimizer = Recorder(lr=Epochs())
    optimizer.epoch = 3
    assert rates(optimizer, 2) == [3.0, 3.0]


@pytest.mark.parametrize("rate", [-1.0, float("nan"), None, "0.1"])
def test_a_schedule_that_gives_no_rate_is_an_error_and_changes_nothing(rate):
    optimizer, p = Recorder(lr=lambda time: rate), np.ones(1)
    with pytest.raises(ConfigError, match=r"rate of .* at time 0"):
        optimizer.update([p], [np.ones(1)])
    assert (optimizer.iterations, optimizer.seen) == (0, [])


# -- blocks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "view",
    [
        np.ascontiguousarray,
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    ],
    ids=["C", "F", "rows", "columns"],
)
@pytest.mark.parametrize("shape", [(3, 4), (300, 520), (3, 160_000), (1, 80_000), (2, 3, 36_000)])
def test_no_piece_is_larger_than_a_block_in_any_layout(view, shape):
    rng = np.random.default_rng(0)
    start, g = rng.standard_normal(shape), rng.standard_normal(shape)
    p = view(start.copy())
    optimizer = Recorder()
    optimizer.update([p], [view(g)])
    assert max(size for *_, size in optimizer.seen) <= BLOCK
    np.testing.assert_array_equal(optimizer.state()["0.count"], np.ones(shape))
    rule, due = SGD(lr=0.1, momentum=0.9), start.copy()
    rule.update([p], [view(g)])
    SGD(lr=0.1, momentum=0.9).update([due], [g])
    np.testing.assert_array_equal(p, due)


@pytest.mark.parametrize(
    "config", [{}, {"clip": 0.5, "clip_norm": 1.0, "weight_decay": 0.1, "momentum": 0.9}]
)
def test_an_update_allocates_no_more_than_a_few_blocks(config):
    optimizer = SGD(**config)
    p, g = np.zeros((1000, 1000), np.float32), np.ones((1000, 1000), np.float32)
    optimizer.update([p], [g])
    tracemalloc.start()
    try:
        optimizer.update([p], [g])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * BLOCK * 8


def test_the_protocol_asks_for_an_update_only():
    class Foreign:
        def update(self, params, grads, decay=None): ...

    assert isinstance(Foreign(), OptimizerProtocol)
    assert not isinstance(object(), OptimizerProtocol)
