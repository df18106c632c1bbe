"""Networks as JSON and back: what is written, what is accepted, and what is said of the rest."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from npdl_core import Graph, Model, registry
from npdl_core.errors import (
    BudgetError,
    ConfigError,
    FileFormatError,
    MissingPluginError,
    NpdlError,
    SerializationError,
    UnknownNameError,
)
from npdl_core.layers import Dense, Layer, Residual, Softmax
from npdl_core.saving.envelope import from_envelope, is_envelope, jsonable, to_envelope
from npdl_core.saving.requirements import check_requirements, required_by

MINIMAL = {"format": 1, "layers": []}
DENSE = {"name": "dense", "config": {"n_out": 2}}


class TestWriting:
    def test_a_model(self):
        model = Model([Dense(2, n_in=3), "dropout"], seed=7).compile("mse", "sgd", metrics=["mae"])
        document = json.loads(model.to_json())
        assert document["format"] == 1
        assert document["seed"] == 7
        assert document["dtype"] == "float32"
        assert document["input_shape"] == [None, 3]
        assert document["layers"][0] == {
            "name": "npdl-core:dense",
            "config": {
                "n_out": 2,
                "n_in": 3,
                "init": "glorot_uniform",
                "activation": "tanh",
                "use_bias": True,
            },
        }
        assert document["compile"]["metrics"] == [{"name": "npdl-core:mae", "config": {}}]
        assert "loss_weights" not in document["compile"]
        assert "frozen" not in document

    def test_instances_and_envelopes_are_one(self):
        one = Model([Residual(Dense(2, activation="relu"))], seed=0).to_json()
        inner = {"name": "dense", "config": {"n_out": 2, "activation": "relu"}}
        two = Model([{"name": "residual", "config": {"layer": inner}}], seed=0).to_json()
        for text in (one, two):
            again = Model.from_json(text).connect((None, 2))
            assert again.layers[0].layer.activation.__class__.__name__ == "ReLU"

    def test_classes(self):
        from npdl_core.activations import ReLU

        text = Model([Dense(2, activation=ReLU)], seed=0).to_json()
        assert json.loads(text)["layers"][0]["config"]["activation"] == {
            "name": "npdl-core:relu",
            "config": {},
        }
        assert isinstance(Model.from_json(text).layers[0].activation, ReLU)

        class Unknown(ReLU):
            pass

        with pytest.raises(SerializationError, match="Unknown cannot be written to a configuration"):
            Model([Dense(2, activation=Unknown)]).to_json()

    def test_references(self):
        shared = Dense(2)
        model = Model([shared, Residual(shared), shared], seed=0)
        layers = json.loads(model.to_json())["layers"]
        assert layers[1]["config"]["layer"] == {"ref": "layers.0"}
        assert layers[2] == {"ref": "layers.0"}
        inner = Residual(Dense(2))
        model = Model([inner, inner.layer], seed=0)
        assert json.loads(model.to_json())["layers"][1] == {"ref": "layers.0.layer"}
        again = Model.from_json(model.to_json())
        assert again.layers[0].layer is again.layers[1]

    def test_frozen_parts(self):
        wrapper = Residual(Dense(2))
        wrapper.freeze()
        wrapper.layer.trainable = True
        model = Model([Dense(2).freeze("b"), wrapper], seed=0)
        assert json.loads(model.to_json())["frozen"] == ["0.dense.b", "1.residual"]
        again = Model.from_json(model.to_json())
        assert again.layers[1].layer.trainable
        assert not again.layers[1].trainable

    def test_what_has_no_json(self):
        class Home(Layer):
            def __init__(self, thing=None):
                pass

            def forward(self, input, train=True):
                return input

            def backward(self, pre_grad):
                return pre_grad

        with pytest.raises(SerializationError, match=r"not a registered layer.*registry.register"):
            Model([Home()]).to_json()
        registry.register("layers", "home_here", Home)
        try:
            for thing, message in [
                (print, r"Home\.thing: code"),
                (lambda: 0, "code"),
                (np.zeros(3), "an array"),
                (object(), "an object"),
                ({1: 2}, "keys must be strings"),
                ([float("nan")], r"Home\.thing\[0\]: nan is not a JSON number"),
                ({"a": float("inf")}, r"Home\.thing\['a'\]: inf"),
                (dict, "code"),
            ]:
                with pytest.raises(SerializationError, match=message):
                    Model([Home(thing)]).to_json()
            kept = {
                "a": [1, 2.5, True, None, "x"],
                "b": {"c": (1, np.int64(2), np.float32(0.5), np.bool_(True))},
            }
            text = Model([Home(kept)], seed=0).to_json()
            found = Model.from_json(text).layers[0].config["thing"]
            assert found == {"a": [1, 2.5, True, None, "x"], "b": {"c": [1, 2, 0.5, True]}}
            assert json.loads(text)["layers"][0]["name"] == "local:home_here"
            assert json.loads(text)["requires"] == {"npdl-core": npdl_version()}
        finally:
            registry.unregister("layers", "home_here")


def npdl_version():
    import npdl_core

    return npdl_core.__version__


class TestReading:
    def test_the_least(self):
        assert Model.from_json(MINIMAL).layers == []
        assert Model.from_json(json.dumps(MINIMAL)).layers == []
        assert Model.from_json(json.dumps(MINIMAL).encode()).layers == []
        model = Model.from_json({"format": 1, "layers": ["dropout", DENSE], "input_shape": [None, 3]})
        assert model.predict(np.ones((2, 3))).shape == (2, 2)
        assert model.dtype == np.float32

    def test_without_a_seed_runs_differ(self):
        assert Model.from_json(MINIMAL).seed != Model.from_json(MINIMAL).seed
        assert Model.from_json({**MINIMAL, "seed": 0}).seed == 0
        assert Model.from_json({**MINIMAL, "seed": None}).seed != Model.from_json(MINIMAL).seed

    def test_the_argument_is_not_touched(self):
        document = {"format": 1, "layers": [dict(DENSE)], "input_shape": [None, 3]}
        kept = json.loads(json.dumps(document))
        Model.from_json(document)
        assert document == kept

    @pytest.mark.parametrize(
        ("document", "error", "message"),
        [
            ("[]", FileFormatError, "expected a JSON object, got list"),
            ("3", FileFormatError, "expected a JSON object"),
            (None, FileFormatError, "expected a JSON object, got NoneType"),
            ("{}", FileFormatError, "neither 'layers'"),
            ({"format": 1, "inputs": {}, "nodes": []}, FileFormatError, "neither 'layers'"),
            ({"layers": []}, FileFormatError, "format None is not supported"),
            ({**MINIMAL, "format": 2}, FileFormatError, "format 2 is not supported, expected 1"),
            ({**MINIMAL, "format": True}, FileFormatError, "format True"),
            ({**MINIMAL, "format": "1"}, FileFormatError, "format '1'"),
            ({**MINIMAL, "layer": []}, FileFormatError, "unknown key 'layer'"),
            ({**MINIMAL, "safe_mode": False}, FileFormatError, "unknown key 'safe_mode'"),
            ({**MINIMAL, "nodes": []}, FileFormatError, "unknown key 'nodes'"),
            ({**MINIMAL, "layers": {}}, FileFormatError, "'layers' must be a list, got dict"),
            ({**MINIMAL, "layers": [3]}, FileFormatError, r"layers\.0: expected a layer"),
            ({**MINIMAL, "layers": [None]}, FileFormatError, r"layers\.0: expected a layer"),
            ({**MINIMAL, "layers": [["dense"]]}, FileFormatError, r"layers\.0: expected a layer"),
            ({**MINIMAL, "layers": [{**DENSE, "x": 1}]}, FileFormatError, r"layers\.0: expected a layer"),
            ({**MINIMAL, "layers": [{"name": 3}]}, FileFormatError, r"layers\.0: expected a layer"),
            (
                {**MINIMAL, "layers": [{"name": "dense", "config": []}]},
                ConfigError,
                r"layers\.0: .*'config' must map",
            ),
            ({**MINIMAL, "layers": [{"name": "dense"}]}, ConfigError, r"layers\.0: .*missing 'n_out'"),
            (
                {**MINIMAL, "layers": ["denze"]},
                UnknownNameError,
                r"layers\.0: unknown layer 'denze'; the closest",
            ),
            ({**MINIMAL, "layers": [{"ref": "layers.0"}]}, FileFormatError, "names no layer before it"),
            ({**MINIMAL, "layers": [{"ref": 3}]}, FileFormatError, "names no layer before it"),
            ({**MINIMAL, "layers": [DENSE, {"ref": "layers.1"}]}, FileFormatError, r"layers\.1: reference"),
            ({**MINIMAL, "seed": -1}, ConfigError, "seed must be an integer at least 0"),
            ({**MINIMAL, "seed": True}, ConfigError, "seed must be an integer"),
            ({**MINIMAL, "seed": False}, ConfigError, "seed must be an integer"),
            ({**MINIMAL, "seed": 1.5}, ConfigError, "seed must be an integer"),
            ({**MINIMAL, "dtype": "float16"}, ConfigError, "dtype must be one of 'float32', 'float64'"),
            ({**MINIMAL, "dtype": ["float32"]}, ConfigError, "dtype"),
            ({**MINIMAL, "dtype": None}, ConfigError, "dtype"),
            ({**MINIMAL, "layers": [DENSE], "input_shape": 3}, ConfigError, "shape must be a sequence"),
            ({**MINIMAL, "layers": [DENSE], "input_shape": "ab"}, ConfigError, "shape"),
            ({**MINIMAL, "layers": [DENSE], "input_shape": [None, -3]}, ConfigError, "shape"),
            ({**MINIMAL, "layers": [DENSE], "input_shape": []}, ConfigError, "batch axis"),
            ({**MINIMAL, "layers": [DENSE], "input_shape": {}}, ConfigError, "names of the inputs"),
            ({**MINIMAL, "frozen": "0.dense"}, FileFormatError, "'frozen' must be a list"),
            ({**MINIMAL, "frozen": [3]}, FileFormatError, "no layer or parameter"),
            ({**MINIMAL, "layers": [DENSE], "frozen": ["1.dense"]}, FileFormatError, "no layer or parameter"),
            (
                {**MINIMAL, "layers": [DENSE], "frozen": ["0.dense.V"], "input_shape": [None, 2]},
                ConfigError,
                "cannot freeze 'V'",
            ),
            ({**MINIMAL, "compile": []}, FileFormatError, "'compile' needs"),
            ({**MINIMAL, "compile": {"loss": "mse"}}, FileFormatError, "'compile' needs"),
            (
                {**MINIMAL, "compile": {"loss": "mse", "optimizer": "sgd", "hooks": 1}},
                FileFormatError,
                "unknown key 'hooks'",
            ),
            ({**MINIMAL, "requires": []}, FileFormatError, "'requires' must map"),
            ({**MINIMAL, "requires": {"a": 1}}, FileFormatError, "'requires' must map"),
            (
                {**MINIMAL, "requires": {f"a{k}": "1" for k in range(1001)}},
                FileFormatError,
                "'requires' must map",
            ),
            (
                {**MINIMAL, "requires": {"nowhere": "1.0"}},
                MissingPluginError,
                "nowhere .saved with version 1.0.",
            ),
        ],
    )
    def test_refused(self, document, error, message):
        with pytest.raises(error, match=message):
            Model.from_json(document)

    @pytest.mark.parametrize(
        "nodes",
        [
            {},
            [3],
            [{"name": "y", "layer": DENSE}],
            [{"name": 3, "layer": DENSE, "inputs": "x"}],
            [{"name": "y", "layer": DENSE, "inputs": "x", "more": 1}],
            [{"name": "y", "layer": DENSE, "inputs": 3}],
            [{"name": "y", "layer": DENSE, "inputs": "x"}] * 2,
            [{"name": "y", "layer": {"ref": "nodes.y"}, "inputs": "x"}],
        ],
    )
    def test_refused_graphs(self, nodes):
        with pytest.raises(NpdlError):
            Graph.from_json({"format": 1, "inputs": ["x"], "nodes": nodes, "outputs": "y"})

    def test_classes(self):
        with pytest.raises(FileFormatError, match="document of a Model, not of a Graph"):
            Graph.from_json(MINIMAL)
        graph = {
            "format": 1,
            "inputs": ["x"],
            "nodes": [{"name": "y", "layer": DENSE, "inputs": "x"}],
            "outputs": "y",
        }
        with pytest.raises(FileFormatError, match="document of a Graph, not of a Model"):
            Model.from_json(graph)
        assert Graph.from_json(graph).connect((None, 3)).predict(np.ones((1, 3))).shape == (1, 2)

    def test_code_of_components_that_stumbles_over_values(self):
        class Brittle(Layer):
            def __init__(self, n=1):
                self.n = n

            def connect_to(self, prev_layer=None):
                self.out_shape = (None, self.n["a"])

            def forward(self, input, train=True):
                return input

            def backward(self, pre_grad):
                return pre_grad

        registry.register("layers", "brittle_here", Brittle)
        try:
            document = {
                "format": 1,
                "layers": [{"name": "brittle_here", "config": {"n": 3}}],
                "input_shape": [None, 2],
            }
            with pytest.raises(
                FileFormatError, match="model: cannot be built: TypeError: 'int' object"
            ) as caught:
                Model.from_json(document)
            assert isinstance(caught.value.__cause__, TypeError)
        finally:
            registry.unregister("layers", "brittle_here")


class TestBudget:
    def test_now_and_later(self):
        document = {"format": 1, "layers": [{"name": "dense", "config": {"n_out": 10**6}}]}
        with pytest.raises(BudgetError, match=r"allowed 268,435,456 are left; pass max_parameters"):
            Model.from_json({**document, "input_shape": [None, 10**6]})
        with pytest.raises(BudgetError):
            Model.from_json({**document, "input_shape": [None, 10]}, max_parameters=10**6)
        later = Model.from_json(document, max_parameters=10**6).compile("mse")
        with pytest.raises(BudgetError, match=r"layer 0\.dense"):
            later.fit(np.ones((2, 10)), np.ones((2, 10)), epochs=1)
        with pytest.raises(ConfigError, match="max_parameters"):
            Model.from_json(document, max_parameters=-1)

    def test_layers(self):
        with pytest.raises(FileFormatError, match="10,001 layers are more than the allowed 10,000"):
            Model.from_json({"format": 1, "layers": ["identity"] * 10_001})

    def test_outputs(self):
        document = {
            "format": 1,
            "layers": [{"name": "repeat_vector", "config": {"n": 10**12}}],
            "input_shape": [None, 2],
        }
        with pytest.raises(BudgetError, match="numbers a sample"):
            Model.from_json(document)

    def test_a_copy_keeps_it(self):
        import copy

        model = copy.deepcopy(Model.from_json({"format": 1, "layers": [DENSE]}, max_parameters=10))
        with pytest.raises(BudgetError):
            model.connect((None, 30))


class TestRequirements:
    def test_what_is_written(self):
        assert required_by({"a": [{"name": "npdl-core:dense"}, {"name": "local:x", "config": {}}]}) == {
            "npdl-core": npdl_version()
        }
        assert required_by({"name": "not-installed-anywhere:x"}) == {"npdl-core": npdl_version()}
        assert list(required_by([{"name": "pytest:x", "config": {"inner": {"name": "numpy:y"}}}])) == [
            "npdl-core"
        ]

    def test_what_is_checked(self, monkeypatch):
        check_requirements({})
        check_requirements({"npdl-core": "99"})

        catalogue = SimpleNamespace(
            versions={"npdl-rnn": "1.0", "other": "2"}, excluded={"other": "NPDL_DISABLE_PLUGINS"}
        )
        monkeypatch.setattr(type(registry.default()), "catalogue", property(lambda self: catalogue))
        check_requirements({"NPDL_rnn": "0.1"})
        assert required_by({"name": "npdl-rnn:lstm"}) == {"npdl-core": npdl_version(), "npdl-rnn": "1.0"}
        with pytest.raises(
            MissingPluginError, match=r"needs other .*, which NPDL_DISABLE_PLUGINS does not allow"
        ):
            check_requirements({"other": "2"})
        with pytest.raises(
            MissingPluginError,
            match=r"npdl-conv \(saved with version 3\), which is not installed; install it with: pip",
        ):
            check_requirements({"npdl-conv": "3"})
        with pytest.raises(MissingPluginError, match="from where its author publishes it"):
            check_requirements({"elsewhere\x1b": "1"})


class TestEnvelopes:
    def test_forms(self):
        assert is_envelope({"name": "x"})
        assert is_envelope({"name": "x", "config": {}})
        for value in ({}, {"config": {}}, {"name": 3}, {"name": "x", "y": 1}, "x", None, ["name"]):
            assert not is_envelope(value)

    def test_to_and_from(self):
        assert to_envelope(Softmax(2))["name"] == "npdl-core:softmax"
        assert from_envelope(Softmax, to_envelope(Softmax(2))).n_out == 2
        assert jsonable({"a": Softmax(2)}, "x")["a"]["name"] == "npdl-core:softmax"
        for odd in ({"name": 3}, "x", None, {"name": "x", "z": 1}):

            class Foreign:
                def to_json(self, odd=odd):
                    return odd

            with pytest.raises(SerializationError, match="no to_json that returns an envelope"):
                to_envelope(Foreign())
