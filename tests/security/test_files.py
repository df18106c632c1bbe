"""Hostile files: containers, headers, tensors and training states, each refused before it can do harm.

Numbers are those of the list of threats.
"""

import copy
import io
import json
import math
import os
import pickle
import zipfile

import numpy as np
import pytest

from npdl_core import Model, load
from npdl_core.callbacks import CSVLogger, EarlyStopping, ModelCheckpoint
from npdl_core.errors import FileFormatError, NonFiniteError, NpdlError, WeightsError
from npdl_core.rng import generator_state
from npdl_core.saving import strict_json, tensors
from npdl_core.saving.checkpoint import resume_from, save_checkpoint


class Bomb:
    """Says so if it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch /tmp/npdl-was-here",)


def archive(name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, pickle.dumps(Bomb()))
    return buffer.getvalue()


def numpy_file(save, *arguments):
    buffer = io.BytesIO()
    save(buffer, *arguments)
    return buffer.getvalue()


CONTAINERS = {
    "pickle 4": pickle.dumps(Bomb(), 4),
    "pickle 0": pickle.dumps(Bomb(), 0),
    "zip (.keras, .pt)": archive("data.pkl"),
    "npz": numpy_file(np.savez, np.zeros(3)),
    "npy of objects": numpy_file(np.save, np.array([Bomb()], dtype=object)),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(2000),
    "gzip": b"\x1f\x8b\x08" + bytes(100),
    "onnx": b"\x08\x07\x12\x04test" + bytes(100),
    "json": b'{"format": 1, "layers": []}',
    "python": b"import os\nos.system('true')\n",
    "elf": b"\x7fELF" + bytes(100),
    "text": b"hello",
    "zeros": bytes(1000),
    "ones": b"\xff" * 1000,
    "nothing": b"",
    "seven bytes": b"1234567",
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_other_containers(name, tmp_path, quietly):
    """5: known by content, whatever the name says."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(CONTAINERS[name])
    for read in (load, Model.load, lambda file: Model().load_weights(file)):
        with pytest.raises(FileFormatError) as caught, quietly(path):
            read(path)
        assert str(caught.value).isprintable()
    assert not os.path.exists("/tmp/npdl-was-here")


def test_what_it_looks_like_is_said(tmp_path):
    for name, text in [
        ("zip (.keras, .pt)", "a zip archive"),
        ("pickle 4", "a pickle"),
        ("hdf5", "an HDF5 file"),
    ]:
        (tmp_path / "m").write_bytes(CONTAINERS[name])
        with pytest.raises(FileFormatError, match=text):
            load(tmp_path / "m")


@pytest.fixture
def good(model, tmp_path, unpack):
    """Return header and data of a good file."""
    model.save(tmp_path / "good")
    return unpack((tmp_path / "good").read_bytes())


@pytest.fixture
def unpack():
    def unpack(content):
        length = int.from_bytes(content[:8], "little")
        return json.loads(content[8 : 8 + length]), content[8 + length :]

    return unpack


@pytest.fixture
def refused(tmp_path, quietly):
    """Return a function that checks that a file of a header and data is refused."""

    def refused(header, data, message="", length=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        path = tmp_path / "hostile"
        path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
        with pytest.raises(NpdlError, match=message) as caught, quietly(path):
            load(path)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1500

    return refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.update({"extra": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}), "checksum"),
        (lambda h: h.pop("0.dense.b"), "leaves a gap"),
        (
            lambda h: h["0.dense.W"].update(shape=[4, 3]),
            r"0\.dense\.W is float32 \(4, 3\) instead of|checksum",
        ),
        (lambda h: h["0.dense.W"].update(shape=[3, 5]), "does not fill its bytes"),
        (lambda h: h["0.dense.W"].update(shape=[0, 2**40]), "does not fill|impossible shape"),
        (lambda h: h["0.dense.W"].update(shape=[2**62, 2**62]), "does not fill its bytes"),
        (lambda h: h["0.dense.W"].update(shape=[-3, -4]), "malformed shape"),
        (lambda h: h["0.dense.W"].update(shape=[3.0, 4]), "malformed shape"),
        (lambda h: h["0.dense.W"].update(shape=[True, 12]), "malformed shape"),
        (lambda h: h["0.dense.W"].update(shape=["3", 4]), "malformed shape"),
        (lambda h: h["0.dense.W"].update(shape="12"), "malformed shape"),
        (lambda h: h["0.dense.W"].update(shape=[1] * 33 + [12]), "malformed shape"),
        (lambda h: h["0.dense.W"].update(shape=None), "malformed shape"),
        (lambda h: h["0.dense.W"].update(dtype="F64"), "does not fill its bytes"),
        (lambda h: h["0.dense.W"].update(dtype="I32"), "expected one of"),
        (lambda h: h["0.dense.W"].update(dtype="BOOL"), "expected one of"),
        (lambda h: h["0.dense.W"].update(dtype="object"), "expected one of"),
        (lambda h: h["0.dense.W"].update(dtype=["F32"]), "expected one of"),
        (lambda h: h["0.dense.W"].update(dtype="\x1b[31m" * 99), "expected one of"),
        (lambda h: h["0.dense.W"].update(data_offsets=[0, 2**63]), "does not fill its bytes"),
        (lambda h: h["0.dense.W"].update(data_offsets=[48, 0]), "does not fill its bytes"),
        (lambda h: h["0.dense.W"].update(data_offsets=[0]), "malformed shape or offset"),
        (lambda h: h["0.dense.W"].update(data_offsets=[0, "48"]), "malformed"),
        (lambda h: h["0.dense.W"].update(data_offsets=[-48, 0]), "malformed"),
        (
            lambda h: h["0.dense.W"].update(data_offsets=h["3.softmax.W"]["data_offsets"]),
            "does not fill|overlaps",
        ),
        (
            lambda h: h["1.batch_normal.beta"].update(data_offsets=h["1.batch_normal.gamma"]["data_offsets"]),
            "overlaps",
        ),
        (lambda h: h["0.dense.W"].update(file="/etc/passwd"), "exactly dtype, shape and data_offsets"),
        (lambda h: h["0.dense.W"].pop("dtype"), "exactly dtype, shape and data_offsets"),
        (lambda h: h.update({"0.dense.W": [1, 2]}), "exactly dtype"),
        (lambda h: h.update({"../../x": h.pop("0.dense.W")}), "is not a tensor name"),
        (lambda h: h.update({"/etc/passwd": h.pop("0.dense.W")}), "is not a tensor name"),
        (lambda h: h.update({"": h.pop("0.dense.W")}), "is not a tensor name"),
        (lambda h: h.update({"a..b": h.pop("0.dense.W")}), "is not a tensor name"),
        (lambda h: h.update({"x\x1b[31m": h.pop("0.dense.W")}), "is not a tensor name"),
        (lambda h: h.update({"\u202ex": h.pop("0.dense.W")}), "is not a tensor name"),
        (lambda h: h.update({"x" * 10**6: h.pop("0.dense.W")}), "is not a tensor name"),
        (lambda h: h.update({"0.dense.V": h.pop("0.dense.W")}), "checksum|0.dense.W is missing"),
        (lambda h: h.pop("__metadata__"), "metadata has no 'npdl' entry"),
        (lambda h: h["__metadata__"].update(more="x"), "metadata has no 'npdl' entry"),
        (lambda h: h.update(__metadata__=[]), "metadata has no"),
        (lambda h: h.update(__metadata__={"npdl": {}}), "metadata has no"),
        (lambda h: h.update(__metadata__={"npdl": "{"}), "not valid JSON"),
        (lambda h: h.update(__metadata__={"npdl": "[]"}), "not an npdl document"),
        (lambda h: h.update(__metadata__={"npdl": "{}"}), "not an npdl document"),
        (lambda h: h.update(__metadata__={"npdl": '{"sha256": 3}'}), "not an npdl document"),
        (lambda h: h.update(__metadata__={"npdl": '{"sha256": "00"}'}), "checksum"),
        (lambda h: h.update(__metadata__={"npdl": '{"a": NaN}'}), "NaN is not"),
        (lambda h: h.update(__metadata__={"npdl": "[" * 10**5}), "nested more"),
        (lambda h: h.update(__metadata__={"npdl": '{"a": 1, "a": 2}'}), "comes twice"),
    ],
)
def test_headers(good, refused, change, message):
    """12: everything is compared before a tensor is looked at."""
    header, data = good
    change(header)
    refused(header, data, message)


def test_raw_headers(good, refused):
    header, data = good
    text = json.dumps(header).encode()
    refused(
        text[:-1] + b', "0.dense.W": ' + json.dumps(header["0.dense.W"]).encode() + b"}", data, "comes twice"
    )
    refused(b"[]", b"", "not a JSON object")
    refused(b"{" * 10**6, b"", "more than the allowed")
    refused(b"{" * 10**5, b"", "nested more")
    refused(b'"' + b'\\"' * 10**6, b"", "not valid JSON")
    refused(b"\xff" * 100, b"", "not valid JSON")
    refused(b"", b"", "not valid JSON")
    refused(text, data, "not a safetensors file", length=2**63)
    refused(text, data, "not a safetensors file", length=len(text) + len(data) + 1)
    refused(text, data, "not valid JSON", length=len(text) - 1)
    refused(text, data + b"\0" * 100, "the tensors cover")
    refused(text, data[:-1], "the tensors cover")
    refused(text, b"", "the tensors cover")
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    many = {f"t{k}": entry for k in range(40_001)} | {"__metadata__": {"npdl": "{}"}}
    refused(many, b"", "tensors are more than")


def test_a_sparse_file_is_refused_by_its_header(tmp_path, quietly):
    path = tmp_path / "sparse"
    for start in (b"", (100).to_bytes(8, "little"), (2**40).to_bytes(8, "little")):
        with open(path, "wb") as file:
            file.write(start)
            file.truncate(2**40)
        with pytest.raises(FileFormatError), quietly(path, megabytes=100):
            load(path)


def signed(path, document, arrays):
    """Write a file with a right checksum, as an attacker would."""
    tensors.write(path, document, arrays)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "not that of an npdl model"),
        ({"model": []}, "not that of an npdl model"),
        ({"model": None}, "not that of an npdl model"),
        ({"model": {"format": 1, "layers": []}, "more": 1}, "not that of an npdl model"),
        ({"model": {"format": 1, "layers": []}, "training": []}, "training state is malformed"),
        ({"model": {"format": 1, "layers": []}, "training": None}, "training state is malformed"),
        ({"training": {}}, "not that of an npdl model"),
        ({"model": {"format": 1, "layers": ["os.system"]}}, "unknown layer"),
    ],
)
def test_signed_documents(document, message, tmp_path, quietly):
    path = tmp_path / "m"
    signed(path, document, {})
    with pytest.raises(NpdlError, match=message), quietly(path):
        load(path)


class TestWeights:
    """12 and 14: weights that are not those of the model that the file describes."""

    def document(self, model):
        return {"model": json.loads(model.to_json())}

    def test_all_differences_are_listed(self, model, tmp_path, quietly):
        weights = dict(model.weights())
        del weights["3.softmax.b"]
        weights["0.dense.W"] = np.zeros((3, 5), "float32")
        weights["0.dense.b"] = np.zeros(4, "float64")
        weights["evil"] = np.zeros(1, "float32")
        signed(tmp_path / "m", self.document(model), weights)
        with pytest.raises(WeightsError) as caught, quietly(tmp_path / "m"):
            load(tmp_path / "m")
        for part in (
            "3.softmax.b is missing",
            "evil is unexpected",
            "0.dense.W is float32 (3, 5) instead of float32 (3, 4)",
            "0.dense.b is float64 (4,) instead of float32 (4,)",
        ):
            assert part in str(caught.value)

    def test_a_small_file_cannot_ask_for_a_large_model(self, model, tmp_path, quietly):
        document = self.document(model)
        document["model"]["layers"][0]["config"]["n_out"] = 10**8
        signed(tmp_path / "m", document, model.weights())
        with pytest.raises(NpdlError, match="allowed"), quietly(tmp_path / "m"):
            load(tmp_path / "m")

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_not_finite(self, model, tmp_path, quietly, value):
        weights = {name: array.copy() for name, array in model.weights().items()}
        weights["1.batch_normal.running_var"][1] = value
        signed(tmp_path / "m", self.document(model), weights)
        with pytest.raises(NonFiniteError, match=r"1\.batch_normal\.running_var"), quietly(tmp_path / "m"):
            load(tmp_path / "m")

    def test_training_tensors_need_a_training(self, model, tmp_path, quietly):
        arrays = {**model.weights(), "training.optimizer.0.velocity": np.zeros(3)}
        signed(tmp_path / "m", self.document(model), arrays)
        with pytest.raises(FileFormatError, match="without that state"), quietly(tmp_path / "m"):
            load(tmp_path / "m")

    def test_arrays_do_not_alias_the_file_or_each_other(self, model, tmp_path):
        model.save(tmp_path / "m")
        again = load(tmp_path / "m")
        arrays = list(again.weights().values())
        for index, array in enumerate(arrays):
            assert array.flags.writeable
            assert not any(np.may_share_memory(array, other) for other in arrays[index + 1 :])


ROOT = ("training",)


def states():
    """Return changes of a training state by description: path in the document, new value."""
    odd = (None, True, -1, 1.5, "x", [], {}, 10**40)
    for value in odd:
        yield f"13 epoch = {value!r}", ("epoch",), value
        yield f"13 rng = {value!r}", ("rng",), value
        yield f"13 first generator = {value!r}", ("rng", 0), value
        yield f"13 generator's state = {value!r}", ("rng", 1, "state"), value
        yield f"13 another generator: {value!r}", ("rng", 0, "bit_generator"), value
        yield f"13 iterations = {value!r}", ("optimizer", "iterations"), value
        yield f"13 n_params = {value!r}", ("optimizer", "n_params"), value
        yield f"13 optimizer = {value!r}", ("optimizer",), value
        yield f"13 wait = {value!r}", ("callbacks", 0, "state", "wait"), value
        yield f"13 callback's state = {value!r}", ("callbacks", 0, "state"), value
        yield f"13 callbacks = {value!r}", ("callbacks",), value
        if value != {}:
            yield f"13 layers = {value!r}", ("layers",), value
        yield f"13 history's epochs = {value!r}", ("history", "epoch"), value
        yield f"13 history = {value!r}", ("history",), value
        if value is not True:
            yield f"13 stopped = {value!r}", ("stopped",), value
        if value is not None:
            yield f"13 best epoch = {value!r}", ("callbacks", 0, "state", "best_epoch"), value
        yield f"13 rows = {value!r}", ("callbacks", 1, "state", "rows"), value
    for value in ("fast", True, [], {"float": "nan"}, {}):
        yield f"13 lr = {value!r}", ("optimizer", "lr"), value
        yield f"13 best = {value!r}", ("callbacks", 0, "state", "best"), value
    yield "13 lr = -0.1", ("optimizer", "lr"), -0.1
    yield "13 lr = infinity", ("optimizer", "lr"), {"float": "inf"}
    for value in ("os.system", "\x1b[31m", "EarlyStopping\n", 3, None):
        yield f"1 callback named {value!r}", ("callbacks", 0, "name"), value
    yield "13 state of a layer that has none", ("layers", "0.dense"), {"code": 1}
    yield "13 two rng states too many", ("rng",), [generator_state(np.random.default_rng(0))] * 4
    yield "13 MT19937", ("rng", 0, "bit_generator"), "MT19937"
    yield "13 a longer history", ("history",), {"epoch": list(range(50)), "history": {"loss": [0.0] * 50}}
    yield "13 an uneven history", ("history", "history"), {"loss": [1.0] * 7}
    yield "13 callback's unknown entry", ("callbacks", 2, "state"), {"code": "x"}


STATES = {name: (path, value) for name, path, value in states()}


@pytest.fixture
def checkpoint(model, tmp_path):
    """Return document and tensors of a checkpoint, and the callbacks that it was written with."""

    def callbacks():
        return [
            EarlyStopping("loss", restore_best_weights=True),
            CSVLogger(tmp_path / "log"),
            ModelCheckpoint(tmp_path / "run"),
        ]

    model.fit(np.ones((8, 3)), np.zeros(8, int), epochs=2, callbacks=callbacks())
    return (*tensors.read(tmp_path / "run"), callbacks)


def everything(model, callbacks):
    """Return a picture of all that a resume may change."""
    arrays = [array.tobytes() for array in model.weights().values()]
    states = [str(thing.state()) for thing in (model.optimizer, *callbacks)]
    return (
        arrays,
        states,
        model.layer_rng.bit_generator.state,
        model.history.to_json(),
        model.seed,
        model.stop_training,
    )


@pytest.mark.parametrize("name", STATES)
def test_training_states(name, model, checkpoint, tmp_path, quietly):
    """13: refused as a whole; nothing has changed."""
    document, arrays, make = checkpoint
    path, value = STATES[name]
    hostile = copy.deepcopy(document)
    place = hostile["training"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    try:
        signed(tmp_path / "hostile", hostile, arrays)
    except NpdlError:  # the integer is longer than any that is read
        return
    callbacks = make()
    for callback in callbacks:
        callback.set_model(model)
    before = everything(model, callbacks)
    with pytest.raises(NpdlError) as caught, quietly(tmp_path / "hostile", entry="resume"):
        resume_from(tmp_path / "hostile", model, callbacks)
    assert str(caught.value).isprintable()
    assert everything(model, callbacks) == before
    assert load(tmp_path / "hostile").connected  # as a plain model it is fine


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.update({"training.optimizer.0.velocity": np.zeros(3, "float32")}),
        lambda a: a.update(
            {"training.optimizer.0.velocity": np.zeros(a["training.optimizer.0.velocity"].shape, "int64")}
        ),
        lambda a: a.update({"training.optimizer.1.velocity": a["training.optimizer.0.velocity"]}),
        lambda a: a.update({"training.optimizer.9.velocity": a["training.optimizer.0.velocity"]}),
        lambda a: a.update({"training.optimizer.0.other": a["training.optimizer.0.velocity"]}),
        lambda a: a.pop("training.optimizer.0.velocity"),
        lambda a: a.update({"training.optimizer.iterations": np.zeros(1)}),
        lambda a: a.update({"training.callbacks.0.best.0.dense.W": np.zeros((1, 1), "float32")}),
        lambda a: a.pop("training.callbacks.0.best.0.dense.W"),
        lambda a: a.update({"training.callbacks.0.best.evil": np.zeros(1)}),
        lambda a: a.update({"training.callbacks.0.wait": np.zeros(1)}),
        lambda a: a.update({"training.callbacks.1.rows": np.zeros(1)}),
        lambda a: a.update({"training.callbacks.2.best": np.zeros(1)}),
        lambda a: a.update({"0.dense.W": np.zeros((1, 1), "float32")}),
        lambda a: a.pop("0.dense.W"),
    ],
)
def test_training_tensors(change, model, checkpoint, tmp_path, quietly):
    document, arrays, make = checkpoint
    change(arrays)
    signed(tmp_path / "hostile", document, arrays)
    callbacks = make()
    for callback in callbacks:
        callback.set_model(model)
    before = everything(model, callbacks)
    with pytest.raises(NpdlError), quietly(tmp_path / "hostile", entry="resume"):
        resume_from(tmp_path / "hostile", model, callbacks)
    assert everything(model, callbacks) == before


def test_there_are_many():
    assert len(STATES) > 100


ODD = (True, -1, "x", [], {}, b"x", {"code": "os.system"}, math.inf, math.nan, "\x1b[31m", np.array(["x"]))


@pytest.mark.parametrize("key", ["iterations", "lr", "n_params", "epoch", "0.velocity", "9.velocity", "more"])
def test_optimizer_states(key, model, quietly):
    """13: the optimizer's own door; it keeps its state whatever comes."""
    before = str(model.optimizer.state())
    for value in (*ODD, np.zeros((3, 4), "int64"), np.array([None])):
        state = {**model.optimizer.state(), key: value}
        with pytest.raises(NpdlError) as caught, quietly(entry="optimizer state"):
            model.optimizer.load_state(state)
        assert str(caught.value).isprintable()
        assert str(model.optimizer.state()) == before


@pytest.mark.parametrize("array", [np.zeros(3, "float32"), np.zeros((1, 1), "float32"), np.zeros(10**5)])
def test_optimizer_state_of_another_shape(array, model, quietly):
    """13: only the next update knows the shapes; it changes nothing."""
    model.optimizer.load_state({**model.optimizer.state(), "0.velocity": array})
    before = {name: value.copy() for name, value in model.weights().items()}
    with pytest.raises(NpdlError, match="velocity"), quietly(entry="optimizer state"):
        model.train_on_batch(np.ones((8, 3)), np.zeros(8, int))
    assert all((before[name] == value).all() for name, value in model.weights().items())


def test_a_checkpoint_within_a_checkpoint(model, tmp_path, quietly):
    save_checkpoint(tmp_path / "a", model, [], 0)
    document, arrays = tensors.read(tmp_path / "a")
    document["training"]["training"] = dict(document["training"])
    signed(tmp_path / "b", document, arrays)
    with quietly(tmp_path / "b"):
        assert resume_from(tmp_path / "b", model, []) == 1  # what it does not know is not looked at


def test_size_of_the_document(model, tmp_path, monkeypatch, quietly):
    model.save(tmp_path / "m")
    monkeypatch.setattr(strict_json, "MAX_BYTES", 100)
    with pytest.raises(FileFormatError), quietly(tmp_path / "m"):
        load(tmp_path / "m")
