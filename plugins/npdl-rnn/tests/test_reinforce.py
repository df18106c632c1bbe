"""Stochastic layers: the rule is the formula, its expectation is the gradient, and rewards find their way."""

import math

import numpy as np
import pytest

from npdl_core import Model, registry
from npdl_core.errors import DataError, ShapeError
from npdl_core.testing import check_layer
from npdl_rnn.layers.reinforce import ReinforceBernoulli, ReinforceCategorical, ReinforceNormal
from npdl_rnn.layers.reinforce_gamma import ReinforceGamma, digamma
from npdl_rnn.objectives import SequenceObjective, VRClassReward

RNG = np.random.default_rng(0)


def drawn(layer, x, reward, seed=0):
    """Return actions and input gradient of one step."""
    layer.connect([(None, *part.shape[1:]) for part in x] if isinstance(x, list) else (None, *x.shape[1:]))
    layer.rng = np.random.default_rng(seed)
    action = layer.forward(x).copy()
    layer.reinforce(reward)
    return action, layer.backward(np.full(action.shape, 1e9))


class TestFormulas:
    """Each written out, number by number."""

    def test_normal(self):
        mean, reward = RNG.normal(size=(4, 2)), RNG.normal(size=4)
        action, grad = drawn(ReinforceNormal(0.3), mean, reward)
        for n in range(4):
            for j in range(2):
                due = -reward[n] * (action[n, j] - mean[n, j]) / 0.3**2
                assert grad[n, j] == pytest.approx(due)

    def test_normal_with_deviations(self):
        mean, std, reward = RNG.normal(size=(4, 2)), RNG.uniform(0.5, 2, (4, 2)), RNG.normal(size=4)
        action, (dmean, dstd) = drawn(ReinforceNormal(), [mean, std], reward)
        step = action - mean
        np.testing.assert_allclose(dmean, -reward[:, None] * step / std**2)
        np.testing.assert_allclose(dstd, -reward[:, None] * (step**2 - std**2) / std**3)

    def test_bernoulli(self):
        p, reward = RNG.uniform(0.1, 0.9, (4, 3)), RNG.normal(size=4)
        action, grad = drawn(ReinforceBernoulli(), p, reward)
        np.testing.assert_allclose(grad, -reward[:, None] * (action - p) / (p * (1 - p)))

    def test_categorical(self):
        p, reward = RNG.dirichlet(np.ones(3), 4), RNG.normal(size=4)
        action, grad = drawn(ReinforceCategorical(), p, reward)
        assert action.sum(axis=1).tolist() == [1, 1, 1, 1]
        np.testing.assert_allclose(grad, -reward[:, None] * action / p)

    def test_gamma(self):
        shape, scale, reward = RNG.uniform(0.5, 3, (4, 2)), RNG.uniform(0.5, 2, (4, 2)), RNG.normal(size=4)
        action, (dshape, dscale) = drawn(ReinforceGamma(), [shape, scale], reward)
        step = 1e-6

        def log_density(k, theta):
            gamma = np.vectorize(math.lgamma)(k)
            return (k - 1) * np.log(action) - action / theta - gamma - k * np.log(theta)

        by_shape = (log_density(shape + step, scale) - log_density(shape - step, scale)) / (2 * step)
        by_scale = (log_density(shape, scale + step) - log_density(shape, scale - step)) / (2 * step)
        np.testing.assert_allclose(dshape, -reward[:, None] * by_shape, rtol=1e-6)
        np.testing.assert_allclose(dscale, -reward[:, None] * by_scale, rtol=1e-6)
        layer = ReinforceGamma(2.0).connect((None, 2))
        assert layer.forward(shape, train=False) == pytest.approx(2 * shape)

    def test_digamma(self):
        """Against ln Γ from the standard library, by central differences."""
        for x in (0.01, 0.3, 1.0, 2.5, 20.0, 1e4):
            step = 1e-5 * x
            due = (math.lgamma(x + step) - math.lgamma(x - step)) / (2 * step)
            assert digamma(np.array(x)) == pytest.approx(due, rel=1e-6)

    def test_a_reward_for_each_step(self):
        p, reward = RNG.uniform(0.1, 0.9, (4, 5, 3)), RNG.normal(size=(4, 5))
        action, grad = drawn(ReinforceBernoulli(), p, reward)
        np.testing.assert_allclose(grad, -reward[..., None] * (action - p) / (p * (1 - p)))

    def test_what_is_impossible_is_not_drawn(self):
        """Not even by the smallest number that a generator gives."""

        class Least:
            def random(self, shape):
                return np.zeros(shape)

        layer = ReinforceCategorical().connect((None, 3))
        layer.rng = Least()
        assert layer.forward(np.array([[0.0, 0.4, 0.6]])).tolist() == [[0, 1, 0]]
        bits = ReinforceBernoulli().connect((None, 2))
        bits.rng = Least()
        assert bits.forward(np.array([[0.0, 0.1]])).tolist() == [[0, 1]]

    def test_impossible_actions_stay_finite(self):
        action, grad = drawn(ReinforceCategorical(), np.array([[0.0, 1.0]]), np.ones(1))
        assert action.tolist() == [[0, 1]]
        assert grad.tolist() == [[0, -1]]


class TestExpectation:
    """Over many draws the gradient is that of -E[r], which is known."""

    N = 200_000

    def mean_gradient(self, layer, row, reward):
        """Return the mean gradient for one row of inputs, and its standard error."""
        x = (
            [np.tile(part, (self.N, 1)) for part in row]
            if isinstance(row, list)
            else np.tile(row, (self.N, 1))
        )
        layer.connect([(None, len(part)) for part in row] if isinstance(row, list) else (None, len(row)))
        layer.rng = np.random.default_rng(1)
        action = layer.forward(x)
        layer.reinforce(reward(action))
        grad = layer.backward(action)
        parts = grad if isinstance(grad, list) else [grad]
        return [(part.mean(axis=0), part.std(axis=0) / np.sqrt(self.N)) for part in parts]

    @staticmethod
    def check(found, due):
        mean, error = found
        assert (np.abs(mean - due) < 4 * error).all(), (mean, due, error)
        assert (4 * error < 0.15 * np.abs(due).max()).all()

    def test_normal(self):
        """With r = -Σ (a - c)² the expectation is -Σ [(μ - c)² + σ²]."""
        mean, std, target = np.array([0.5, -0.2]), np.array([0.4, 0.7]), np.array([1.0, 0.3])
        of_mean, of_std = self.mean_gradient(
            ReinforceNormal(), [mean, std], lambda a: -((a - target) ** 2).sum(axis=1)
        )
        self.check(of_mean, 2 * (mean - target))
        self.check(of_std, 2 * std)
        (same,) = self.mean_gradient(ReinforceNormal(0.4), mean, lambda a: -((a - target) ** 2).sum(axis=1))
        self.check(same, 2 * (mean - target))

    def test_gamma(self):
        """With r = -a the expectation is -k θ."""
        shape, scale = np.array([0.7, 2.0]), np.array([0.5, 1.5])
        of_shape, of_scale = self.mean_gradient(ReinforceGamma(), [shape, scale], lambda a: -a.sum(axis=1))
        self.check(of_shape, scale)
        self.check(of_scale, shape)

    def test_bernoulli(self):
        """With r = a·c the expectation is p·c."""
        p, worth = np.array([0.2, 0.7, 0.5]), np.array([1.0, -2.0, 0.5])
        (found,) = self.mean_gradient(ReinforceBernoulli(), p, lambda a: a @ worth)
        self.check(found, -worth)

    def test_categorical(self):
        """The expectation is Σ p_j c_j."""
        p, worth = np.array([0.2, 0.5, 0.3]), np.array([1.0, -2.0, 0.5])
        (found,) = self.mean_gradient(ReinforceCategorical(), p, lambda a: a @ worth)
        self.check(found, -worth)

    def test_a_baseline_changes_the_variance_only(self):
        p, worth = np.array([0.2, 0.5, 0.3]), np.array([11.0, 8.0, 10.5])
        softmax = registry.get("activations", "softmax")

        def through_softmax(baseline):
            layer = ReinforceCategorical().connect((None, 3))
            layer.rng = np.random.default_rng(1)
            rows = np.tile(p, (self.N, 1))
            action = layer.forward(rows)
            layer.reinforce(action @ worth - baseline)
            return softmax.vjp(layer.backward(action), None, rows)

        plain, less = through_softmax(0.0), through_softmax(p @ worth)
        due = -p * (worth - p @ worth)
        self.check((less.mean(axis=0), less.std(axis=0) / np.sqrt(self.N)), due)
        assert (less.var(axis=0) < 0.1 * plain.var(axis=0)).all()


def rewarded(cls):
    """Return a subclass that earns something by itself, so that its gradients are not zero."""

    class Rewarded(cls):
        def forward(self, input, train=True):
            action = super().forward(input, train)
            if train:
                self.reinforce(action.sum(axis=tuple(range(1, action.ndim))))
            return action

    return Rewarded


@pytest.mark.parametrize(
    ("cls", "config", "domain"),
    [
        (ReinforceNormal, {"std": 0.5}, {}),
        (ReinforceGamma, {"scale": 0.5}, {"input_range": (0.5, 3.0)}),
        (ReinforceBernoulli, {}, {"input_range": (0.1, 0.9)}),
        (
            ReinforceCategorical,
            {},
            {"make_input": lambda rng, shape: rng.dirichlet([1] * shape[-1], shape[:-1])},
        ),
    ],
)
def test_with_rewards_it_is_still_a_layer(cls, config, domain):
    # A reward is for all uses of the layer, and comes when these are done.
    skip = ("gradients", "gradients_of_one", "documented", "residuals_can_be_kept")
    held = check_layer(rewarded(cls), config=config, skip=skip, **domain)
    assert "backward_can_be_repeated" in held


class TestUse:
    def test_inference_takes_the_expectation(self):
        p = np.array([[0.3, 0.7]])
        for layer in (ReinforceBernoulli(), ReinforceCategorical(), ReinforceNormal(1.0)):
            assert layer.connect((None, 2)).forward(p, train=False).tolist() == p.tolist()

    def test_a_new_draw_needs_a_new_reward(self):
        layer = ReinforceBernoulli()
        _, grad = drawn(layer, np.full((3, 2), 0.5), np.ones(3))
        assert grad.all()
        layer.forward(np.full((3, 2), 0.5))
        assert not layer.backward(np.ones((3, 2))).any()

    @pytest.mark.parametrize("reward", [np.ones(2), np.ones((3, 1)), np.ones((3, 2, 1)), 1.0])
    def test_rewards_that_do_not_fit(self, reward):
        with pytest.raises(DataError, match="does not fit actions"):
            drawn(ReinforceBernoulli(), np.full((3, 2), 0.5), reward)

    def test_normal_needs_a_deviation_once(self):
        for layer, shape in (
            (ReinforceNormal(), (None, 2)),
            (ReinforceNormal(0.1), [(None, 2), (None, 2)]),
            (ReinforceNormal(), [(None, 2), (None, 3)]),
        ):
            with pytest.raises(ShapeError, match="mean"):
                layer.connect(shape)


class TestVRClassReward:
    Y = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    Z = np.array([0, 1, 1, 1])

    def made(self, **config):
        loss = VRClassReward(**config)
        loss.dtype = "float64"
        loss.connect_to(None)
        return loss

    def test_rewards(self):
        loss = self.made(scale=2.0)
        loss.b[...] = 0.5
        assert loss.reward(self.Y, self.Z).tolist() == [1.5 / 4, -0.5 / 4, 1.5 / 4, -0.5 / 4]
        mask, weight = np.array([True, True, False, True]), np.array([1.0, 2.0, 5.0, 1.0])
        np.testing.assert_allclose(loss.reward(self.Y, self.Z, mask, weight), [1.5 / 4, -1 / 4, 0, -0.5 / 4])
        assert loss.forward(self.Y, self.Z) == pytest.approx(-1 + (2 * 1.5**2 + 2 * 0.5**2) / 8)

    def test_two_classes_in_one_column(self):
        loss = self.made(baseline=None)
        outputs = np.array([[0.9], [0.2], [0.6], [0.1]])
        for targets in (np.array([1, 0, 0, 1]), np.array([[1.0], [0.0], [0.0], [1.0]])):
            assert loss.reward(outputs, targets).tolist() == [0.25, 0.25, 0, 0]

    def test_steps_have_rewards_of_their_own(self):
        loss = SequenceObjective(VRClassReward(baseline=None))
        assert loss.rewards
        reward = loss.reward(self.Y.reshape(2, 2, 2), self.Z.reshape(2, 2))
        assert reward.tolist() == [[0.5, 0], [0.5, 0]]

    def test_the_baseline_becomes_the_mean_reward(self):
        model = Model(["identity"], dtype="float64")
        model.compile(VRClassReward(), {"name": "sgd", "config": {"lr": 0.5}})
        for _ in range(40):
            model.train_on_batch(self.Y, self.Z)
        assert model.loss.b[0] == pytest.approx(0.5)
        assert list(model.weights()) == ["loss.b"]

    def test_an_objective_beside_the_reward(self):
        loss, alone = self.made(objective="scce"), registry.get("objectives", "scce")
        assert loss.fuses == "softmax"
        np.testing.assert_allclose(loss.backward(self.Y, self.Z), alone.backward(self.Y, self.Z))
        np.testing.assert_allclose(loss.fused_backward(self.Y, self.Z), alone.fused_backward(self.Y, self.Z))
        assert not self.made().backward(self.Y, self.Z).any()


def test_a_policy_is_learned():
    """A bandit: each of four contexts has one class that pays; nothing but the reward says which."""
    X = np.eye(4, dtype="float32")[np.arange(400) % 4]
    Z = np.array([2, 0, 1, 2])[np.arange(400) % 4]
    model = Model(seed=0)
    model.add("dense", n_in=4, n_out=3, activation="softmax")
    model.add("reinforce_categorical")
    model.compile("vr_class_reward", {"name": "sgd", "config": {"lr": 2.0}}, ["accuracy"])
    before = model.evaluate(X, Z)["accuracy"]
    model.fit(X, Z, epochs=20, batch_size=40)
    assert before < 0.8
    assert model.evaluate(X, Z)["accuracy"] == 1.0
    assert model.predict(X)[np.arange(400), Z].min() > 0.8


class TestRewardsInSequences:
    """Rewards go through wrappers to the draws that earned them, step by step."""

    X, Z = RNG.normal(size=(5, 3)).astype("float32"), RNG.integers(0, 2, (5, 4))

    def looking(self, loss):
        dense = {"name": "dense", "config": {"n_out": 4}}
        looking = {"name": "chain", "config": {"layers": ["concat", dense]}}
        choosing = [
            {"name": "linear", "config": {"n_out": 2}},
            {"name": "reinforce_normal", "config": {"std": 0.5}},
        ]
        action = {"name": "chain", "config": {"layers": choosing}}
        model = Model(seed=0)
        model.add("recurrent_attention", rnn=looking, action=action, n_steps=4, hidden_shape=4)
        model.add("softmax", n_out=2)
        return model.compile(loss, {"name": "sgd", "config": {"lr": 0.0}})

    @pytest.mark.parametrize("seen", [[0, 1, 2, 3], [2]])
    def test_only_draws_before_a_reward_count(self, seen):
        """A reward at some steps only, and by hand the sum over those steps of -reward · (a - μ) / σ²."""
        model = self.looking(SequenceObjective(VRClassReward(baseline=None), average=True))
        model.train_on_batch(self.X, self.Z)
        attention = model.layers[0]
        linear, draw = attention.action.members
        drawn = []
        forward = draw.forward
        draw.forward = lambda x, train=True: drawn.append((x.copy(), forward(x, train))) or drawn[-1][1]
        model.forward(self.X, True)
        reward = np.zeros((5, 4), "float32")
        reward[:, seen] = RNG.normal(size=(5, len(seen)))
        attention.reinforce(reward)
        model.backward(np.zeros((5, 4, 2), "float32"))
        due = -sum(reward[:, t, None] * (drawn[t][1] - drawn[t][0]) / 0.25 for t in range(4))
        np.testing.assert_allclose(linear.db, due.sum(axis=0), rtol=1e-4)

    def test_one_reward_stands_for_all_steps(self):
        model = self.looking(VRClassReward(baseline=None))
        with_steps = self.looking("scce")
        for network in (model, with_steps):
            network.connect((None, 3))
            network.forward(self.X, True)
        reward = RNG.normal(size=5).astype("float32")
        model.layers[0].reinforce(reward)
        with_steps.layers[0].reinforce(np.repeat(reward[:, None], 4, axis=1))
        for network in (model, with_steps):
            network.backward(np.zeros((5, 4, 2), "float32"))
        due = with_steps.layers[0].action.layer0.db
        assert np.abs(due).max() > 0
        np.testing.assert_array_equal(model.layers[0].action.layer0.db, due)
