"""Defaults of models that are made afterwards."""

import numpy as np
import pytest

from npdl_core.errors import ConfigError
from npdl_core.model import Model
from npdl_core.utils import defaults as module
from npdl_core.utils import get_dtype, get_rng, set_dtype, set_rng, set_seed


@pytest.fixture(autouse=True)
def restore(monkeypatch):
    """Leave the defaults as they were."""
    monkeypatch.setattr(module._Defaults, "rng", None)
    monkeypatch.setattr(module._Defaults, "dtype", "float32")


def model():
    return Model([{"name": "dense", "config": {"n_out": 3, "n_in": 2}}]).connect((None, 2))


def test_models_made_afterwards_are_reproducible():
    set_seed(4)
    first, second = model(), model()
    set_seed(4)
    again = model()
    np.testing.assert_array_equal(again.params[0], first.params[0])
    assert (second.params[0] != first.params[0]).any()


def test_the_generator():
    assert get_rng() is get_rng()
    own = np.random.default_rng(3)
    set_rng(own)
    assert get_rng() is own
    for wrong in (np.random, 3, None):
        with pytest.raises(ConfigError, match="default_rng"):
            set_rng(wrong)
    assert get_rng() is own


def test_the_dtype():
    before = model()
    set_dtype("float64")
    assert get_dtype() == "float64"
    assert model().params[0].dtype == "float64"
    assert before.params[0].dtype == "float32"  # models that exist never look here
    with pytest.raises(ConfigError, match="float32, float64"):
        set_dtype("float16")
    assert get_dtype() == "float64"


def test_numpys_own_generator_is_not_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002  it is only looked at
    set_seed(1)
    model()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("seed", [-1, 1.5, True, "1"])
def test_seeds_out_of_range(seed):
    with pytest.raises(ConfigError, match="seed"):
        set_seed(seed)
