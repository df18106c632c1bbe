"""The kit accepts right layers, and rejects each planted defect by the name of the property it breaks."""

import pytest
from mutants_of_steps import MUTANTS as STEPS
from mutants_of_use import MUTANTS as USE
from right_layers import Affine, Centred, Fast, Foreign, Gated, Lookup, Noisy, Pair, Reads, Scan, Weighted

from npdl_core.errors import ConformanceError
from npdl_core.testing import check_layer
from npdl_core.testing.layers import PROPERTIES

MUTANTS = [*STEPS, *USE]
FOREIGN_SKIPS = {"inference_writes_nothing", "training_survives_inference", "inference_in_threads"}
ACCEPTED = [Affine, Fast, Weighted, Noisy, Centred, Pair, Gated, Scan, Lookup, Reads]


@pytest.mark.parametrize("cls", ACCEPTED)
def test_right_layers_are_accepted(cls):
    held = check_layer(cls)
    assert held == tuple(check.__name__ for check in PROPERTIES)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_layer_outside_the_base_is_accepted(dtype):
    held = check_layer(Foreign(dtype), skip=FOREIGN_SKIPS)
    assert {"gradients", "empty_batch", "backward_overwrites"} <= set(held)


@pytest.mark.parametrize(("name", "cls", "arguments"), MUTANTS)
def test_mutants_are_rejected(name, cls, arguments):
    with pytest.raises(ConformanceError) as caught:
        check_layer(cls, **arguments)
    assert caught.value.property_name == name, str(caught.value)
    assert cls.__name__ in str(caught.value)


def test_every_property_has_a_mutant():
    common = {"documented", "constructor_takes_named_arguments", "constructor_does_no_io"}
    common |= {"constructor_allocates_nothing", "config_round_trip"}  # test_common.py has theirs
    assert {param.values[0] for param in MUTANTS} == {check.__name__ for check in PROPERTIES} - common
