"""Tables from delimited text files."""

import gzip
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npdl_core import registry
from npdl_core.errors import BudgetError, ConfigError, DataError, StateError
from npdl_data.columns import ClassColumn
from npdl_data.formats import bounded


@pytest.fixture
def table(tmp_path):
    def write(text, wrap=bytes):
        path = tmp_path / "table.csv"
        path.write_bytes(wrap(text.encode()))
        return str(path)

    return write


def make(path, **config):
    return registry.get("datasets", "csv", path=path, **{"test_split": 0, "shuffle": False} | config)


def test_numbers_and_labels(csv_file):
    data = make(csv_file, test_split=0.25)
    (X, Y), (X_test, Y_test) = data.load()
    assert X.dtype == np.float32
    assert X.tolist() == [[row, row * row] for row in range(9)]
    assert Y.tolist() == [0, 1, 2] * 3
    assert Y.dtype == np.int64
    assert X_test.tolist() == [[9, 81], [10, 100], [11, 121]]
    assert Y_test.tolist() == [0, 1, 2]
    assert data.classes == ("a", "b", "c")


def test_rows_stay_whole_when_shuffled(csv_file):
    (X, Y), (X_test, Y_test) = registry.get("datasets", "csv", path=csv_file, test_split=0.25).load()
    X, Y = np.concatenate([X, X_test]), np.concatenate([Y, Y_test])
    assert X[:, 0].tolist() != list(range(12))
    assert sorted(X[:, 0]) == list(range(12))
    assert np.array_equal(X[:, 1], X[:, 0] ** 2)
    assert np.array_equal(Y, X[:, 0] % 3)


@pytest.mark.parametrize(
    ("target", "columns", "expected"),
    [
        (-1, None, [[1, 2, 3]]),
        ("d", None, [[1, 2, 3]]),
        (3, [0, -2], [[1, 3]]),
        (["d"], ["c", "a"], [[3, 1]]),
        (0, None, [[2, 3, 4]]),
        ("b", ["a"], [[1]]),
    ],
)
def test_columns_by_name_and_by_index(table, target, columns, expected):
    (X, _), _ = make(table("a,b,c,d\n1,2,3,4\n"), target=target, columns=columns).load()
    assert X.tolist() == expected


def test_several_targets_of_a_regression(table):
    data = make(
        table("a;b;c\n1,5;2;3\n4;5;6\n".replace(",", ".")), task="regression", target=["c", 0], delimiter=";"
    )
    (X, Y), _ = data.load()
    assert X.tolist() == [[2], [5]]
    assert Y.tolist() == [[3, 1.5], [6, 4]]
    assert Y.dtype == np.float32
    assert data.classes == ()


def test_float64_is_honoured(table):
    path = table("0.1,0.2,0.3\n1,2,3\n")
    (X, Y), _ = make(path, task="regression", dtype="float64", scale="unit").load()
    assert X.dtype == Y.dtype == np.float64
    assert X[0].tolist() == [0.1, 0.1]
    assert Y[0, 0] == 0.3


@pytest.mark.parametrize(
    ("text", "header", "n_rows"),
    [
        ("a,b\n1,2\n", None, 1),
        ("1,2\n1,2\n", None, 2),
        ("1.5,apple\n2.5,pear\n", None, 2),
        ("2001,2002\n1,2\n", True, 1),
        ("1,apple\n2,pear\n", False, 2),
    ],
)
def test_the_header(table, text, header, n_rows):
    (X, _), _ = make(table(text), header=header).load()
    assert X.shape == (n_rows, 1)


@pytest.mark.parametrize("wrap", [bytes, gzip.compress, lambda data: b"\xef\xbb\xbf" + data])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_forms_of_the_file(table, wrap, end):
    lines = ['"length, in cm",kind', "", '1,"say ""x"""', " 2 , b ", "3,b"]
    data = make(table(end.join(lines), wrap), columns=["length, in cm"])
    (X, Y), _ = data.load()
    assert X.tolist() == [[1], [2], [3]]
    assert data.classes == ("b", 'say "x"')
    assert Y.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("labels", "ids", "classes"),
    [
        (["10", "9", "10", "-1"], [2, 1, 2, 0], ("-1", "9", "10")),
        (["1", "1.0", "2"], [0, 0, 1], ("1", "2")),
        (["10", "9", "x"], [0, 1, 2], ("10", "9", "x")),
        (["yes", "no", "yes"], [1, 0, 1], ("no", "yes")),
        (["inf", "1", "inf"], [1, 0, 1], ("1", "inf")),
    ],
)
def test_labels_in_numerical_or_text_order(table, labels, ids, classes):
    data = make(table("x,y\n" + "".join(f"0,{label}\n" for label in labels)))
    (_, Y), _ = data.load()
    assert Y.tolist() == ids
    assert data.classes == classes


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1))
def test_integer_labels_keep_their_order(labels):
    column = ClassColumn()
    for label in labels:
        column.add(str(label), "here")
    ids, classes = column.finish("here")
    assert [int(classes[row]) for row in ids] == labels
    assert classes == tuple(str(label) for label in sorted(set(labels)))


def test_one_hot(csv_file):
    (_, Y), (_, Y_test) = make(csv_file, one_hot=True, test_split=0.25).load()
    assert Y.shape == (9, 3)
    assert Y_test.tolist() == np.eye(3).tolist()


def test_classes_are_known_after_loading(csv_file):
    with pytest.raises(StateError, match=r"after load\(\)"):
        _ = make(csv_file).classes


@pytest.mark.parametrize(
    ("text", "config", "message"),
    [
        ("", {}, "no rows"),
        ("\n\n", {}, "no rows"),
        ("a,b\n", {}, "no rows after the header"),
        ("a,b\n1,2\n3\n", {}, "line 3: 1 cells, the first row has 2"),
        ("a,b\n1,2\n\n3,4,5\n", {}, "line 4: 3 cells, the first row has 2"),
        ("a,b\n1,2\nx,4\n", {}, "line 3, column a: 'x' is not a finite number"),
        ("1,2\n,4\n", {}, "line 2, column 0: '' is not a finite number"),
        ("1,2\nnan,4\n", {}, "line 2, column 0: 'nan' is not a finite number"),
        ("1,2\n1e999,4\n", {}, "line 2, column 0: '1e999' is not"),
        ("a,b\n1,\n", {}, "line 2: an empty class label"),
        ("a,b\n1,2.5\n", {}, "task='regression'"),
        ("a,b\n1,x\n", {"task": "regression"}, "line 2, column b: 'x' is not"),
        ("a,b\n1,2\n", {"target": "c"}, "no column named 'c'; the columns are a, b"),
        ("a,a\n1,2\n", {"target": "a"}, "more than one column named 'a'"),
        ("1,2\n", {"target": "a"}, "no column named 'a'; the columns are 0, 1"),
        ("a,b\n1,2\n", {"target": 2}, "no column 2, there are 2"),
        ("a,b\n1,2\n", {"target": -3}, "no column -3, there are 2"),
        ("a,b\n1,2\n", {"target": ["a", 0], "task": "regression"}, "a column is given twice"),
        (
            "a,b\n1,2\n",
            {"columns": ["a", "b"]},
            "a target column is also a feature column; the columns are a, b",
        ),
        ("a\n1\n", {}, "there are no feature columns; the columns are a"),
        ('a,b\n"1,2\n', {}, "line 2: unexpected end of data"),
        ('a,b\n1,"2"x\n', {}, "line 2: "),
        ("a,b\n1,2\n\0,4\n", {}, r"line 3, column a: '\\x00' is not"),
        ("a,b\n\x1b[31m,4\n", {}, r"line 2, column a: '\\x1b\[31m' is not"),
        ("a,b\n1," + "x" * 200_000 + "\n", {}, "field larger than field limit"),
        ("a,b\n1,2\n", {"test_split": 0.5}, "1 samples and test_split=0.5 leave no test sample"),
        ("a,b\n1,2\n", {"max_bytes": 7}, "8 bytes, which is more than the allowed 7"),
    ],
)
def test_tables_with_a_fault(table, text, config, message):
    with pytest.raises(DataError, match=message):
        make(table(text), **config).load()


def test_a_file_that_is_not_utf_8(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(DataError, match="not UTF-8 text"):
        make(path).load()


def test_a_compressed_file_may_hold_no_more_than_a_plain_one(table):
    path = table("1,a long label\n" * 10_000, gzip.compress)
    assert os.path.getsize(path) < 1000
    assert len(make(path, max_bytes=150_000).load()[0][0]) == 10_000
    with pytest.raises(DataError, match="holds more than the allowed 149999 bytes"):
        make(path, max_bytes=149_999).load()


def test_the_numbers_may_take_no_more_than_the_limit(table):
    path = table("1,2\n" * 1000)
    with pytest.raises(BudgetError, match="raise max_bytes"):
        make(path, max_bytes=7999, task="regression").load()


def test_a_line_may_not_be_endless(table, monkeypatch):
    monkeypatch.setattr(bounded, "MAX_LINE", 100)
    with pytest.raises(DataError, match="a line of 100 characters or more"):
        make(table("1," * 60)).load()


def test_labels_may_not_be_endless(table, monkeypatch):
    monkeypatch.setattr("npdl_data.columns._MAX_CLASSES", 3)
    with pytest.raises(DataError, match="line 4: more than 3 different labels"):
        make(table("0,a\n0,b\n0,c\n0,d\n")).load()


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "locked"])
def test_paths_that_are_no_readable_file(tmp_path, kind, monkeypatch):
    path = tmp_path / "table.csv"
    message = {"missing": "no such file", "folder": "not a regular file", "fifo": "not a regular file"}
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "locked":
        path.touch()
        monkeypatch.setattr(type(path), "open", _refuse)
    with pytest.raises(DataError, match=message.get(kind, "cannot be opened: Permission denied")):
        make(path).load()


def _refuse(*_):
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"target": ["a", "b"]}, "target must be one column for classification, got 2"),
        ({"task": "regression", "one_hot": True}, "one_hot must be False for regression"),
    ],
)
def test_arguments_that_do_not_fit_together(config, message):
    with pytest.raises(ConfigError, match=message):
        make("table.csv", **config)


@given(st.binary(max_size=300))
def test_any_bytes_load_or_fail_with_our_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "table.csv"
    path.write_bytes(content)
    try:
        (X, Y), _ = make(path).load()
    except (DataError, BudgetError):
        return
    assert len(X) == len(Y) > 0
