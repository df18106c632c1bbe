"""The sets that scikit-learn ships: known facts and what the arguments do."""

import sys

import numpy as np
import pytest
from sklearn import datasets as reference

from npdl_core import registry
from npdl_core.errors import MissingDependencyError

FACTS = {
    "iris": ((150, 4), [50, 50, 50]),
    "wine": ((178, 13), [59, 71, 48]),
    "breast_cancer": ((569, 30), [212, 357]),
    "digits": ((1797, 64), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
}


def load(name, **config):
    return registry.get("datasets", name, **config).load()


@pytest.mark.parametrize("name", FACTS)
def test_shapes_and_class_counts(name):
    (X, Y), (X_test, Y_test) = load(name, test_split=0)
    shape, counts = FACTS[name]
    assert X.shape == shape
    assert X.dtype == np.float32
    assert Y.dtype == np.int64
    assert np.bincount(Y).tolist() == counts
    assert X_test.shape == (0, shape[1])
    assert Y_test.shape == (0,)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_classes_are_in_the_order_of_the_ids(name):
    names = getattr(reference, f"load_{name}")().target_names
    assert registry.resolve("datasets", name).classes == tuple(names)


@pytest.mark.parametrize("name", FACTS)
def test_unscaled_and_unshuffled_it_is_the_source(name):
    (X, Y), (X_test, Y_test) = load(name, scale="none", shuffle=False)
    data, target = getattr(reference, f"load_{name}")(return_X_y=True)
    assert np.array_equal(np.concatenate([X, X_test]), data.astype(np.float32))
    assert np.array_equal(np.concatenate([Y, Y_test]), target)


def test_digits_are_numpydl_s():
    (X, Y), (X_test, Y_test) = load("digits")
    assert len(X) == len(Y) == 1618
    assert len(X_test) == len(Y_test) == 179
    assert X.min() == 0
    assert X.max() == 1
    data, target = reference.load_digits(return_X_y=True)
    assert np.array_equal(X_test * 16, data[-179:])
    assert np.array_equal(Y_test, target[-179:])


def test_digits_as_images_are_the_flat_ones_reshaped():
    (flat, _), _ = load("digits")
    (images, _), (images_test, _) = load("digits", flatten=False)
    assert images.shape == (1618, 1, 8, 8)
    assert images_test.shape == (179, 1, 8, 8)
    assert np.array_equal(images.reshape(1618, 64), flat)


def test_digits_standardised_by_one_mean_and_deviation():
    (X, _), _ = load("digits", scale="standard")
    assert abs(float(X.mean())) < 1e-4
    assert abs(float(X.std()) - 1) < 1e-4
    assert len(np.unique(X)) == 17


@pytest.mark.parametrize("name", ["digits", "iris"])
def test_one_hot_rows_are_the_labels(name):
    (_, Y), (_, Y_test) = load(name)
    (_, rows), (_, rows_test) = load(name, one_hot=True)
    assert rows.dtype == np.float32
    assert np.array_equal(rows.argmax(axis=1), Y)
    assert np.array_equal(rows_test.argmax(axis=1), Y_test)
    assert np.array_equal(rows.sum(axis=1), np.ones(len(Y)))


def test_the_default_shuffle_mixes_the_classes():
    _, (_, Y_test) = load("iris", test_split=0.2)
    assert set(Y_test) == {0, 1, 2}


def test_diabetes():
    (X, Y), (X_test, Y_test) = load("diabetes", scale="none", shuffle=False)
    data, target = reference.load_diabetes(return_X_y=True, scaled=False)
    assert np.array_equal(np.concatenate([X, X_test]), data.astype(np.float32))
    assert np.array_equal(np.concatenate([Y, Y_test])[:, 0], target)
    assert (Y.min(), Y.max()) == (25, 346)
    assert Y.dtype == np.float32
    (scaled, _), _ = load("diabetes")
    assert np.allclose(scaled.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(scaled.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("name", [*FACTS, "diabetes"])
def test_without_scikit_learn_the_error_has_the_install_line(name, monkeypatch):
    dataset = registry.get("datasets", name)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingDependencyError, match="pip install scikit-learn"):
        dataset.load()
