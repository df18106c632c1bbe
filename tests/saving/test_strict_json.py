"""JSON without surprises."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core.errors import FileFormatError, SerializationError
from npdl_core.saving import strict_json
from npdl_core.saving.strict_json import MAX_DEPTH, dumps, loads, normalized

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_round_trip(value):
    text = dumps(value)
    assert loads(text, "x") == value
    assert loads(text.encode(), "x") == value
    assert dumps(loads(text, "x")) == text
    assert normalized(value, "x") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[1] 2", "not valid JSON"),
        ("'a'", "not valid JSON"),
        ('{"a": 1,}', "not valid JSON"),
        ("\ufeff{}", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        ('{"a": 1, "a": 2}', "key 'a' comes twice"),
        ('[{"b": {"a": 1, "c": 2, "a": 1}}]', "key 'a' comes twice"),
        ("NaN", "NaN is not a JSON number"),
        ("[Infinity]", "Infinity is not"),
        ("-Infinity", "-Infinity is not"),
        ("1e999", "1e999 is too large"),
        ("-1e999", "too large"),
        ("1" * 41, "an integer of 41 digits"),
        ("1" * 10**6, "an integer of 1000000 digits"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested more than 64 deep"),
        ('{"a":' * 100_000, "nested more than"),
        ("[" * 100_000, "nested more than"),
        ('"\x00"', "not valid JSON"),
        ('{"a\x1b[31m": 1, "a\x1b[31m": 2}', "not valid JSON"),
        ('{"a\\u001b": 1, "a\\u001b": 2}', r"'a\\x1b' comes twice"),
    ],
)
def test_refused(text, message):
    with pytest.raises(FileFormatError, match=message):
        loads(text, "what")


def test_depth_counts_brackets_not_strings():
    assert loads("[" * MAX_DEPTH + "]" * MAX_DEPTH, "x") is not None
    text = json.dumps(["[{" * 1000, '"[[[', "\\[[[", {"]": "}"}])
    assert loads(text, "x") == json.loads(text)


def test_size(monkeypatch):
    monkeypatch.setattr(strict_json, "MAX_BYTES", 10)
    assert loads("[1, 2, 3]", "x") == [1, 2, 3]
    with pytest.raises(FileFormatError, match="what: 11 bytes of JSON are more than the allowed 10"):
        loads("[1, 2, 333]", "what")


@pytest.mark.parametrize(
    "text",
    [
        '"' + '\\"' * 2_000_000,
        '"' * 1_000_001,
        "\\" * 2_000_000,
        '"' + "\\" * 2_000_001,
        "{" + ",".join(f'"{k}":0' for k in range(200_000)) + ',"199999":0}',
        "[" + "{},"[0:2] * 1_000_000,
        "0" * 4_000_000,
        "-" * 4_000_000,
    ],
    ids=["escapes", "quotes", "backslashes", "open string", "last key twice", "braces", "zeros", "minuses"],
)
def test_hostile_texts_take_no_time(text):
    start = time.perf_counter()
    with pytest.raises(FileFormatError):
        loads(text, "x")
    assert time.perf_counter() - start < 5


def endless():
    value = []
    value.append(value)
    return value


def deep():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "make",
    [
        lambda: float("nan"), lambda: [float("inf")], lambda: {1, 2}, object, lambda: b"x", lambda: print,
        endless, deep, lambda: {(1, 2): 3}, lambda: 10**5000,
    ],
)  # fmt: skip
def test_what_cannot_be_written(make):
    value = make()
    with pytest.raises(SerializationError, match="not JSON"):
        dumps(value)
    with pytest.raises(FileFormatError, match="what: not JSON"):
        normalized(value, "what")


def test_normalized_is_new_and_plain():
    given = {"a": (1, 2), "b": {"c": []}}
    found = normalized(given, "x")
    assert found == {"a": [1, 2], "b": {"c": []}}
    assert found["b"] is not given["b"]
    with pytest.raises(FileFormatError, match="comes twice"):
        normalized({1: 0, "1": 0}, "x")
    with pytest.raises(FileFormatError, match="nested more than"):
        normalized([[[[]]]] if MAX_DEPTH < 4 else json.loads("[" * 70 + "]" * 70), "x")
