"""Range checks of arguments: what passes, what is refused, and what the message says."""

import math
import unicodedata
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core.checks import check_bool, check_choice, check_float, check_int, check_shape
from npdl_core.dtypes import check_dtype
from npdl_core.errors import ConfigError, printable


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3)])
def test_integers(value):
    found = check_int("n", value, 1, 5)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize(
    "value",
    [True, np.True_, 3.0, "3", None, [3], np.float64(3), np.array([3]), np.array(True), 0, 6, 10**40],
)
def test_no_integers_in_range(value):
    with pytest.raises(ConfigError, match="n must be an integer at least 1 and at most 5, got"):
        check_int("n", value, 1, 5)


def test_unbounded_integers():
    assert check_int("n", -(10**40)) == -(10**40)
    with pytest.raises(ConfigError, match=r"n must be an integer, got"):
        check_int("n", 1.5)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.array(0.5), Fraction(1, 2), Decimal("0.5")])
def test_numbers(value):
    found = check_float("p", value, 0, 1)
    assert (found, type(found)) == (0.5, float)


@pytest.mark.parametrize(
    "value",
    [True, np.True_, "0.5", b"1", None, [0.5], 1j, np.array([0.5]), math.nan, math.inf, -0.1, 1.1, 10**400],
)
def test_no_numbers_in_range(value):
    with pytest.raises(ConfigError, match="p must be a finite number at least 0 and at most 1, got"):
        check_float("p", value, 0, 1)


def test_bounds():
    assert check_float("p", 0, 0, 1) == 0
    assert check_float("p", math.inf, 0, finite=False) == math.inf
    for value, options in ((0, {"above": True}), (1, {"below": True})):
        with pytest.raises(ConfigError, match=r"above 0|below 1"):
            check_float("p", value, 0, 1, **options)
    with pytest.raises(ConfigError, match="a number at least 0"):
        check_float("p", math.nan, 0, finite=False)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_passes(value):
    assert check_float("p", value) == value


@pytest.mark.parametrize("value", [True, False, np.True_])
def test_booleans(value):
    found = check_bool("b", value)
    assert (found, type(found)) == (bool(value), bool)


@pytest.mark.parametrize("value", [0, 1, "True", None, [], np.array([True])])
def test_no_booleans(value):
    with pytest.raises(ConfigError, match="b must be True or False, got"):
        check_bool("b", value)


def test_choices():
    assert check_choice("c", "mean", ("mean", "sum")) == "mean"
    for value in ("Mean", None, 1, ["mean"], ""):
        with pytest.raises(ConfigError, match=r"c must be one of 'mean', 'sum', got"):
            check_choice("c", value, ("mean", "sum"))


def test_shapes():
    assert check_shape("s", [3, np.int64(4)]) == (3, 4)
    assert check_shape("s", (None, 4), unknown=True) == (None, 4)
    assert check_shape("s", (0,), minimum=0) == (0,)
    assert check_shape("s", ()) == ()
    for value in ((0,), (None, 3), (2.5,), (True,), "34", b"34", 3, None, {3, 4}):
        with pytest.raises(ConfigError, match=r"^s"):
            check_shape("s", value)
    with pytest.raises(ConfigError, match=r"s\[1\] must be an integer at least 1"):
        check_shape("s", (3, -4))


def test_messages_are_safe_to_show():
    with pytest.raises(ConfigError) as caught:
        check_int("n", "\x1b[31m" + "x" * 10_000)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", ["float32", np.float64, np.dtype("float32"), "f8", float, ">f4", "<f8"])
def test_dtypes(value):
    found = check_dtype(value)
    assert found in (np.dtype("float32"), np.dtype("float64"))
    assert found.isnative
    assert found.name == np.dtype(value).name


@pytest.mark.parametrize("value", ["float16", int, "never heard of", object, 3, None, [("x", "f4")], "\x1b"])
def test_other_dtypes(value):
    with pytest.raises(ConfigError, match="one of float32, float64, got") as caught:
        check_dtype(value)
    assert "\x1b" not in str(caught.value)


@given(st.text(max_size=300))
def test_printable_text_has_no_control_characters(text):
    shown = printable(text, 50)
    assert not any(unicodedata.category(char)[0] == "C" for char in shown)
    assert printable(shown, 10**6) == shown  # nothing is left to escape


def test_printable_text_is_cut():
    assert printable("x" * 300, 50) == "x" * 49 + "…"
    assert printable("x" * 50, 50) == "x" * 50
    assert len(printable("\x00" * 50, 50)) == 50  # escapes count
    assert len(printable("\U000e0001" * 10**6, 50)) == 50
    assert printable("a\u202eb\n") == "a\\u202eb\\n"
