"""Mutants of optimizers, each rejected by the name of the property that it breaks."""

import numpy as np
import pytest
from right_layers import collector

from npdl_core.errors import ConfigError
from npdl_core.optimizers import SGD, Optimizer
from npdl_core.testing import check_optimizer
from npdl_core.testing.common import COMMON
from npdl_core.testing.optimizers import PROPERTIES

MUTANTS, breaks = collector()
SHARED = {}
RNG = np.random.default_rng(0)
MOMENTUM = {"momentum": 0.9, "lr": 0.01}


class Whole(SGD):
    """A rule that looks at a parameter as a whole: its step has length lr."""

    elementwise = False

    def update_array(self, p, g, treatment, slots):
        gradient = treatment.gradient(p, g, [np.empty_like(p), np.empty_like(p)])
        norm = float(np.sqrt(np.sum(np.square(gradient, dtype=np.float64))))
        p *= treatment.keep
        p -= (treatment.lr / max(norm, 1e-12) * gradient).astype(p.dtype)


class Plain:
    """Gradient descent outside the base."""

    elementwise = True

    def update(self, params, grads, decay=None):
        if [p.shape for p in params] != [g.shape for g in grads]:
            raise ConfigError("shapes differ")
        for p, g in zip(params, grads, strict=True):
            p -= p.dtype.type(0.1) * g


@pytest.mark.parametrize(
    ("spec", "config"),
    [
        (SGD, None),
        (SGD, MOMENTUM),
        (SGD(**MOMENTUM, weight_decay=0.1), None),
        (Whole, None),
        (Plain, None),
        (Plain(), None),
    ],
)
def test_right_optimizers_are_accepted(spec, config):
    assert check_optimizer(spec, config=config) == tuple(check.__name__ for check in PROPERTIES)


class Changed(SGD):
    """What mutants derive from: sees the arguments of every update."""

    def update(self, params, grads, decay=None):
        super().update(params, grads, decay)


@breaks("updates_in_place")
class Returns(Changed):
    def update(self, params, grads, decay=None):
        super().update(params, grads, decay)
        return params


@breaks("updates_in_place")
class Rebinds(Changed):
    def update(self, params, grads, decay=None):
        own = [p.copy() for p in params]
        super().update(own, grads, decay)


@breaks("updates_in_place")
class SkipsVectors(Changed):
    def apply(self, p, g, lr, scratch, **slots):
        if p.ndim != 1:
            super().apply(p, g, lr, scratch, **slots)


@breaks("updates_in_place")
class DividesByZero(Changed):
    def apply(self, p, g, lr, scratch, **slots):
        p /= np.inf
        p += np.inf


@breaks("updates_in_place")
class Resizes(Changed):
    def update(self, params, grads, decay=None):
        super().update(params, grads, decay)
        for p in params:
            if p.shape == (5,):
                p.shape = (5, 1)


@breaks("gradients_are_not_modified")
class WritesGradients(Changed):
    def apply(self, p, g, lr, scratch, **slots):
        g *= lr
        p -= g


@breaks("gradients_are_not_modified")
class NeedsWritable(Changed):
    def update(self, params, grads, decay=None):
        if any(not g.flags.writeable for g in grads):
            raise ValueError("read-only")
        super().update(params, grads, decay)


@breaks("flat_buffers_are_equal")
class SecretlyWhole(Whole):
    elementwise = True


@breaks("flat_buffers_are_equal")
class MeanOfBlock(Changed):
    def apply(self, p, g, lr, scratch, **slots):
        p -= lr * g if p.size < 10_000 else lr * (g - g.mean() * 1e-6)


@breaks("strided_arrays_work")
class FlattensCopies(Changed):
    def apply(self, p, g, lr, scratch, **slots):
        p.reshape(-1)[...] -= lr * g.reshape(-1)


@breaks("strided_arrays_work")
class GradientInMemoryOrder(Changed):
    def apply(self, p, g, lr, scratch, **slots):
        p -= lr * g.ravel(order="K").reshape(p.shape)


@breaks("same_gradients_same_result")
class SharesState(SGD):
    def slot_names(self):
        return ()

    def apply(self, p, g, lr, scratch, **slots):
        velocity = SHARED.setdefault((p.shape, p.dtype.str), np.zeros_like(p))
        velocity *= 0.9
        velocity -= lr * g
        p += velocity


@breaks("same_gradients_same_result")
class DrawsGlobally(Changed):
    def apply(self, p, g, lr, scratch, **slots):
        np.random.random()  # noqa: NPY002  the defect
        super().apply(p, g, lr, scratch, **slots)


@breaks("state_continues", config=MOMENTUM)
class ForgetsVelocity(SGD):
    def load_state(self, state):
        super().load_state(state)
        for entry in self._slots.entries:
            for array in entry.values():
                array[...] = 0


@breaks("state_continues", config=MOMENTUM)
class HandsOutItsState(SGD):
    def state(self):
        own = {f"{i}.{name}": a for i, e in enumerate(self._arrays().entries) for name, a in e.items()}
        return {**super().state(), **own}


@breaks("state_continues")
class ForgetsCounter(SGD):
    def state(self):
        return {**super().state(), "iterations": 0}

    def apply(self, p, g, lr, scratch, **slots):
        p -= lr / self.iterations * g


@breaks("state_continues")
class StateOfOtherEntries(SGD):
    seen = 0

    def state(self):
        self.seen += 1
        return {**super().state(), "epoch": self.seen}

    def load_state(self, state):
        super().load_state(state)
        self.epoch = 0


@breaks("a_foreign_state_is_refused")
class TakesAnything(SGD):
    def load_state(self, state):
        super().load_state({**self.state(), **{k: v for k, v in state.items() if k in self.state()}})


@breaks("a_foreign_state_is_refused")
class ChangesBeforeItChecks(SGD):
    def load_state(self, state):
        self.iterations = 0
        super().load_state(state)


@breaks("reset_forgets")
class KeepsCounting(SGD):
    def reset(self):
        counted = getattr(self, "iterations", 0)
        super().reset()
        self.iterations = counted

    def apply(self, p, g, lr, scratch, **slots):
        p -= lr / self.iterations * g


@breaks("misfits_change_nothing")
class ChecksTooLate(Changed):
    def update(self, params, grads, decay=None):
        for p, g in zip(params, grads, strict=False):
            super().update([p], [g])


@breaks("misfits_change_nothing")
class CountsBeforeItChecks(Changed):
    def update(self, params, grads, decay=None):
        self.asked = getattr(self, "asked", 0) + 1
        super().update(params, grads, decay)


@breaks("misfits_change_nothing", config=MOMENTUM)
class TakesAnyParameters(SGD):
    def update(self, params, grads, decay=None):
        if self._slots is not None and self._slots.entries and len(self._slots.entries) != len(params):
            self.reset()
        super().update(params, grads, decay)


@breaks("misfits_change_nothing")
class WritesHalf(Changed):
    def update(self, params, grads, decay=None):
        if params:
            params[0] += 0.0 if len(params) == len(grads) else 1.0
        super().update(params, grads, decay)


@breaks("descends")
class Ascends(Changed):
    def apply(self, p, g, lr, scratch, **slots):
        p += lr * g


@breaks("rate_zero_changes_nothing")
class IgnoresRate(Changed):
    def apply(self, p, g, lr, scratch, **slots):
        p -= 0.01 * g


@breaks("schedules_are_taken")
class RateAtConstruction(SGD):
    def apply(self, p, g, lr, scratch, **slots):
        p -= (lr if not callable(self.lr) else 2 * lr) * g


@breaks("clipping_is_of_the_gradient")
class ClipsNothing(SGD):
    def _treatment(self, lr, weight_decay):
        return super()._treatment(lr, weight_decay)._replace(clip=-1)


@breaks("clipping_is_of_the_gradient")
class NormOfEach(SGD):
    def update(self, params, grads, decay=None):
        if self.clip_norm is not None:
            norms = [max(float(np.sqrt(np.sum(g**2))), 1e-12) for g in grads]
            grads = [np.asarray(g * min(1.0, self.clip_norm / n)) for g, n in zip(grads, norms, strict=True)]
        super().update(params, grads, decay)


@breaks("decay_flags_choose")
class DecaysEverything(SGD):
    def update(self, params, grads, decay=None):
        super().update(params, grads)


@breaks("decay_flags_choose")
class DecaysNothing(SGD):
    def update(self, params, grads, decay=None):
        super().update(params, grads, [False] * len(params))


@breaks("nothing_to_update_is_fine")
class NeedsParameters(Changed):
    def update(self, params, grads, decay=None):
        params[0]
        super().update(params, grads, decay)


@pytest.mark.parametrize(("name", "cls", "arguments"), MUTANTS)
def test_mutants_are_rejected(rejected, name, cls, arguments):
    rejected("optimizers", name, cls, lambda: check_optimizer(cls, **arguments))


def test_every_property_has_a_mutant():
    own = {check.__name__ for check in PROPERTIES} - {check.__name__ for check in COMMON}
    assert {param.values[0] for param in MUTANTS} == own


def test_the_base_alone_is_no_optimizer():
    with pytest.raises(ConfigError, match="abstract"):
        check_optimizer(Optimizer)
