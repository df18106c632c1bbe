"""Schedules: values at the corners, PyTorch's where it has the same, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core import registry
from npdl_core.errors import ConfigError
from npdl_core.schedules import Schedule


def schedule(name, **config):
    return registry.get("schedules", name, **config)


def rates(made, times):
    return [made(time) for time in times]


@pytest.mark.parametrize(
    ("name", "config", "times", "due"),
    [
        (
            "inverse_time",
            {"lr": 1.0, "decay_rate": 0.5, "decay_steps": 2},
            (0, 1, 2, 4),
            (1, 0.8, 2 / 3, 0.5),
        ),
        (
            "inverse_time",
            {"lr": 1.0, "decay_rate": 0.5, "decay_steps": 2, "staircase": True},
            (0, 1, 2, 3, 4),
            (1, 1, 2 / 3, 2 / 3, 0.5),
        ),
        ("exponential", {"lr": 2.0, "decay_rate": 0.25, "decay_steps": 2}, (0, 1, 2, 3), (2, 1, 0.5, 0.25)),
        (
            "exponential",
            {"lr": 2.0, "decay_rate": 0.25, "decay_steps": 2, "staircase": True},
            (0, 1, 2, 3),
            (2, 2, 0.5, 0.5),
        ),
        ("step", {"lr": 1.0, "step_size": 2, "gamma": 0.1}, (0, 1, 2, 3, 4), (1, 1, 0.1, 0.1, 0.01)),
        ("piecewise", {"boundaries": [2, 5], "values": [3, 2, 1]}, (0, 1, 2, 4, 5, 99), (3, 3, 2, 2, 1, 1)),
        ("table", {"boundaries": [], "values": [3]}, (0, 99), (3, 3)),
        ("linear", {"lr": 1.0, "steps": 4, "end": 0.5}, (0, 1, 4, 9), (1, 0.875, 0.5, 0.5)),
        ("linear", {"lr": 0.0, "steps": 4, "end": 1.0}, (0, 1, 4), (0, 0.25, 1)),
        ("polynomial", {"lr": 1.0, "steps": 4, "power": 2}, (0, 2, 4, 9), (1, 0.25, 0, 0)),
        (
            "linear_saturate",
            {"lr": 1.0, "min_lr": 0.2, "saturate_epoch": 4},
            (0, 1, 4, 9),
            (1, 0.8, 0.2, 0.2),
        ),
        ("cosine", {"lr": 1.0, "steps": 4, "end": 0.5}, (0, 2, 4, 9), (1, 0.75, 0.5, 0.5)),
        ("cosine_restarts", {"lr": 1.0, "steps": 2}, (0, 1, 2, 3, 4), (1, 0.5, 1, 0.5, 1)),
        (
            "cosine_restarts",
            {"lr": 1.0, "steps": 2, "factor": 2, "decay": 0.5},
            (0, 1, 2, 4, 6, 10),
            (1, 0.5, 0.5, 0.25, 0.25, 0.125),
        ),
        ("cosine_restarts", {"lr": 1.0, "steps": 2, "decay": 0.5, "end": 0.4}, (2, 4, 5), (0.5, 0.4, 0.4)),
        (
            "one_cycle",
            {"max_lr": 1.0, "steps": 5, "pct_start": 0.1, "anneal": "linear"},
            (0, 4, 9),
            (1, 4e-6, 4e-6),
        ),
        ("warmup", {"schedule": 2.0, "steps": 4, "start": 0.5}, (0, 2, 4, 99), (1, 1.5, 2, 2)),
    ],
)
def test_values(name, config, times, due):
    assert rates(schedule(name, **config), times) == pytest.approx(due, abs=1e-12)


def test_the_published_saturating_schedule():
    """Element-Research's scripts: from 0.05 to 0.00001 in 400 epochs, a constant amount less each epoch."""
    made = schedule("linear_saturate", lr=0.05)
    less = np.diff(rates(made, range(401)))
    np.testing.assert_allclose(less, (1e-5 - 0.05) / 400)
    assert (made(400), made(1000), made.per) == (1e-5, 1e-5, "epoch")


@given(st.integers(0, 10_000), st.integers(1, 50), st.integers(1, 3))
def test_restarts_are_where_a_loop_puts_them(time, steps, factor):
    made = schedule("cosine_restarts", lr=1.0, steps=steps, factor=factor)
    start, length = 0, steps
    while start + length <= time:
        start, length = start + length, length * factor
    assert made(time) == pytest.approx((1 + math.cos(math.pi * (time - start) / length)) / 2)


@given(
    st.sampled_from(["linear", "polynomial", "cosine"]), st.integers(1, 100), st.floats(0, 1), st.floats(0, 1)
)
def test_ramps_stay_between_their_ends(name, steps, lr, end):
    found = rates(schedule(name, lr=lr, steps=steps, end=end), range(0, 120, 7))
    assert all(min(lr, end) * (1 - 1e-9) <= rate <= max(lr, end) * (1 + 1e-9) for rate in found)
    assert found[0] == pytest.approx(lr, rel=1e-12)


def test_warmup_takes_any_schedule_and_its_clock():
    inner = {"name": "step", "config": {"lr": 1.0, "step_size": 1, "gamma": 0.5, "per": "epoch"}}
    made = schedule("warmup", schedule=inner, steps=2, start=0.0)
    assert rates(made, range(5)) == [0.0, 0.5, 1.0, 0.5, 0.25]
    assert made.per == "epoch"
    assert registry.get("schedules", made.to_json())(3) == 0.5


def test_warmup_of_a_plain_function():
    made = schedule("warmup", schedule=lambda time: 0.5, steps=2)
    assert (made(5), made.per) == (0.5, "step")


@pytest.mark.parametrize("per", ["step", "epoch"])
def test_optimizers_follow_their_clock(per):
    made = {"name": "piecewise", "config": {"boundaries": [1, 2], "values": [1.0, 0.5, 0.25], "per": per}}
    optimizer = registry.get("optimizers", "sgd", lr=made)
    p = np.zeros(1)
    taken = []
    for epoch in range(2):
        optimizer.epoch = epoch
        for _ in range(2):
            before = p.copy()
            optimizer.update([p], [np.ones(1)])
            taken.append(float((before - p)[0]))
    assert taken == ([1.0, 0.5, 0.25, 0.25] if per == "step" else [1.0, 1.0, 0.5, 0.5])


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("inverse_time", {"lr": 0.1, "decay_rate": -1}),
        ("inverse_time", {"lr": 0.1, "decay_rate": 1, "decay_steps": 0}),
        ("exponential", {"lr": 0.1, "decay_rate": 1.5}),
        ("exponential", {"lr": 0.1, "decay_rate": 0}),
        ("step", {"lr": -0.1, "step_size": 3}),
        ("step", {"lr": 0.1, "step_size": 3, "per": "batch"}),
        ("piecewise", {"boundaries": [2, 1], "values": [1, 2, 3]}),
        ("piecewise", {"boundaries": [1, 1], "values": [1, 2, 3]}),
        ("piecewise", {"boundaries": [1], "values": [1]}),
        ("piecewise", {"boundaries": 1, "values": [1, 2]}),
        ("piecewise", {"boundaries": "1", "values": [1, 2]}),
        ("polynomial", {"lr": 0.1, "steps": 3, "power": 0}),
        ("linear", {"lr": 0.1, "steps": 0}),
        ("linear_saturate", {"lr": 0.1, "saturate_epoch": 0}),
        ("cosine_restarts", {"lr": 0.1, "steps": 3, "factor": 0}),
        ("cosine_restarts", {"lr": 0.1, "steps": 3, "decay": 0}),
        ("one_cycle", {"max_lr": 0.1, "steps": 1}),
        ("one_cycle", {"max_lr": 0.1, "steps": 9, "pct_start": 1.0}),
        ("one_cycle", {"max_lr": 0.1, "steps": 9, "pct_start": 0.6, "three_phase": True}),
        ("one_cycle", {"max_lr": 0.1, "steps": 9, "anneal": "exp"}),
        ("one_cycle", {"max_lr": 0.1, "steps": 9, "div_factor": 0.5}),
        ("warmup", {"schedule": "nonsense", "steps": 2}),
        ("warmup", {"schedule": 0.1, "steps": 0}),
        ("warmup", {"schedule": 0.1, "steps": 2, "start": 2}),
    ],
)
def test_arguments_are_checked(name, config):
    with pytest.raises(ValueError, match=r"."):
        schedule(name, **config)


def test_a_schedule_that_turns_bad_stops_the_update():
    class Sinking(Schedule):
        def __call__(self, time):
            return 1.0 - time

    optimizer = registry.get("optimizers", "adam", lr=Sinking())
    p = np.zeros(1)
    for _ in range(2):
        optimizer.update([p], [np.ones(1)])
    kept = p.copy()
    with pytest.raises(ConfigError, match=r"Sinking.* at time 2"):
        optimizer.update([p], [np.ones(1)])
    np.testing.assert_array_equal(p, kept)
    assert optimizer.iterations == 2


TORCH = [
    ("exponential", {"lr": 0.1, "decay_rate": 0.9}, "ExponentialLR", {"gamma": 0.9}),
    ("step", {"lr": 0.1, "step_size": 3, "gamma": 0.5}, "StepLR", {"step_size": 3, "gamma": 0.5}),
    (
        "piecewise",
        {"boundaries": [4, 9], "values": [0.1, 0.05, 0.025]},
        "MultiStepLR",
        {"milestones": [4, 9], "gamma": 0.5},
    ),
    (
        "linear",
        {"lr": 0.05, "end": 0.1, "steps": 8},
        "LinearLR",
        {"start_factor": 0.5, "end_factor": 1.0, "total_iters": 8},
    ),
    ("polynomial", {"lr": 0.1, "steps": 9, "power": 2.0}, "PolynomialLR", {"total_iters": 9, "power": 2.0}),
    (
        "cosine_restarts",
        {"lr": 0.1, "steps": 4, "factor": 2, "end": 0.01},
        "CosineAnnealingWarmRestarts",
        {"T_0": 4, "T_mult": 2, "eta_min": 0.01},
    ),
    *(
        (
            "one_cycle",
            {"max_lr": 0.1, "steps": 19, "anneal": anneal, "three_phase": three, "pct_start": part},
            "OneCycleLR",
            {
                "max_lr": 0.1,
                "total_steps": 19,
                "anneal_strategy": anneal,
                "three_phase": three,
                "pct_start": part,
            },
        )
        for anneal in ("cos", "linear")
        for three in (False, True)
        for part in (0.1, 0.3, 0.45)
    ),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "config", "theirs", "their_config"), TORCH)
def test_as_pytorch(name, config, theirs, their_config):
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = getattr(torch.optim.lr_scheduler, theirs)(optimizer, **their_config)
    due = []
    for _ in range(19):
        due.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(due) < 19:
            scheduler.step()
    np.testing.assert_allclose(rates(schedule(name, **config), range(19)), due, rtol=1e-9, atol=1e-12)


@pytest.mark.oracle
def test_cosine_as_pytorch_until_its_end():
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12, eta_min=0.01)
    due = []
    for _ in range(13):
        due.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(
        rates(schedule("cosine", lr=0.1, steps=12, end=0.01), range(13)), due, rtol=1e-9
    )
