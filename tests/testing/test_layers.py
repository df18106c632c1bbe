"""The kit accepts right layers, and rejects each planted defect by the name of the property it breaks."""

import pytest
from mutants_of_steps import MUTANTS as STEPS
from mutants_of_use import MUTANTS as USE
from right_layers import (
    Affine,
    Bags,
    Carry,
    CarryOnly,
    Centred,
    Fast,
    Foreign,
    Gated,
    Lookup,
    Noisy,
    Pair,
    Pairs,
    Pictures,
    Reads,
    Scan,
    Signals,
    Weighted,
)

from npdl_core.errors import ConfigError, ConformanceError
from npdl_core.testing import check_layer
from npdl_core.testing.layers import PROPERTIES

MUTANTS = [*STEPS, *USE]
BEFORE_ANY_INPUT = {
    "connects",
    "subject_connects",
    "unknown_sizes_are_clear_errors",
}
FOREIGN_SKIPS = {"inference_writes_nothing", "training_survives_inference", "inference_in_threads"}
ACCEPTED = [
    Affine,
    Bags,
    Carry,
    CarryOnly,
    Centred,
    Fast,
    Gated,
    Lookup,
    Noisy,
    Pair,
    Pairs,
    Pictures,
    Reads,
    Scan,
    Signals,
    Weighted,
]


@pytest.mark.parametrize("cls", ACCEPTED)
def test_right_layers_are_accepted(cls):
    held = check_layer(cls)
    assert held == tuple(check.__name__ for check in PROPERTIES)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_layer_outside_the_base_is_accepted(dtype):
    held = check_layer(Foreign(dtype), skip=FOREIGN_SKIPS)
    assert {"gradients", "empty_batch", "backward_overwrites"} <= set(held)


def test_a_class_of_a_function_is_not_pickled():
    class Local(Affine):
        """Pickle does not find it."""

    assert "copies_are_equal_and_apart" in check_layer(Local)


def test_names_envelopes_and_instances():
    for spec in ("linear", {"name": "linear", "config": {}}):
        assert check_layer(spec, config={"n_out": 2}, input_shape=(None, 3))
    pattern = Affine(2, 3.0)
    assert check_layer(pattern, input_shape=(None, 3))
    assert pattern.out_shape is None  # it is never used itself


def test_inputs_are_drawn_as_told():
    seen = []

    class Watching(Affine):
        """Keeps what it is fed with."""

        def forward(self, input, train=True):
            seen.append(input)
            return super().forward(input, train)

    def make(rng, shape):
        return rng.uniform(5, 6, shape)

    check_layer(Watching, input_shape=(None, 3), input_range=(-2.0, -1.0))
    assert max(x.max() for x in seen if x.size) < -0.9
    seen.clear()
    check_layer(Watching, input_shape=(None, 3), make_input=make)
    assert min(x.min() for x in seen if x.size) > 4.9
    assert {x.dtype.name for x in seen} == {"float32", "float64"}


def test_ids_are_drawn_as_told():
    class Plain(Lookup):
        """Does not say that its inputs are ids."""

        integer_input = False

    assert check_layer(Plain, integer=True, input_range=(1, 4), input_shape=(None, 3))
    assert check_layer(Plain, integer=True, make_input=lambda rng, shape: rng.integers(0, 5, shape))


def test_what_does_not_apply_may_be_skipped_by_name():
    held = check_layer(Centred, per_sample=False, skip=["gradients"])
    assert "gradients" not in held
    with pytest.raises(ConfigError, match="no property 'gradient'"):
        check_layer(Centred, skip=["gradient"])


class Optional(Affine):
    """Takes an argument with every call."""

    def forward(self, input, train=True, *, shift=None):
        return super().forward(input, train) + shift


def test_options_are_handed_on():
    assert check_layer(Optional, options={"shift": 1.0})
    with pytest.raises(ConformanceError):
        check_layer(Optional)


@pytest.mark.parametrize(("name", "cls", "arguments"), MUTANTS)
def test_mutants_are_rejected(rejected, name, cls, arguments):
    text = rejected("layers", name, cls, lambda: check_layer(cls, **arguments))
    assert cls.__name__ in text
    assert "\n  expected: " in text
    assert "\n  got: " in text
    # Whoever cannot be connected is fed with nothing.
    assert ("input shape: " in text and "seed: " in text) or name in BEFORE_ANY_INPUT


def test_every_property_has_a_mutant():
    common = {"documented", "constructor_takes_named_arguments", "constructor_does_no_io"}
    common |= {"constructor_allocates_nothing", "config_round_trip"}  # test_common.py has theirs
    assert {param.values[0] for param in MUTANTS} == {check.__name__ for check in PROPERTIES} - common | {
        "subject_connects"
    }
