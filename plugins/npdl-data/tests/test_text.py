"""Windows of text and their vocabulary."""

import codecs
import gzip
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core import registry
from npdl_core.errors import BudgetError, ConfigError, DataError, MissingDependencyError, StateError
from npdl_data.vocabulary import Vocabulary


def make(**config):
    return registry.get("datasets", "text", **config)


@pytest.fixture
def text_file(tmp_path):
    def write(text, encoding="utf-8", wrap=bytes):
        path = tmp_path / "text.txt"
        path.write_bytes(wrap(text.encode(encoding)))
        return str(path)

    return write


def test_each_character_is_an_input_once_and_followed_by_its_target(text_file):
    data = make(path=text_file("abcdefghijklmnopqrst"), window=4, test_split=0.25)
    (X, Y), (X_test, Y_test) = data.load()
    decode = data.vocabulary.decode
    assert [decode(x) for x in X] == ["abcd", "efgh", "ijkl"]
    assert [decode(y) for y in Y] == ["bcde", "fghi", "jklm"]
    assert X_test.shape == Y_test.shape == (1, 4)
    assert X.dtype == Y.dtype == np.int64
    # The tail's characters do not occur in the training part.
    assert not X_test.any()
    assert data.vocabulary.characters == "abcdefghijklmno"


def test_no_window_reaches_over_the_border(text_file):
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))
    data = make(path=text_file(text), window=7, step=1, test_split=0.2, reserve_zero=False)
    (X, Y), (X_test, Y_test) = data.load()
    assert len(data.vocabulary) == 300
    assert (X.min(), Y.max()) == (0, 239)
    assert (X_test.min(), Y_test.max()) == (240, 299)
    assert X.shape == (240 - 7, 7)
    assert X_test.shape == (60 - 7, 7)
    assert np.array_equal(Y, X + 1)


@pytest.mark.parametrize(("step", "n_windows"), [(None, 4), (1, 16), (3, 6), (100, 1)])
def test_windows_start_step_characters_apart(text_file, step, n_windows):
    data = make(path=text_file("abcdefghijklmnopqrst"), window=4, step=step, test_split=0, reserve_zero=False)
    (X, _), (X_test, Y_test) = data.load()
    assert X[:, 0].tolist() == [k * (step or 4) for k in range(n_windows)]
    assert X_test.shape == Y_test.shape == (0, 4)


def test_the_last_character_as_target(text_file):
    path = text_file("abcdefghijklmnopqrst")
    (X, Y), _ = make(path=path, window=4, target="last", reserve_zero=False, test_split=0).load()
    assert X.shape == (4, 4)
    assert Y.tolist() == [4, 8, 12, 16]
    _, (X_test, Y_test) = make(path=path, window=4, target="last", test_split=0).load()
    assert X_test.shape == (0, 4)
    assert Y_test.shape == (0,)


@pytest.mark.parametrize("target", ["sequence", "last"])
def test_one_hot_rows_are_the_ids(text_file, target):
    config = {"path": text_file("the cat sat on the mat " * 9), "window": 5, "target": target}
    ids, rows = make(**config).load(), make(one_hot=True, **config).load()
    for part, hot in zip(ids, rows, strict=True):
        for array, row in zip(part, hot, strict=True):
            assert row.shape == (*array.shape, 11)
            assert row.dtype == np.float32
            assert np.array_equal(row.argmax(axis=-1), array)


def test_shuffling_keeps_the_windows_and_the_test_part(text_file):
    path = text_file("".join(map(chr, range(33, 120))) * 3)
    plain, mixed = make(path=path, window=6).load(), make(path=path, window=6, shuffle=True).load()
    assert not np.array_equal(plain[0][0], mixed[0][0])
    assert sorted(map(tuple, np.hstack(plain[0]))) == sorted(map(tuple, np.hstack(mixed[0])))
    assert all(np.array_equal(a, b) for a, b in zip(plain[1], mixed[1], strict=True))


@pytest.mark.parametrize("one_hot", [False, True])
def test_in_streams_each_window_goes_on_at_its_place_in_the_next_batch(text_file, one_hot):
    text = "".join(chr(97 + index % 26) for index in range(103))
    config = {"path": text_file(text), "window": 4, "test_split": 0.2, "one_hot": one_hot}
    (X, Y), (X_test, _) = make(streams=3, **config).load()
    assert len(X) == 18  # of 20 windows
    assert len(X_test) == 3
    batches = X.reshape(6, 3, *X.shape[1:]), Y.reshape(6, 3, *Y.shape[1:])
    np.testing.assert_array_equal(batches[0][1:, :, 0], batches[1][:-1, :, -1])
    plain = make(**config).load()[0][0]
    np.testing.assert_array_equal(
        batches[0].transpose(1, 0, *range(2, X.ndim + 1)).reshape(X.shape), plain[:18]
    )


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"streams": 2, "shuffle": True}, ConfigError, "one after the other"),
        ({"streams": 2, "step": 3}, ConfigError, "one after the other"),
        ({"streams": 0}, ConfigError, "streams"),
        ({"streams": 30}, DataError, "not enough for 30 streams"),
    ],
)
def test_streams_that_cannot_be(text_file, config, error, message):
    with pytest.raises(error, match=message):
        make(path=text_file("abcd" * 20), window=4, **config).load()


def test_the_vocabulary_of_another_load_gives_the_same_ids(text_file):
    path = text_file("hello world, here is a text; " * 8)
    first = make(path=path, window=8)
    (X, _), _ = first.load()
    again = make(path=path, window=8, characters=first.vocabulary.characters, max_chars=100)
    (X_again, _), _ = again.load()
    assert np.array_equal(X_again, X[: len(X_again)])
    assert again.vocabulary == first.vocabulary


def test_a_character_without_an_id(text_file):
    path = text_file("abababab\x1b" * 3)
    (X, _), _ = make(path=path, window=8, test_split=0, step=9, characters="ab").load()
    assert X[0].tolist() == [1, 2, 1, 2, 1, 2, 1, 2]
    with pytest.raises(DataError, match=r"character '\\x1b' is not in the vocabulary; reserve_zero=True"):
        make(path=path, window=8, characters="ab", reserve_zero=False).load()


def test_the_default_is_python_s_help_text():
    data = make()
    (X, Y), (X_test, Y_test) = data.load()
    n_chars = X.size + X_test.size
    assert 300_000 < n_chars < 1_000_000
    assert X.shape[1:] == Y.shape[1:] == X_test.shape[1:] == Y_test.shape[1:] == (64,)
    assert abs(len(X_test) / (len(X) + len(X_test)) - 0.1) < 0.001
    assert 70 < len(data.vocabulary) < 200
    assert X.min() >= 1
    assert " the " in data.vocabulary.decode(X[:50].ravel())


def test_without_python_s_help_text(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(MissingDependencyError, match="give the path=… of a text file"):
        make().load()


def test_the_vocabulary_is_known_after_loading():
    with pytest.raises(StateError, match=r"after load\(\)"):
        _ = make().vocabulary


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("latin-1", "latin-1")],
)
@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
def test_encodings_and_line_ends(text_file, encoding, written, wrap):
    data = make(path=text_file("äöü\r\nß" * 20, written, wrap), encoding=encoding, window=5, test_split=0)
    (X, _), _ = data.load()
    assert data.vocabulary.decode(X[0]) == "äöü\nß"


@pytest.mark.parametrize(
    ("content", "config", "message"),
    [
        (b"", {}, "there are no characters"),
        (b"abc", {}, "3 samples and test_split=0.1 leave no test sample"),
        (b"abc" * 9, {}, "the training part has 25 characters, window=64 takes 65"),
        (b"abc" * 40, {}, "the test part has 12 characters, window=64 takes 65"),
        (b"abc\xff" * 99, {}, "not utf-8 text: .*0xff"),
        (b"abc\xff" * 99, {"encoding": "ascii"}, "not ascii text"),
        (b"abc", {"encoding": "utf-16"}, "not utf-16 text"),
        (codecs.BOM_UTF8 + b"abc" * 99, {"window": 3, "characters": "abc", "reserve_zero": False}, "ufeff"),
        (gzip.compress(b"abc" * 99, mtime=0)[:-9], {}, "cannot be read"),
        (b"\x1f\x8bnonsense", {}, "cannot be read"),
    ],
)
def test_files_that_are_no_such_text(tmp_path, content, config, message):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        make(path=str(path), **config).load()


def test_too_many_windows_are_refused_before_they_exist(text_file):
    path = text_file("abcdefgh" * 4000)
    with pytest.raises(BudgetError, match="27800 windows of 1000 characters would"):
        make(path=path, window=1000, step=1, one_hot=True).load()


def test_a_failed_load_leaves_the_vocabulary_as_it_was(text_file):
    data = make(path=text_file("abcdef" * 20), window=5)
    data.load()
    before = data.vocabulary
    text_file("xyz")
    with pytest.raises(DataError):
        data.load()
    assert data.vocabulary is before


@given(st.text(min_size=1), st.booleans())
def test_decoding_undoes_encoding(text, reserve_zero):
    vocabulary = Vocabulary("".join(sorted(set(text))), reserve_zero)
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert ids.min() >= reserve_zero
    assert ids.max() < len(vocabulary) == len(set(text)) + reserve_zero


@given(st.text(), st.lists(st.characters(), unique=True, min_size=1))
def test_ids_are_places_in_the_vocabulary(text, characters):
    ids = Vocabulary("".join(characters)).encode(text)
    assert ids.tolist() == [characters.index(char) + 1 if char in characters else 0 for char in text]


def test_the_reserved_id_reads_as_unknown():
    assert Vocabulary("ab").decode([1, 0, 2]) == "a\ufffdb"
    assert Vocabulary("ab").decode([]) == ""


@pytest.mark.parametrize(("reserve_zero", "ids"), [(True, [3]), (True, [-1]), (False, [2, 0])])
def test_an_id_out_of_range(reserve_zero, ids):
    with pytest.raises(DataError, match="expected 0 to"):
        Vocabulary("ab", reserve_zero).decode(ids)


@pytest.mark.parametrize("characters", ["", "aba"])
def test_a_vocabulary_needs_distinct_characters(characters):
    with pytest.raises(ConfigError, match="distinct characters"):
        Vocabulary(characters)
