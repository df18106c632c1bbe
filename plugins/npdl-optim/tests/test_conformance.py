"""Every optimizer and schedule of the package through the conformance kit."""

import pytest

import npdl_optim.kernels  # noqa: F401 - declares the kernels
from npdl_core.testing import cases, check_table

CONSTANT = {"name": "constant", "config": {"lr": 0.1, "per": "epoch"}}
COSINE = {"name": "cosine", "config": {"lr": 0.1, "steps": 7}}


def configs(*found):
    return [{"config": config} for config in found]


TABLE = {
    "optimizers": {
        "momentum": configs({}, {"momentum": 0.0}, {"nesterov": True}),
        "nesterov_momentum": {},
        "ema_momentum": configs({}, {"damping": 0.2, "nesterov": True}),
        "adagrad": {},
        "rmsprop": configs({}, {"centered": True}, {"momentum": 0.9}, {"centered": True, "momentum": 0.9}),
        "adadelta": {},
        "adam": configs({}, {"clip": 0.5}, {"weight_decay": 0.1, "decoupled": True}),
        "adamw": configs({}, {"clip_norm": 0.5}),
        "amsgrad": {},
        "adamax": {},
        "nadam": {},
        "radam": configs({}, {"beta2": 0.5}, {"beta2": 0.9}),
        "lion": configs({}, {"decoupled": False, "weight_decay": 0.1}),
        "lamb": configs({}, {"weight_decay": 0.1}),
        "lookahead": configs({"optimizer": "adam"}, {"k": 2, "alpha": 1.0}),
        "ema": configs({"optimizer": "adam"}, {"optimizer": {"name": "lookahead", "config": {"k": 2}}}),
        "accumulate": configs({"optimizer": "adam", "steps": 1}),
        "gradient_noise": configs({"optimizer": "adam", "seed": 3}),
        "max_norm": configs({"optimizer": "adam"}, {"max_norm": 0.5, "axis": -1}),
    },
    "schedules": {
        "inverse_time": configs(
            {"lr": 0.1, "decay_rate": 0.5}, {"lr": 0.1, "decay_rate": 0.5, "staircase": True}
        ),
        "exponential": configs(
            {"lr": 0.1, "decay_rate": 0.9}, {"lr": 0.1, "decay_rate": 0.5, "per": "epoch"}
        ),
        "step": configs({"lr": 0.1, "step_size": 3}),
        "piecewise": configs(
            {"boundaries": [2, 5], "values": [0.1, 0.05, 0.0]}, {"boundaries": [], "values": [1]}
        ),
        "polynomial": configs({"lr": 0.1, "steps": 7, "end": 0.01, "power": 2}),
        "linear": configs({"lr": 0.1, "steps": 7}),
        "linear_saturate": configs({"lr": 0.1}),
        "cosine": configs({"lr": 0.1, "steps": 7, "end": 0.01}),
        "cosine_restarts": configs(
            {"lr": 0.1, "steps": 3}, {"lr": 0.1, "steps": 3, "factor": 2, "decay": 0.5}
        ),
        "one_cycle": configs({"max_lr": 0.1, "steps": 10}, {"max_lr": 0.1, "steps": 10, "three_phase": True}),
        "warmup": configs(
            {"schedule": 0.1, "steps": 4},
            {"schedule": CONSTANT, "steps": 4},
            {"schedule": COSINE, "steps": 1},
        ),
    },
    "kernels": {"adagrad_step": {}, "adam_step": {}, "rmsprop_step": {}},
}


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_component(case):
    assert case.check()


def test_every_component_is_in_the_table():
    check_table("npdl-optim", TABLE)
