"""Every kernel of npdl-numba by its name, through the conformance kit."""

from importlib import import_module

import pytest

from npdl_core.testing import cases, check_table
from npdl_numba import affine, convolution, coverage, losses, pooling, recurrent, weights

OWNERS = {
    **dict.fromkeys([*recurrent.__all__, *weights.__all__], "npdl_rnn"),
    **dict.fromkeys([*affine.__all__, *losses.__all__, "momentum_step", "sgd_step"], "npdl_core"),
    **dict.fromkeys([*convolution.__all__, *pooling.__all__], "npdl_conv"),
    **dict.fromkeys(["adagrad_step", "adam_step", "rmsprop_step"], "npdl_optim"),
}
TABLE = {"kernels": {name: {} for name in OWNERS}}


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_component(case, monkeypatch):
    for name in ("MIN_WORK", "MIN_PRODUCT"):
        monkeypatch.setattr(coverage, name, 0)
    for name in ("MIN_NUMBERS", "MIN_ROWS"):
        monkeypatch.setattr(coverage, name, 1)
    owner = OWNERS[case.name]
    pytest.importorskip(owner, reason=f"{case.name} is declared by {owner}")
    import_module(f"{owner}.kernels")
    case.check()


def test_every_component_is_here():
    check_table("npdl-numba", TABLE)
