"""Names, aliases and argument order, as the inventory of NumpyDL lists them."""

import inspect

import numpy as np
import pytest

import npdl_core
import npdl_optim
from npdl_core import registry
from npdl_core.builtin import FIRST_PARTY
from npdl_core.errors import ConfigError

BASE = ["lr", "clip", "decay", "lr_min", "lr_max"]
SHARED = ["clip_norm", "clip_param_norm", "weight_decay", "decoupled"]
FIRST = {
    "SGD": {},
    "Momentum": {"momentum": 0.9},
    "NesterovMomentum": {"momentum": 0.9},
    "Adagrad": {"epsilon": 1e-6},
    "RMSprop": {"rho": 0.9, "epsilon": 1e-6},
    "Adadelta": {"rho": 0.9, "epsilon": 1e-6},
    "Adam": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    "Adamax": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}
SPELLINGS = {
    "Momentum": ["momentum", "Momentum"],
    "NesterovMomentum": ["nesterov_momentum", "NesterovMomentum"],
    "Adagrad": ["adagrad", "Adagrad"],
    "RMSprop": ["rmsprop", "RMSprop"],
    "Adadelta": ["adadelta", "Adadelta"],
    "Adam": ["adam", "Adam"],
    "Adamax": ["adamax", "Adamax"],
}


@pytest.mark.parametrize(("name", "first"), FIRST.items())
def test_own_arguments_come_first_then_those_of_the_base(name, first):
    cls = registry.resolve("optimizers", name)
    parameters = inspect.signature(cls).parameters
    order = [
        key for key, parameter in parameters.items() if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    assert order == [*first, *BASE]
    assert {key: parameters[key].default for key in first} == first
    assert [parameters[key].default for key in BASE] == [0.001, -1, 0.0, 0.0, None]
    assert set(SHARED) <= set(parameters)


@pytest.mark.parametrize(("name", "spellings"), SPELLINGS.items())
def test_every_spelling_of_the_inventory(name, spellings):
    for spelling in spellings:
        assert registry.resolve("optimizers", spelling) is getattr(npdl_optim, name)
        assert getattr(npdl_core.optimizers, spelling) is getattr(npdl_optim, name)


@pytest.mark.parametrize(
    "name", sorted(set(npdl_optim.__all__) - {"Wrapper", "schedules", "clip_global_norm", "global_norm"})
)
def test_public_classes_are_registered_under_their_names(name):
    cls = getattr(npdl_optim, name)
    assert registry.resolve("optimizers", name) is cls
    assert registry.get("optimizers", cls().to_json()).config == cls().config


@pytest.mark.parametrize("name", npdl_optim.schedules.__all__)
def test_public_schedules_are_registered_under_their_names(name):
    assert registry.resolve("schedules", name) is getattr(npdl_optim.schedules, name)


def test_shared_arguments_are_part_of_the_configuration():
    optimizer = npdl_optim.Momentum(0.5, 0.1, clip_norm=2.0)
    assert list(optimizer.config) == ["momentum", *BASE, "nesterov", *SHARED]
    again = registry.get("optimizers", optimizer.to_json())
    assert (again.momentum, again.lr, again.clip_norm, again.config) == (0.5, 0.1, 2.0, optimizer.config)
    assert npdl_optim.AdamW().config["decoupled"] is True


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("momentum", {"momentum": 1.0}),
        ("momentum", {"momentum": -0.1}),
        ("nesterov_momentum", {"momentum": 0.0}),
        ("ema_momentum", {"damping": 1.1}),
        ("adagrad", {"epsilon": 0.0}),
        ("rmsprop", {"rho": 1.0}),
        ("rmsprop", {"centered": 1}),
        ("adadelta", {"epsilon": -1.0}),
        ("adam", {"beta1": 1.0}),
        ("adam", {"beta2": "0.9"}),
        ("nadam", {"momentum_decay": -1.0}),
        ("lion", {"beta2": 1.0}),
        ("adam", {"clip_norm": 0.0}),
        ("adam", {"weight_decay": -1.0}),
        ("adam", {"decoupled": 1}),
        ("adam", {"lr": -1.0}),
        ("adam", {"lr": float("nan")}),
        ("adam", {"weigth_decay": 0.1}),
        ("lookahead", {"k": 0}),
        ("lookahead", {"alpha": 0.0}),
        ("ema", {"decay": 1.0}),
        ("accumulate", {"steps": 0}),
        ("gradient_noise", {"eta": -1.0}),
        ("gradient_noise", {"seed": -1}),
        ("max_norm", {"max_norm": 0.0}),
        ("max_norm", {"axis": []}),
        ("max_norm", {"axis": 0.5}),
    ],
)
def test_arguments_are_checked(name, config):
    with pytest.raises(ConfigError):
        registry.get("optimizers", name, **config)


def test_a_misspelt_shared_argument_is_answered_with_the_right_one():
    with pytest.raises(ConfigError, match=r"weigth_decay.*did you mean 'weight_decay'"):
        registry.get("optimizers", "adam", weigth_decay=0.1)


@pytest.mark.parametrize("name", ["momentum", "adagrad", "rmsprop", "adadelta", "adam", "adamax"])
def test_decay_bounds_and_clip_work_in_every_optimizer(name):
    """NumpyDL's defects N26 to N28: a decay that grew, and settings that only sgd heeded."""
    optimizer = registry.get("optimizers", name, lr=0.1, decay=0.01, lr_min=0.098, lr_max=0.5)
    rates = []
    for _ in range(5):
        optimizer.update([np.zeros(1)], [np.ones(1)])
        rates.append(optimizer.current_lr())
    assert rates == pytest.approx([0.1 / 1.01, 0.1 / 1.02, 0.098, 0.098, 0.098])
    assert registry.get("optimizers", name, lr=0.5, lr_max=0.25).current_lr() == 0.25
    clipped, plain = np.zeros(2), np.zeros(2)
    for p, g, clip in ((clipped, [3.0, -0.1], 0.5), (plain, [0.5, -0.1], -1)):
        registry.get("optimizers", name, clip=clip).update([p], [np.array(g)])
    np.testing.assert_array_equal(clipped, plain)


@pytest.mark.parametrize("kind", ["optimizers", "schedules"])
def test_core_knows_which_package_to_install_for_each_name(kind):
    own = {name for name in registry.names(kind) if registry.providers(kind, name) == [f"npdl-optim:{name}"]}
    assert own == set(FIRST_PARTY["npdl-optim"][kind])
