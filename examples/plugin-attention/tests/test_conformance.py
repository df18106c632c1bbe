"""Every component by its name, through npdl's conformance kit."""

import pytest

from npdl_core.testing import cases, check_table

SEQUENCE = (None, None, 4)
TABLE = {
    "layers": {
        "dot_product_attention": [
            {"input_shape": SEQUENCE},
            {"input_shape": [SEQUENCE, (None, None, 4)], "config": {"causal": True}},
            {"input_shape": [SEQUENCE, SEQUENCE, (None, None, 3)]},
        ],
        "multi_head_attention": [
            {"input_shape": SEQUENCE, "config": {"n_out": 6, "n_heads": 2}},
            {"input_shape": SEQUENCE, "config": {"n_out": 6, "n_heads": 3, "causal": True}},
            {"input_shape": [SEQUENCE, (None, None, 3)], "config": {"n_out": 4, "n_heads": 4}},
            {"input_shape": [SEQUENCE, (None, None, 3), (None, None, 2)], "config": {"n_out": 2}},
            {"input_shape": [SEQUENCE], "config": {"n_out": 2, "use_bias": False}},
        ],
    }
}


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_component(case):
    assert {"gradients", "masked_gradients", "masked_steps_have_no_influence"} <= set(case.check())


def test_nothing_is_missing():
    check_table("npdl-attention", TABLE)
