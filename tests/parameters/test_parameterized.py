"""Parameters as attributes, children, and settings that are handed down."""

import copy
import json
import pickle

import numpy as np
import pytest

from npdl_core import Model, registry
from npdl_core.component import Component
from npdl_core.composite import Composite
from npdl_core.errors import (
    ConfigError,
    MissingShapeError,
    NotConnectedError,
    SerializationError,
    ShapeError,
    StateError,
)
from npdl_core.layers import Dense, Layer, Residual, Softmax
from npdl_core.objectives import Objective


class Bare(Layer):
    def forward(self, input, train=True):
        return input

    def backward(self, pre_grad):
        return pre_grad


class TestAddParam:
    def test_what_it_makes(self):
        layer = Bare()
        layer.rng = np.random.default_rng(0)
        value = layer.add_param("W", (2, np.int64(3)), "one")
        assert layer.W is value
        assert layer.W.dtype == np.float32
        assert layer.dW.shape == (2, 3)
        assert layer.param_grads[0][0] is layer.W
        layer.add_param("mean", (2,), np.array([1.0, 2.0]), trainable=False)
        assert layer.mean.tolist() == [1, 2]
        assert not hasattr(layer, "dmean")
        assert [array.shape for array in layer.buffers] == [(2,)]

    def test_again_it_is_kept(self):
        layer = Bare()
        W = layer.add_param("W", (2,), "one")
        assert layer.add_param("W", [2], "zero") is W
        with pytest.raises(
            ShapeError, match=r"W was made with shape \(2,\) and this input would need \(3,\)"
        ):
            layer.add_param("W", (3,))

    def test_what_is_refused(self):
        layer = Bare()
        with pytest.raises(MissingShapeError, match=r"Bare: W needs shape \(None, 3\)"):
            layer.add_param("W", (None, 3))
        with pytest.raises(ShapeError, match="Bare: W: given values have shape"):
            layer.add_param("W", (3,), np.ones(2))
        for name in ("a.b", "1", "", "a b"):
            with pytest.raises(ConfigError, match="a parameter's name is an identifier"):
                layer.add_param(name, (1,))

    def test_arrays_as_arguments_do_not_enter_the_configuration(self):
        class Given(Bare):
            def __init__(self, init="zero"):
                self.init = self.init_argument("init", init)

            def connect_to(self, prev_layer=None):
                super().connect_to(prev_layer)
                self.add_param("s", (2,), self.init)

        values = np.array([3.0, 4.0])
        layer = Given(values).connect((None, 2))
        assert layer.s.tolist() == [3, 4]
        assert layer.config == {"init": "zero"}
        values[0] = 9
        assert layer.s[0] == 3


class TestAssigning:
    def test_copies_into_the_slot(self):
        layer = Dense(2).connect((None, 3))
        W = layer.W
        layer.W = np.arange(6).reshape(3, 2)
        assert layer.W is W
        assert W[2, 1] == 5
        layer.W += 1
        assert W[2, 1] == 6
        layer.W = W
        with pytest.raises(ShapeError, match=r"Dense.W has shape \(3, 2\), got an array of shape \(2,\)"):
            layer.W = np.zeros(2)
        with pytest.raises(TypeError):
            layer.W = np.full((3, 2), 1j)
        layer.other = 3
        assert layer.other == 3

    def test_forgetting(self):
        layer = Dense(2).connect((None, 3))
        layer.forget_param("W")
        assert not hasattr(layer, "W")
        assert not hasattr(layer, "dW")
        layer.W = "free"
        assert layer.W == "free"


class TestSharing:
    def test_one_array_two_names(self):
        source, user = Dense(2).connect((None, 3)), Bare()
        with pytest.raises(NotConnectedError, match="does not exist yet; connect Dense first"):
            user.share_param("V", Dense(2), "W")
        user.share_param("V", source, "W")
        user.share_param("V", source, "W")
        assert user.V is source.W
        assert user.dV is source.dW
        user.V = np.zeros((3, 2))
        assert not source.W.any()
        user.forget_param("V")
        Model([source], seed=0).connect((None, 3)).compile("mse")
        assert not hasattr(user, "V")


class Pair(Bare):
    def __init__(self, first="identity", second="identity"):
        self.add_layer("first", first)
        self.add_layer("second", second)


class TestChildren:
    def test_settings_are_handed_down(self):
        inner = Pair(Dense(2), Dense(3))
        outer = Pair(inner, "dropout")
        rng = np.random.default_rng(3)
        outer.dtype, outer.rng, outer.trainable = "float64", rng, False
        parts = list(outer.descendants())
        assert parts == [outer, inner, inner.first, inner.second, outer.second]
        assert {part.dtype for part in parts} == {np.dtype("float64")}
        assert all(part.rng is rng for part in parts)
        assert not any(part.trainable for part in parts)

    def test_later_children_take_them_over(self):
        layer = Pair()
        layer.dtype = "float64"
        child = layer.add_layer("third", Dense(2))
        assert child.dtype == np.float64
        ready = Dense(2).connect((None, 3))
        layer.add_layer("fourth", ready)
        assert ready.dtype == np.float32

    def test_names(self):
        with pytest.raises(ConfigError, match="a child's name is an identifier"):
            Pair().add_layer("a.b", Dense(2))
        with pytest.raises(ValueError, match="unknown layer 'nonsense'"):
            Pair().add_layer("a", "nonsense")

    def test_a_fresh_generator_unless_one_is_set(self):
        layer = Pair(Dense(2))
        assert layer.rng is layer.first.rng
        assert layer.rng is layer.rng

    def test_dtype_is_fixed_by_the_first_parameter(self):
        layer = Dense(2).connect((None, 3))
        layer.dtype = "float32"
        with pytest.raises(ConfigError, match="dtype float64 cannot be set after its parameters were made"):
            layer.dtype = "float64"

    def test_names_of_parameters(self):
        layer = Residual(Residual(Dense(2))).connect((None, 2))
        assert [name for name, _ in layer.named_parameters("x.")] == ["x.layer.layer.W", "x.layer.layer.b"]
        assert list(layer.state_arrays()) == ["layer.layer.W", "layer.layer.b"]


class Weighted(Objective):
    """An objective with a parameter of its own."""

    def connect_to(self, last_layer):
        self.add_param("scale", (last_layer.out_shape[-1],), "one", decay=False)

    def losses(self, outputs, targets):
        self.difference = outputs - targets
        return (np.exp(self.scale) * self.difference**2 - self.scale).sum(axis=-1)

    def gradients(self, outputs, targets):
        difference = outputs - targets
        self.dscale = (np.exp(self.scale) * difference**2 - 1).sum(axis=0) / len(outputs)
        return 2 * np.exp(self.scale) * difference


class TestObjectivesWithParameters:
    @pytest.fixture
    def model(self):
        model = Model([Dense(2, n_in=3)], seed=0).compile(Weighted(), {"name": "sgd", "config": {"lr": 0.1}})
        self.X, self.Y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
        return model

    def test_they_are_trained_and_listed(self, model):
        assert list(model.weights()) == ["0.dense.W", "0.dense.b", "loss.scale"]
        model.train_on_batch(self.X, self.Y)
        assert (model.loss.scale != 1).all()
        assert model.loss.scale.base is model.compiled.store.values[model.dtype]
        assert len(model.params) == len(model.grads) == 3

    @pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
    def test_copies(self, model, duplicate):
        model.train_on_batch(self.X, self.Y)
        twin = duplicate(model)
        assert (twin.loss.scale == model.loss.scale).all()
        assert twin.loss is not model.loss
        assert twin.loss.scale.base is twin.compiled.store.values[model.dtype]
        assert twin.train_on_batch(self.X, self.Y) == model.train_on_batch(self.X, self.Y)
        free = duplicate(model.loss)
        assert free.dscale is not model.loss.dscale
        Model([Dense(2, n_in=3)], seed=0).compile(free)

    def test_compiling_another_loss_frees_them(self, model):
        loss = model.loss
        model.compile("mse", {"name": "sgd", "config": {"lr": 0.1}})
        assert list(model.weights()) == ["0.dense.W", "0.dense.b"]
        Model([Dense(2, n_in=3)], seed=0).compile(loss)

    def test_dtype(self):
        model = Model([Dense(2, n_in=3)], seed=0, dtype="float64").compile(Weighted())
        assert model.loss.scale.dtype == np.float64

    def test_one_loss_of_two_models_is_an_error(self, model):
        from npdl_core.errors import OwnershipError

        with pytest.raises(OwnershipError, match=r"loss\.scale"):
            Model([Dense(2, n_in=3)], seed=0).compile(model.loss)


class TestClones:
    def test_configuration_only(self):
        layer = Residual(Dense(3, init=np.eye(3))).connect((None, 3))
        layer.freeze()
        twin = layer.clone()
        assert twin.out_shape is None
        assert not twin.trainable
        assert twin.layer is not layer.layer
        assert not hasattr(twin.layer, "W")
        assert twin.layer.config["init"] == "zero"

    def test_mutable_configuration_is_copied(self):
        class Listed(Bare):
            def __init__(self, sizes=(1, 2), options=None):
                self.sizes = sizes

        layer = Listed([1, 2], {"a": [3], "b": Dense(2)})
        twin = layer.clone()
        twin.config["sizes"].append(9)
        twin.config["options"]["a"].append(9)
        assert layer.config["sizes"] == [1, 2]
        assert layer.config["options"]["a"] == [3]
        assert twin.config["options"]["b"] is not layer.config["options"]["b"]

    def test_dtype_goes_along(self):
        layer = Dense(2)
        layer.dtype = "float64"
        assert layer.clone().dtype == np.float64


class TestComponents:
    def test_configuration_is_captured(self):
        class Thing(Component):
            def __init__(self, a, b=2, *, c=3, **rest):
                pass

        thing = Thing(1, d=4)
        assert thing.config == {"a": 1, "b": 2, "c": 3, "d": 4}
        assert repr(thing) == "Thing(a=1, b=2, c=3, d=4)"
        assert str(thing) == "Thing"
        again = copy.deepcopy(thing)
        assert again.config == thing.config
        assert again.config is not thing.config

    def test_wrong_arguments(self):
        with pytest.raises(ConfigError, match=r"Dense\(n_out: 'int'.*missing a required argument: 'n_out'"):
            Dense()
        with pytest.raises(ConfigError, match="unexpected keyword argument 'units'"):
            Dense(2, units=3)

    def test_positional_rest_has_no_json(self):
        class Open(Component):
            def __init__(self, *layers):
                pass

        with pytest.raises(SerializationError, match=r"\*layers: .*take a list instead"):
            Open(1)

    def test_json(self):
        envelope = Softmax(2).to_json()
        assert Softmax.from_json(envelope).config == Softmax(2).config
        assert Softmax.from_json({"n_out": 5}).n_out == 5
        with pytest.raises(ConfigError, match="is a Softmax, not a Residual"):
            Residual.from_json(envelope)
        with pytest.raises(ConfigError, match="needs a dict, got list"):
            Softmax.from_json([1])
        with pytest.raises(SerializationError, match="Bare cannot be written to a configuration"):
            Bare().to_json()

    def test_attributes_survive_copies(self):
        from npdl_core.metrics import Accuracy

        metric = Accuracy()
        metric.update(np.eye(2), np.array([0, 0]))
        assert copy.deepcopy(metric).result() == metric.result() == 0.5


class TestMasksByDefault:
    @pytest.mark.parametrize(
        ("came", "out", "passes"),
        [
            ((None, 4, 3), (None, 4, 5), True),
            ((None, None, 3), (None, None, 5), True),
            ((None, 4), (None, 4, 5), True),
            ((None, 4, 3), (None, 2, 3), False),
            ((None, 4, 3), (None, 12), False),
        ],
    )
    def test_where_the_axes_stay(self, came, out, passes):
        layer = Bare()
        layer.in_shape, layer.out_shape = came, out
        mask = np.ones((2, 4), bool)
        assert (layer.compute_mask(None, mask) is mask) is passes
        assert layer.compute_mask(None, None) is None
        layer.out_shape = None
        assert layer.compute_mask(None, mask) is None


class TestLayerBase:
    def test_backward_needs_a_forward(self):
        layer = Dense(2).connect((None, 3))
        layer.forward(np.ones((1, 3), "float32"), train=False)
        with pytest.raises(StateError, match=r"Dense\.backward needs a training forward first"):
            layer.backward(np.ones((1, 2), "float32"))

    def test_the_first_shape_must_be_known(self):
        with pytest.raises(MissingShapeError, match="pass n_in=…, put an input layer first"):
            Dense(2).connect_to()

        class Shaped(Bare):
            def __init__(self, input_shape=None):
                pass

        layer = Shaped((None, 4, 5))
        layer.connect_to()
        assert layer.out_shape == (None, 4, 5)
        with pytest.raises(MissingShapeError, match="pass input_shape"):
            Shaped().connect_to()

    def test_rewards_and_costs_reach_the_layers_below(self):
        class Noting(Bare):
            def reinforce(self, reward):
                self.reward = reward

            def cost(self):
                return 2.0

        inner = Noting()
        outer = Residual(Residual(inner))
        outer.reinforce(np.ones(3))
        assert inner.reward.tolist() == [1, 1, 1]
        assert outer.cost() == 2.0
        assert Bare().cost() == 0.0

    def test_children_of_other_kinds(self):
        class Squashing(Bare):
            def __init__(self, activation="tanh"):
                self.add_child("activations", "activation", activation)

        layer = Squashing()
        layer.freeze().unfreeze()
        layer.dtype = "float64"
        layer.reinforce(np.ones(3))
        assert list(layer.descendants()) == [layer]
        assert list(layer.named_parameters()) == []
        assert layer.residuals[1] == ()
        assert layer.activation(0.0) == 0.0

    def test_a_parameter_without_a_gradient_may_be_shared(self):
        source, user = Bare(), Bare()
        source.add_param("table", (2,), "one", trainable=False)
        user.share_param("mine", source, "table")
        assert user.mine is source.table
        assert not hasattr(user, "dmine")
        user.forget_param("mine")
        assert not hasattr(user, "mine")

    def test_a_part_without_parameters_of_its_own(self):
        class Pair(Composite):
            kind = "activations"

            def __call__(self, x, out=None):
                return x

            def vjp(self, pre_grad, x, y):
                return pre_grad

        class Squashing(Bare):
            def __init__(self, activation="pair_here"):
                self.add_child("activations", "activation", activation)

        registry.register("activations", "pair_here", Pair)
        registry.register("layers", "squashing_here", Squashing)
        try:
            layer = Squashing()
            layer.freeze().unfreeze()
            assert [type(part) for part in layer.descendants()] == [Squashing, Pair]
            model = Model([layer, Dense(2)]).connect((None, 3))
            assert "frozen" not in json.loads(model.to_json())
            layer.freeze()
            assert json.loads(model.to_json())["frozen"] == ["0.squashing_here"]
        finally:
            registry.unregister("layers", "squashing_here")
            registry.unregister("activations", "pair_here")


def test_a_layer_that_refuses_every_shape():
    class Picky(Bare):
        def connect_to(self, prev_layer=None):
            raise ShapeError("two axes are not enough")

    model = Model([Picky()]).compile("mse", "sgd")
    with pytest.raises(ShapeError, match="two axes are not enough"):
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 3)))
