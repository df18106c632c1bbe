"""Models in files: exact, reproducible, and compared with what they are loaded into."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import npdl_core
from npdl_core import Graph, Model, load
from npdl_core.errors import (
    DataError,
    FileFormatError,
    NonFiniteError,
    NpdlError,
    SerializationError,
    WeightsError,
)
from npdl_core.initializers import Initializer
from npdl_core.layers import BatchNormal, Dense, Embedding, Layer, Softmax
from npdl_core.saving import tensors


@pytest.fixture
def saved(make, data, tmp_path):
    model = make()
    model.fit(*data, epochs=2)
    path = tmp_path / "m.safetensors"
    model.save(path)
    return model, path


class TestRoundTrip:
    def test_everything_comes_back(self, saved, data):
        model, path = saved
        again = load(path)
        assert again.to_json() == model.to_json()
        assert (again.predict(data[0]) == model.predict(data[0])).all()
        assert again.evaluate(*data) == model.evaluate(*data)
        assert again.seed == model.seed
        assert list(again.weights()) == [
            "0.dense.W",
            "0.dense.b",
            "1.batch_normal.gamma",
            "1.batch_normal.beta",
            "1.batch_normal.running_mean",
            "1.batch_normal.running_var",
            "3.softmax.W",
            "3.softmax.b",
        ]
        again.train_on_batch(*data)

    def test_ways_to_load(self, saved):
        model, path = saved
        for again in (npdl_core.load(str(path)), Model.load(path), Model.load(os.fspath(path))):
            assert again.to_json() == model.to_json()
        with pytest.raises(FileFormatError, match="document of a Model, not of a Graph"):
            Graph.load(path)

    def test_nothing_is_drawn_for_weights_that_come(self, tmp_path, monkeypatch):
        model = Model([Dense(2, n_in=3), Softmax(2)], seed=0).compile()
        model.save(tmp_path / "m")
        drawn = []
        monkeypatch.setattr(Initializer, "__call__", lambda *arguments: drawn.append(arguments))
        again = load(tmp_path / "m")
        assert not drawn
        assert again.compiled.store.size == model.compiled.store.size

    def test_arrays_are_copies(self, saved):
        _, path = saved
        one, two = load(path), load(path)
        one.layers[0].W[...] = 7
        assert not (two.layers[0].W == 7).any()
        assert all(array.flags.writeable for array in one.weights().values())

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_dtypes(self, dtype, tmp_path):
        model = Model([Dense(2, n_in=3)], seed=0, dtype=dtype).connect((None, 3))
        model.save(tmp_path / "m")
        assert load(tmp_path / "m").layers[0].W.tobytes() == model.layers[0].W.tobytes()
        assert load(tmp_path / "m").dtype == dtype

    def test_not_connected_or_not_compiled(self, tmp_path):
        Model([Dense(2), "dropout"], seed=0).save(tmp_path / "m")
        again = load(tmp_path / "m")
        assert not again.connected
        assert again.recipe() is None
        again.compile("mse").fit(np.ones((4, 3)), np.ones((4, 2)), epochs=1)
        Model(seed=0).save(tmp_path / "empty")
        assert load(tmp_path / "empty").layers == []

    def test_parameters_of_the_loss(self, tmp_path):
        from npdl_core import registry
        from npdl_core.objectives import MeanSquaredError

        class Scaled(MeanSquaredError):
            def __init__(self, reduction="mean"):
                super().__init__(reduction)

            def connect_to(self, last_layer):
                self.add_param("s", (1,), "one")

        registry.register("objectives", "scaled_here", Scaled)
        try:
            model = Model([Dense(2, n_in=3)], seed=0).compile(Scaled(), "sgd")
            model.loss.s[...] = 5
            model.save(tmp_path / "m")
            assert load(tmp_path / "m").loss.s == 5
        finally:
            registry.unregister("objectives", "scaled_here")

    def test_given_vectors_are_weights(self, tmp_path):
        table = np.arange(12.0).reshape(4, 3)
        model = Model([Embedding(embed_words=table, static=True), Dense(2, init=np.ones((3, 2)))], seed=0)
        model.connect((None, 5)).save(tmp_path / "m")
        again = load(tmp_path / "m")
        assert (table == again.layers[0].W).all()
        assert (again.layers[1].W == 1).all()
        assert "12" not in model.to_json().replace("npdl", "")


class TestDeterminism:
    def test_same_bytes(self, saved, tmp_path):
        model, path = saved
        model.save(tmp_path / "again")
        load(path).save(tmp_path / "loaded")
        contents = {(tmp_path / name).read_bytes() for name in ("m.safetensors", "again", "loaded")}
        assert len(contents) == 1

    def test_in_any_process(self, tmp_path):
        code = """
            import hashlib, sys
            from npdl_core import Model
            from npdl_core.layers import BatchNormal, Dense, Softmax
            model = Model([Dense(5, n_in=4), BatchNormal(), Softmax(2)], seed=3)
            model.compile("scce", {"name": "sgd", "config": {"momentum": 0.5}}, metrics=["accuracy"])
            model.save(sys.argv[1])
            print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())
        """
        digests = {
            subprocess.run(
                [sys.executable, "-c", dedent(code), str(tmp_path / f"m{seed}")],
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
                env={
                    **os.environ,
                    "PYTHONHASHSEED": str(seed),
                    "PYTHONPATH": str(Path(npdl_core.__file__).parents[1]),
                },
            ).stdout
            for seed in (1, 2)
        }
        assert len(digests) == 1

    def test_no_optimizer_state(self, saved, data, tmp_path):
        model, path = saved
        content = path.read_bytes()
        assert b"velocity" not in content
        assert b"training" not in content
        model.optimizer.reset()
        model.save(tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == content

    def test_the_document_is_in_the_metadata(self, saved, unpack):
        header, data = unpack(saved[1].read_bytes())
        assert list(header["__metadata__"]) == ["npdl"]
        assert data
        document, arrays = tensors.read(saved[1])
        assert list(document) == ["model"]
        assert list(document["model"]) == [
            "format",
            "requires",
            "dtype",
            "seed",
            "input_shape",
            "layers",
            "compile",
        ]
        assert document["model"]["requires"] == {"npdl-core": npdl_core.__version__}
        assert set(arrays) == set(saved[0].weights())

    def test_the_digest_covers_everything(self):
        base = {"a": 1}, {"x": np.zeros((2, 3), "float32"), "y": np.ones(1)}
        digests = {
            tensors.digest(*base),
            tensors.digest({"a": 2}, base[1]),
            tensors.digest(base[0], {**base[1], "x": np.zeros((3, 2), "float32")}),
            tensors.digest(base[0], {**base[1], "x": np.zeros((2, 3), "float64")}),
            tensors.digest(base[0], {"z": base[1]["x"], "y": base[1]["y"]}),
            tensors.digest(base[0], {"x": base[1]["x"]}),
            tensors.digest(base[0], {**base[1], "y": np.zeros(1)}),
            tensors.digest(base[0], {**base[1], "w": np.zeros((0, 2))}),
        }
        assert len(digests) == 8
        assert tensors.digest(base[0], dict(reversed(base[1].items()))) == tensors.digest(*base)
        assert all(len(digest) == len(hashlib.sha256().hexdigest()) for digest in digests)


class TestNonFinite:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_is_refused_unless_asked_for(self, saved, value):
        model, path = saved
        model.layers[0].W[1, 1] = value
        model.save(path)
        with pytest.raises(NonFiniteError, match=r"0\.dense\.W holds NaN or infinity; pass finite=False"):
            load(path)
        assert np.array_equal(load(path, finite=False).layers[0].W, model.layers[0].W, equal_nan=True)

    def test_into_a_model_nothing_changes(self, saved, make, data):
        from npdl_core.saving import load_weights

        model, path = saved
        model.layers[0].W[1, 1] = np.nan
        model.save(path)
        other = make(seed=5)
        before = other.predict(data[0])
        with pytest.raises(NonFiniteError):
            other.load_weights(path)
        assert (other.predict(data[0]) == before).all()
        load_weights(other, path, finite=False)
        assert np.isnan(other.layers[0].W[1, 1])


class TestWeights:
    def test_into_the_same_structure(self, saved, make, data):
        model, path = saved
        other = make(seed=9)
        other.load_weights(path)
        assert (other.predict(data[0]) == model.predict(data[0])).all()
        bare = Model(make().clone().layers, seed=2)
        assert not bare.connected
        bare.load_weights(path)
        assert (bare.predict(data[0]) == model.predict(data[0])).all()
        plain = Model(seed=0)
        plain.save(path)
        Model(seed=1).load_weights(path)

    def test_equal_shapes_are_not_enough(self, saved, make):
        _, path = saved
        layers = [
            Dense(6, n_in=3, activation="relu"),
            BatchNormal(),
            {"name": "dropout", "config": {"p": 0.3}},
            Softmax(2),
        ]
        with pytest.raises(WeightsError, match="it holds another model: layers is"):
            make(layers=layers).load_weights(path)

    def test_another_dtype(self, saved, make):
        model = Model(make().clone().layers, seed=0, dtype="float64")
        with pytest.raises(WeightsError, match="dtype is float32, this model's is float64"):
            model.load_weights(saved[1])

    def test_all_differences_at_once(self, make):
        model = make()
        weights = {name: array.copy() for name, array in model.weights().items()}
        before = {name: array.copy() for name, array in weights.items()}
        del weights["0.dense.b"]
        weights["0.dense.W"] = np.zeros((3, 7))
        weights["other"] = np.zeros(1)
        weights["3.softmax.b"] = np.array(["a", "b"])
        with pytest.raises(WeightsError) as caught:
            model.set_weights(weights)
        for part in (
            "0.dense.b is missing",
            "other is unexpected",
            "0.dense.W has shape (3, 7) instead of (3, 6)",
            "3.softmax.b holds <U1",
        ):
            assert part in str(caught.value)
        assert all((before[name] == array).all() for name, array in model.weights().items())

    def test_lists_and_other_dtypes_are_taken(self, make):
        model = make()
        weights = {name: array.astype("float64").tolist() for name, array in model.weights().items()}
        weights["0.dense.b"] = [1, 2, 3, 4, 5, 6]
        model.set_weights(weights)
        assert model.layers[0].b.tolist() == [1, 2, 3, 4, 5, 6]
        assert model.layers[0].b.base is model.compiled.store.values[model.dtype]


class TestWriting:
    def test_what_could_not_be_read_is_not_written(self, tmp_path):
        class Halved(Layer):
            def connect_to(self, prev_layer=None):
                self.out_shape = self.incoming_shape(prev_layer)

            def forward(self, input, train=True):
                return input

            def backward(self, pre_grad):
                return pre_grad

        for arrays in (
            {"a b": np.zeros(1, "float32")},
            {"": np.zeros(1, "float32")},
            {"x" * 600: np.zeros(1, "float32")},
            {"x": np.zeros(1, "float16")},
            {"x": np.zeros(1, "int8")},
            {"x": np.zeros(1, bool)},
        ):
            with pytest.raises(SerializationError, match="cannot be saved: this file"):
                tensors.write(tmp_path / "m", {}, arrays)
        with pytest.raises(SerializationError, match="not JSON"):
            tensors.write(tmp_path / "m", {"a": float("nan")}, {})
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(SerializationError, match="not a registered layer"):
            Model([Halved()]).save(tmp_path / "m")

    def test_names_in_other_scripts(self, tmp_path):
        graph = Graph({"größe": (2,)}, {"höhe": (Dense(2), "größe")}, "höhe", seed=0).connect((None, 2))
        graph.save(tmp_path / "m")
        assert list(load(tmp_path / "m").weights()) == ["höhe.W", "höhe.b"]

    def test_scalars_and_odd_arrays(self, tmp_path):
        arrays = {
            "scalar": np.float64(3.5),
            "empty": np.zeros((0, 3), "float32"),
            "ints": np.arange(3),
            "strided": np.arange(12.0).reshape(3, 4)[::2, ::-1],
            "big": np.arange(3, dtype=">f8"),
        }
        tensors.write(tmp_path / "m", {"a": 1}, {name: np.asarray(array) for name, array in arrays.items()})
        document, found = tensors.read(tmp_path / "m")
        assert document == {"a": 1}
        for name, array in arrays.items():
            assert np.array_equal(found[name], array), name
            assert found[name].shape == np.shape(array)

    def test_paths(self, make, tmp_path):
        with pytest.raises(DataError, match="is a folder"):
            make().save(tmp_path)
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "none")
        with pytest.raises(FileFormatError, match="is no regular file"):
            load(tmp_path)
        for path in (None, 7, b"m"):
            with pytest.raises(NpdlError):
                load(path)
            with pytest.raises(NpdlError):
                make().save(path)


class TestDamage:
    def test_any_changed_byte_is_noticed(self, saved):
        _, path = saved
        content = path.read_bytes()
        rng = np.random.default_rng(0)
        for place in {*rng.integers(0, len(content), 60).tolist(), 0, 8, len(content) - 1}:
            changed = bytearray(content)
            changed[place] ^= 1 << int(rng.integers(0, 8))
            path.write_bytes(changed)
            with pytest.raises(NpdlError):
                load(path)

    def test_any_cut_is_noticed(self, saved):
        _, path = saved
        content = path.read_bytes()
        for length in [0, 1, 7, 8, 9, 100, len(content) // 2, len(content) - 1]:
            path.write_bytes(content[:length])
            with pytest.raises(FileFormatError):
                load(path)
        path.write_bytes(content + b"\0")
        with pytest.raises(FileFormatError, match="the tensors cover"):
            load(path)
