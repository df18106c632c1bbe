"""Rewards of a loss reach the layers before their backward; what evaluation reports may differ from training."""

import numpy as np
import pytest

from npdl_core import Graph, Model
from npdl_core.errors import ConfigError, DataError
from npdl_core.layers import Dense, Identity, Layer
from npdl_core.objectives import MeanSquaredError


class Agent(Layer):
    """Hands its input on, and the reward back."""

    reward = None

    def forward(self, input, train=True):
        return input

    def reinforce(self, reward):
        self.reward = np.array(reward)

    def backward(self, pre_grad):
        return pre_grad + self.reward[:, None].astype(pre_grad.dtype)


class Rewarding(MeanSquaredError):
    """Rewards each sample with its weight."""

    rewards = True

    def reward(self, outputs, targets, mask=None, sample_weight=None):
        rewards = np.arange(float(len(outputs)))
        return rewards if sample_weight is None else rewards * sample_weight


class Estimated(MeanSquaredError):
    """Reports ten times as much where nothing is trained, and defines how it trains."""

    def evaluation_total(self, outputs, targets, mask=None, sample_weight=None):
        total, weight = self.total(outputs, targets, mask, sample_weight)
        return 10 * total, weight

    def total_and_gradient(self, outputs, targets, mask=None, sample_weight=None, *, fused=False):
        return 5.0, 1.0, np.zeros_like(outputs)

    def total(self, outputs, targets, mask=None, sample_weight=None):
        return super().total(outputs, targets, mask, sample_weight)


X = np.arange(6.0).reshape(3, 2)
Y = np.zeros((3, 2))


def test_a_reward_reaches_the_layers():
    agent = Agent()
    model = Model([Dense(2, activation="linear"), agent], seed=0, dtype="float64").compile(Rewarding())
    model.train_on_batch(X, Y)
    assert agent.reward.tolist() == [0, 1, 2]
    plain = Model([Dense(2, activation="linear")], seed=0, dtype="float64").compile("mse")
    plain.train_on_batch(X, Y)
    np.testing.assert_allclose(model.layers[0].db - plain.layers[0].db, [3, 3])
    model.train_on_batch(X, Y, sample_weight=np.array([1.0, 2.0, 3.0]))
    assert agent.reward.tolist() == [0, 2, 6]


def graph(*losses):
    agent = Agent()
    nodes = {"body": Dense(2), "agent": agent, "a": Identity(), "b": Identity()}
    inputs = {"body": "x", "agent": "body", "a": "agent", "b": "agent"}
    network = Graph({"x": None}, {key: (nodes[key], inputs[key]) for key in nodes}, ["a", "b"], seed=0)
    network.compile(dict(zip("ab", losses, strict=True)), loss_weights={"a": 2.0})
    return agent, network


def test_of_several_losses_one_may_reward():
    agent, network = graph(Rewarding(), "mse")
    network.train_on_batch(X, {"a": Y, "b": Y})
    assert agent.reward.tolist() == [0, 2, 4]
    with pytest.raises(ConfigError, match="one reward"):
        graph(Rewarding(), Rewarding())


def test_a_loss_without_rewards_says_so():
    with pytest.raises(DataError, match="no rewards"):
        MeanSquaredError().reward(X, Y)


def test_training_and_evaluation_may_report_different_losses():
    model = Model([Identity()]).compile(Estimated())
    assert model.train_on_batch(X, Y)["loss"] == 5
    plain = MeanSquaredError().forward(X, Y)
    assert model.evaluate(X, Y)["loss"] == pytest.approx(10 * plain)
    model.compile(Estimated(reduction="sum"))
    assert model.evaluate(X, Y)["loss"] == pytest.approx(MeanSquaredError(reduction="sum").forward(X, Y))


class Steeper(MeanSquaredError):
    """Has a gradient of its own, and leaves the rest to the base."""

    def backward(self, outputs, targets, mask=None, sample_weight=None):
        return 2 * super().backward(outputs, targets, mask, sample_weight)


def test_a_gradient_of_its_own_is_the_one_that_trains():
    models = [
        Model([Dense(2, activation="linear")], seed=0, dtype="float64").compile(loss, "sgd")
        for loss in (MeanSquaredError(), Steeper())
    ]
    before = models[0].connect((None, 2)).layers[0].W.copy()
    losses = [model.train_on_batch(X, Y)["loss"] for model in models]
    assert losses[0] == losses[1]
    moved = [model.layers[0].W - before for model in models]
    assert moved[0].any()
    np.testing.assert_allclose(moved[1], 2 * moved[0], rtol=1e-9)
