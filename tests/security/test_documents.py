"""Hostile documents through every gate: from_json of text and of a dict, load, load_weights, resume.

Numbers are those of the list of threats.
"""

import copy
import json
from contextlib import suppress

import numpy as np
import pytest

from npdl_core import Graph, Model, load, registry
from npdl_core.errors import NpdlError
from npdl_core.saving import tensors
from npdl_core.saving.checkpoint import resume_from, save_checkpoint

BASE = {
    "format": 1,
    "requires": {"npdl-core": "0.1.0"},
    "dtype": "float32",
    "seed": 1,
    "input_shape": [None, 3],
    "layers": [
        {"name": "npdl-core:dense", "config": {"n_out": 4}},
        {
            "name": "npdl-core:residual",
            "config": {"layer": {"name": "npdl-core:dense", "config": {"n_out": 4}}},
        },
        {"name": "npdl-core:softmax", "config": {"n_out": 2}},
    ],
    "compile": {
        "loss": {"name": "npdl-core:softmax_categorical_cross_entropy", "config": {}},
        "optimizer": {"name": "npdl-core:sgd", "config": {"lr": 0.1}},
        "metrics": [{"name": "npdl-core:accuracy", "config": {}}],
    },
}


def changed(path, value):
    """Return the base document with the entry at a path (keys and indices) replaced."""
    document = copy.deepcopy(BASE)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


def replaced(layer):
    """Return the base document with another first layer."""
    return changed(("layers", 0), layer)


def dense(**config):
    return {"name": "dense", "config": {"n_out": 4, **config}}


SLOTS = {
    "layers": [
        ("layers", 0, "name"),
        ("layers", 1, "config", "layer"),
        ("layers", 1, "config", "layer", "name"),
    ],
    "activations": [("layers", 0, "config", "activation")],
    "initializers": [("layers", 0, "config", "init")],
    "objectives": [("compile", "loss"), ("compile", "loss", "name")],
    "optimizers": [("compile", "optimizer"), ("compile", "optimizer", "name")],
    "metrics": [("compile", "metrics", 0)],
    "schedules": [("compile", "optimizer", "config", "lr")],
}
PATHS = [path for paths in SLOTS.values() for path in paths]

CODE = [
    "builtins.eval",
    "builtins:eval",
    "__main__.f",
    "__main__:f",
    "os.system",
    "os:system",
    "subprocess:Popen",
    "npdl_core.layers.dense:Dense",
    "npdl_core.layers.dense.Dense",
    "../../etc/passwd",
    "/etc/passwd",
    "file:///etc/passwd",
    "https://example.org/x",
    "",
    " ",
    ".",
    ":",
    "::",
    ":dense",
    "dense:",
    "__class__",
    "npdl-core:__init__",
    "npdl-core:dense:x",
    "dense\x00",
    "\x1b[31mdense",
    "\u202edense",
    "x" * 10**6,
    "x" * 99,
    "not-installed:dense",
    "pip:main",
    "numpy:array",
    "local:dense",
    "Component",
    "names",
    "lambda x: x",
]
OTHER_KINDS = ["csv_logger", "model_checkpoint", "sgd", "dense", "accuracy", "mse", "relu", "glorot_uniform"]
NOT_NAMES = [
    3,
    True,
    None,
    1.5,
    [],
    {},
    [["dense"]],
    {"name": 3},
    {"ref": 1},
    {"ref": "x"},
    {"name": "x", "y": 1},
]


def label(path):
    return ".".join(map(str, path))


def cases():
    """Return every document that must be refused, by a description."""
    for path in PATHS:
        for name in CODE:
            yield f"1 {label(path)} = {name[:40]!r}", changed(path, name)
        for value in NOT_NAMES:
            if not (path[-1] == "lr" and value in (3, 1.5)):
                yield f"7 {label(path)} = {value!r}", changed(path, value)
    for kind, paths in SLOTS.items():
        for name in OTHER_KINDS:
            if name not in registry.names(kind):
                for path in paths:
                    yield f"2 {label(path)} = {name}", changed(path, name)
    for owner in ("npdl-nowhere", "evil", "../evil", "npdl-rnn\x1b[31m", ""):
        yield f"3 requires {owner!r}", changed(("requires", owner), "1.0")
        yield f"3 layer of {owner!r}", changed(("layers", 0, "name"), f"{owner}:dense")
    for key in (
        "safe_mode",
        "trust",
        "allow_code",
        "custom_objects",
        "module",
        "class_name",
        "registered_name",
    ):
        for value in (False, True, None, "None"):
            yield f"4 {key} = {value}", {**BASE, key: value}
        yield f"4 compile {key}", changed(("compile", key), None)
        yield f"4 config {key}", changed(("layers", 0, "config", key), None)
        yield f"4 envelope {key}", changed(("layers", 0, key), None)
    yield from arguments()
    yield from resources()
    yield from structures()


def arguments():
    """7: names and values of arguments."""
    for key in (
        "__class__",
        "__init__",
        "__dict__",
        "self",
        "name",
        "units",
        "dtype",
        "n_out\x1b[31m",
        "*",
        "",
        "rng",
    ):
        yield f"7 argument {key!r}", changed(("layers", 0, "config", key), 1)
    values = [True, "3", [3], {}, None, -1, 0, 1.5, 1e300, 10**12, 10**39, "x" * 10**6, {"name": "dense"}]
    for value in values:
        yield f"7 n_out = {str(value)[:30]}", changed(("layers", 0, "config", "n_out"), value)
    for value in (True, "0.1", [], {}, None, -0.1, 1e308 * -1):
        if value not in ({},):
            yield f"7 lr = {value!r}", changed(("compile", "optimizer", "config", "lr"), value)
    for value in (1, "yes", None, [True]):
        yield f"7 use_bias = {value!r}", replaced(dense(use_bias=value))
    for value in (1.0, -0.1, "0.5", True, None, [0.5]):
        yield f"7 p = {value!r}", replaced({"name": "dropout", "config": {"p": value}})
    for value in (
        "float16",
        "object",
        "O",
        "f4,f4",
        "i8",
        3,
        None,
        ["float32"],
        {"a": "f4"},
        "float32" * 10**5,
    ):
        yield f"7 dtype = {str(value)[:20]!r}", changed(("dtype",), value)
    for value in (True, -1, 1.5, "1", [1], {}, 1e300):
        yield f"7 seed = {value!r}", changed(("seed",), value)
    for value in ({}, {"x": 1}, {"x": -1.0}, {"x": "1"}, [1.0], 3, "x", {"x": True}):
        if value:
            yield f"7 loss_weights = {value!r}", changed(("compile", "loss_weights"), value)
    for value in (3, {"x": ["accuracy"]}, [3], [["accuracy"]], "nothing", [None]):
        yield f"7 metrics = {value!r}", changed(("compile", "metrics"), value)
    for value in ({}, {"x": "mse"}, {"x": 3}, ["mse"], 3):
        yield f"7 loss = {value!r}", changed(("compile", "loss"), value)
    for value in (["0.dense.V"], ["9.dense"], [3], {}, "0.dense", [["0.dense"]], ["\x1b[31m"], ["."], [""]):
        yield f"7 frozen = {value!r}", {**BASE, "frozen": value}


def resources():
    """10: what is larger than anything that is meant."""
    for size in (10**12, 10**18, 10**38):
        yield f"10 n_out {size}", replaced(dense(n_out=size))
        yield f"10 input {size}", changed(("input_shape",), [None, size])
        yield (
            f"10 embedding {size}",
            replaced({"name": "embedding", "config": {"input_size": size, "n_out": size}}),
        )
        yield f"10 repeat {size}", replaced({"name": "repeat_vector", "config": {"n": size}})
        yield f"10 reshape {size}", replaced({"name": "reshape", "config": {"shape": [size, size]}})
    wide = [dense(n_out=10**6), dense(n_out=10**6)]
    yield "10 wide", {**BASE, "layers": wide}
    yield "10 many layers", {**BASE, "layers": ["identity"] * 10_001}
    yield "10 many dense layers", {**BASE, "layers": [dense(n_out=3000)] * 300}
    nested = "identity"
    for _ in range(25):
        nested = {"name": "residual", "config": {"layer": nested}}
    yield (
        "10 nested",
        {**BASE, "layers": [dense(), {"name": "residual", "config": {"layer": nested}}] * 9 + [3]},
    )
    for _ in range(400):
        nested = {"name": "residual", "config": {"layer": nested}}
    yield "10 deeply nested", replaced(nested)
    for shape in (
        [],
        [None],
        [None, 0],
        [None, -3],
        [None, "3"],
        [None, 3.0],
        [None, True],
        [None, [3]],
        "abc",
        3,
        {},
    ):
        yield f"10 input_shape {shape!r}", changed(("input_shape",), shape)
    yield "10 long key", {**BASE, "x" * 10**6: 1}
    yield "10 long path", changed(("layers", 0), {"ref": "layers." * 10**5})


def structures():
    """Structures that are none."""
    for value in (None, 3, "dense", {}, {"0": "dense"}):
        yield f"7 layers = {value!r}", changed(("layers",), value)
    for value in (2, 0, "1", True, None, [1], {"a": 1}):
        yield f"7 format = {value!r}", changed(("format",), value)
    for value in (
        [],
        3,
        "x",
        {"loss": "mse"},
        {"optimizer": "sgd"},
        {"loss": "mse", "optimizer": "sgd", "run": "x"},
    ):
        yield f"7 compile = {value!r}", changed(("compile",), value)
    for value in ([], 3, "x", {"a": 1}, {"a": None}, {"a": "1" * 10**6}, {f"a{k}": "1" for k in range(1001)}):
        yield f"7 requires = {str(value)[:40]}", changed(("requires",), value)
    for missing in ("format", "layers"):
        yield f"7 no {missing}", {key: value for key, value in BASE.items() if key != missing}
    yield "7 a Model and a Graph", {**BASE, "nodes": [], "inputs": {}, "outputs": "y"}
    yield "7 forward reference", changed(("layers", 0), {"ref": "layers.1"})
    yield "7 reference to itself", changed(("layers", 1, "config", "layer"), {"ref": "layers.1"})
    yield (
        "7 reference in a number",
        changed(("layers", 1, "config", "layer", "config", "n_out"), {"ref": "layers.0"}),
    )


CASES = dict(cases())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a function that writes a document with the base model's weights, as a model or a checkpoint."""
    folder = tmp_path_factory.mktemp("files")
    model = Model.from_json(BASE)
    save_checkpoint(folder / "base", model, [], 0)
    document, arrays = tensors.read(folder / "base")

    def write(hostile):
        tensors.write(folder / "model", {"model": hostile}, model.weights())
        tensors.write(folder / "checkpoint", {**document, "model": hostile}, arrays)
        return folder / "model", folder / "checkpoint"

    return write


def test_there_are_many():
    assert len(CASES) > 500


def test_the_base_is_accepted(files, quietly):
    path, checkpoint = files(BASE)
    model = Model.from_json(BASE)
    with quietly(path, checkpoint):
        Model.from_json(json.dumps(BASE))
        assert load(path).connected
        model.load_weights(path)
        assert resume_from(checkpoint, model, []) == 1


@pytest.mark.parametrize("name", CASES)
def test_from_json(name, quietly):
    document = CASES[name]
    text = json.dumps(document)
    for form in (document, text, text.encode()):
        with pytest.raises(NpdlError) as caught, quietly():
            Model.from_json(form)
        check_message(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_files(name, quietly, files):
    try:
        path, checkpoint = files(CASES[name])
    except NpdlError:  # the writer refuses it as well; another one would not, so see the next test
        return
    with pytest.raises(NpdlError) as caught, quietly(path):
        load(path)
    check_message(caught.value)
    model = Model.from_json(BASE)
    before = {key: array.copy() for key, array in model.weights().items()}
    tries = {
        "load_weights": (path, model.load_weights),
        "resume": (checkpoint, lambda file: resume_from(file, model, [])),
    }
    for entry, (file, read) in tries.items():
        with suppress(NpdlError), quietly(file, entry=entry):
            read(file)
    # Nothing but weights of the same structure can have come in, and they are the same as before.
    assert before.keys() == model.weights().keys()
    assert model.history.epoch == []


def check_message(error):
    """Check that a message is short, and safe to show in a terminal."""
    text = str(error)
    assert len(text) < 1500
    assert text.isprintable(), repr(text)


RAW = {
    "11 duplicate key": '{"format": 1, "format": 1, "layers": []}',
    "11 duplicate in a config": '{"layers": [{"name": "dense", "config": {"n_out": 2, "n_out": 3}}]}',
    "11 NaN": '{"format": 1, "layers": [], "seed": NaN}',
    "11 Infinity": '{"format": 1, "layers": [{"name": "dropout", "config": {"p": -Infinity}}]}',
    "11 overflow": '{"format": 1, "layers": [{"name": "dropout", "config": {"p": 1e999}}]}',
    "11 long integer": '{"format": 1, "layers": [], "seed": ' + "9" * 10**6 + "}",
    "11 deep list": "[" * 10**6,
    "11 deep dict": '{"a":' * 10**5,
    "11 deep layers": '{"format": 1, "layers": ' + "[" * 10_000 + "]" * 10_000 + "}",
    "11 open string": '{"format": "' + '\\"' * 10**6,
    "11 trailing": '{"format": 1, "layers": []} {}',
    "11 comment": '{"format": 1, /* */ "layers": []}',
    "11 single quotes": "{'format': 1, 'layers': []}",
    "11 python": '__import__("os").system("true")',
    "11 pickle": b"\x80\x04\x95\x00",
    "11 not text": b"\xff\xfe\x00\x00",
    "11 many lists": "[" + "[]," * 5 * 10**6 + "1]",
    "11 as many lists as are allowed": "[" + "[]," * (2**18 - 9) + "1]",
    "11 as many keys as are allowed": "{" + ",".join(f'"{k}":1' for k in range(2**18 - 9)) + "}",
    "11 a duplicate among many keys": "{" + ",".join(f'"{k}":1' for k in range(2**18 - 9)) + ',"7":1}',
    "11 as many layers": '{"format":1,"layers":[' + '"identity",' * (2**19 - 99) + "1]}",
    "11 quotation marks": '"' * (2**24 - 9),
    "11 backslashes": '"' + "\\" * (2**24 - 9),
    "11 too large": '"' + "x" * (17 * 2**20) + '"',
    "11 empty": "",
    "11 number": "1",
    "11 null": "null",
}


@pytest.mark.parametrize("name", RAW)
def test_texts(name, quietly):
    for cls in (Model, Graph):
        with pytest.raises(NpdlError) as caught, quietly():
            cls.from_json(RAW[name])
        check_message(caught.value)


@pytest.mark.parametrize(
    "thing", [None, 3, 1.5, [], (), set(), object(), print, Model, b"", {"format": {1}}, {1: 2}, {(1, 2): 3}]
)
def test_things(thing, quietly):
    with pytest.raises(NpdlError), quietly():
        Model.from_json(thing)


def test_graphs(quietly):
    base = {
        "format": 1,
        "inputs": {"x": {"shape": [3], "integer": False}},
        "nodes": [
            {"name": "y", "layer": dense(), "inputs": "x"},
            {"name": "z", "layer": dense(), "inputs": "y"},
        ],
        "outputs": "z",
    }
    Graph.from_json({**base, "input_shape": {"x": [None, 3]}})
    hostile = [
        None,
        3,
        True,
        "x" * 10**6,
        "",
        [],
        {},
        [[]],
        [{}],
        {"x": 3},
        {"x": "wide"},
        {"x": [10**30]},
        ["x", "x"],
        {"x": {"shape": [3], "code": 1}},
        {"\x1b[31m": None},
        {"training": None},
        ["a.b"],
        {"x": {"integer": 1}},
    ]
    for key in ("inputs", "nodes", "outputs", "input_shape"):
        for value in hostile:
            document = {**base, "input_shape": {"x": [None, 3]}, key: value}
            try:
                with quietly():
                    Graph.from_json(document)
            except NpdlError as error:
                check_message(error)
            else:
                assert (key, value) in (("input_shape", None), ("outputs", "z")), (key, value)
    for key in ("name", "layer", "inputs"):
        for value in [*hostile, "y", "os.system", {"ref": "nodes.z"}]:
            document = copy.deepcopy(base)
            document["nodes"][1][key] = value
            if (key, value) in (("inputs", "y"),):
                continue
            with pytest.raises(NpdlError) as caught, quietly():
                Graph.from_json(document)
            check_message(caught.value)


def test_instances_cannot_smuggle_code():
    """6: what cannot be written is refused when it is written."""
    from npdl_core.layers import Dense

    class Sneaky(dict):
        def __reduce__(self):
            return print, ("code",)

    for activation in (lambda x: x, print, np.tanh):
        with pytest.raises(NpdlError):
            Model([Dense(2, activation=activation)]).to_json()
    assert Model.from_json(Sneaky(BASE)).connected  # a dict is a dict


@pytest.mark.parametrize(
    "kind", ["layers", "optimizers", "objectives", "metrics", "callbacks", "activations", "schedules"]
)
def test_envelopes_of_every_kind(kind, quietly):
    """4: one gate for all kinds."""
    for name in [*CODE, *(other for other in OTHER_KINDS if other not in registry.names(kind))]:
        for spec in (name, {"name": name}, {"name": name, "config": {}}):
            with pytest.raises(NpdlError) as caught, quietly(entry="registry.get"):
                registry.get(kind, spec)
            check_message(caught.value)
    for spec in (
        {"name": "sgd", "config": {}, "module": "os"},
        {"config": {}},
        {"name": None},
        {"name": "sgd", "config": 3},
    ):
        with pytest.raises(NpdlError), quietly(entry="registry.get"):
            registry.get(kind, spec)
