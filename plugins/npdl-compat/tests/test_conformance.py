"""Every component of npdl-compat by its name, through the conformance kit."""

import pytest

from npdl_core.testing import cases, check_table


def layer(**config):
    return {"config": {"n_out": 3, **config}, "input_shape": (None, None, 4)}


FORMS = [layer(), layer(return_sequence=True)]

TABLE = {
    "layers": {"numpydl_gru": FORMS, "numpydl_lstm": FORMS, "numpydl_batch_lstm": FORMS},
    "metrics": {"numpydl_accuracy": {}},
}


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_component(case):
    case.check()


def test_every_component_is_here():
    check_table("npdl-compat", TABLE)
