"""Each rule against its equations, written down plainly on whole arrays, epsilon included."""

import numpy as np
import pytest

from npdl_core import registry

LR = 0.03
STEPS = 200


def run_momentum(p, grads, m=0.9):
    v = np.zeros_like(p)
    for g in grads:
        v = m * v - LR * g(p)
        p = p + v
    return p


def run_nesterov(p, grads, m=0.9):
    v = np.zeros_like(p)
    for g in grads:
        gradient = g(p)
        v = m * v - LR * gradient
        p = p + m * v - LR * gradient
    return p


def run_ema_momentum(p, grads, m=0.9, d=0.9, nesterov=False):
    b = None
    for g in grads:
        gradient = g(p)
        b = gradient.copy() if b is None else m * b + (1 - d) * gradient
        p = p - LR * (gradient + m * b if nesterov else b)
    return p


def run_adagrad(p, grads, eps=1e-6):
    c = np.zeros_like(p)
    for g in grads:
        gradient = g(p)
        c = c + gradient**2
        p = p - LR * gradient / (np.sqrt(c) + eps)
    return p


def run_rmsprop(p, grads, rho=0.9, eps=1e-6, centered=False, m=0.0):
    c, a, v = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for g in grads:
        gradient = g(p)
        c = rho * c + (1 - rho) * gradient**2
        a = rho * a + (1 - rho) * gradient
        v = m * v - LR * gradient / np.sqrt((c - a**2 if centered else c) + eps)
        p = p + v
    return p


def run_adadelta(p, grads, rho=0.9, eps=1e-6):
    c, d = np.zeros_like(p), np.zeros_like(p)
    for g in grads:
        gradient = g(p)
        c = rho * c + (1 - rho) * gradient**2
        u = gradient * np.sqrt(d + eps) / np.sqrt(c + eps)
        p = p - LR * u
        d = rho * d + (1 - rho) * u**2
    return p


def moments(p, grads, b1, b2):
    """Yield t, the gradient, and the moments; take the new parameters."""
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        gradient = g(p)
        m, v = b1 * m + (1 - b1) * gradient, b2 * v + (1 - b2) * gradient**2
        p = yield t, gradient, m, v


def with_moments(step):
    def run(p, grads, b1=0.9, b2=0.999, **options):
        source = moments(p, grads, b1, b2)
        given = next(source)
        while True:
            p = step(p, *given, b1, b2, **options)
            try:
                given = source.send(p)
            except StopIteration:
                return p

    return run


@with_moments
def run_adam(p, t, g, m, v, b1, b2, eps=1e-8):
    return p - LR * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps)


@with_moments
def run_adamw(p, t, g, m, v, b1, b2, eps=1e-8, wd=0.01):
    return (1 - LR * wd) * p - LR * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps)


def run_amsgrad(p, grads, b1=0.9, b2=0.999, eps=1e-8):
    largest = 0

    @with_moments
    def run(p, t, g, m, v, b1, b2):
        nonlocal largest
        largest = np.maximum(largest, v)
        return p - LR * m / (1 - b1**t) / (np.sqrt(largest / (1 - b2**t)) + eps)

    return run(p, grads, b1=b1, b2=b2)


def run_adamax(p, grads, b1=0.9, b2=0.999, eps=1e-8):
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        gradient = g(p)
        m, v = b1 * m + (1 - b1) * gradient, np.maximum(b2 * v, np.abs(gradient))
        p = p - LR / (1 - b1**t) * m / (v + eps)
    return p


@with_moments
def run_nadam(p, t, g, m, v, b1, b2, eps=1e-8, psi=0.004):
    mu = [b1 * (1 - 0.5 * 0.96 ** (i * psi)) for i in range(1, t + 2)]
    size = np.sqrt(v / (1 - b2**t)) + eps
    ahead = mu[t] * m / (1 - np.prod(mu)) + (1 - mu[t - 1]) * g / (1 - np.prod(mu[:-1]))
    return p - LR * ahead / size


@with_moments
def run_radam(p, t, g, m, v, b1, b2, eps=1e-8):
    limit = 2 / (1 - b2) - 1
    rho = limit - 2 * t * b2**t / (1 - b2**t)
    mean = m / (1 - b1**t)
    if rho <= 5:
        return p - LR * mean
    r = np.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
    return p - LR * r * mean * np.sqrt(1 - b2**t) / (np.sqrt(v) + eps)


def run_lion(p, grads, b1=0.9, b2=0.99, wd=0.0):
    m = np.zeros_like(p)
    for g in grads:
        gradient = g(p)
        p = p - LR * (np.sign(b1 * m + (1 - b1) * gradient) + wd * p)
        m = b2 * m + (1 - b2) * gradient
    return p


@with_moments
def run_lamb(p, t, g, m, v, b1, b2, eps=1e-6, wd=0.0):
    r = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps) + wd * p
    return p - LR * np.linalg.norm(p) / np.linalg.norm(r) * r


# Name, our arguments, the equations, their arguments.
RULES = [
    ("momentum", {}, run_momentum, {}),
    ("nesterov_momentum", {}, run_nesterov, {}),
    ("ema_momentum", {}, run_ema_momentum, {}),
    (
        "ema_momentum",
        {"momentum": 0.8, "damping": 0.1, "nesterov": True},
        run_ema_momentum,
        {"m": 0.8, "d": 0.1, "nesterov": True},
    ),
    ("adagrad", {}, run_adagrad, {}),
    ("adagrad", {"epsilon": 0.5}, run_adagrad, {"eps": 0.5}),
    ("rmsprop", {}, run_rmsprop, {}),
    ("rmsprop", {"rho": 0.8, "epsilon": 0.5}, run_rmsprop, {"rho": 0.8, "eps": 0.5}),
    ("rmsprop", {"centered": True, "momentum": 0.5}, run_rmsprop, {"centered": True, "m": 0.5}),
    ("adadelta", {}, run_adadelta, {}),
    ("adadelta", {"rho": 0.8, "epsilon": 0.5}, run_adadelta, {"rho": 0.8, "eps": 0.5}),
    ("adam", {}, run_adam, {}),
    ("adam", {"beta1": 0.8, "beta2": 0.9, "epsilon": 0.5}, run_adam, {"b1": 0.8, "b2": 0.9, "eps": 0.5}),
    ("adamw", {}, run_adamw, {}),
    ("adamw", {"epsilon": 0.5, "weight_decay": 0.3}, run_adamw, {"eps": 0.5, "wd": 0.3}),
    ("amsgrad", {"beta2": 0.9, "epsilon": 0.5}, run_amsgrad, {"b2": 0.9, "eps": 0.5}),
    ("adamax", {}, run_adamax, {}),
    ("adamax", {"beta2": 0.9, "epsilon": 0.5}, run_adamax, {"b2": 0.9, "eps": 0.5}),
    ("nadam", {}, run_nadam, {}),
    ("nadam", {"epsilon": 0.5, "momentum_decay": 0.1}, run_nadam, {"eps": 0.5, "psi": 0.1}),
    ("radam", {}, run_radam, {}),
    ("radam", {"beta2": 0.9, "epsilon": 0.5}, run_radam, {"b2": 0.9, "eps": 0.5}),
    ("lion", {}, run_lion, {}),
    ("lion", {"beta1": 0.5, "beta2": 0.8, "weight_decay": 0.3}, run_lion, {"b1": 0.5, "b2": 0.8, "wd": 0.3}),
    ("lamb", {}, run_lamb, {}),
    ("lamb", {"weight_decay": 0.3}, run_lamb, {"wd": 0.3}),
]


def gradients(shape):
    """Return functions of the parameters: a bowl whose centre moves."""
    centres = np.random.default_rng(1).standard_normal((STEPS, *shape))
    return [lambda p, centre=centre: p - centre for centre in centres]


@pytest.mark.parametrize(("name", "config", "equations", "arguments"), RULES)
def test_two_hundred_steps_follow_the_equations(name, config, equations, arguments):
    start = np.random.default_rng(0).standard_normal((3, 4))
    optimizer = registry.get("optimizers", name, **{"lr": LR, **config})
    p = start.copy()
    for g in gradients(p.shape):
        optimizer.update([p], [g(p)])
    np.testing.assert_allclose(p, equations(start, gradients(p.shape), **arguments), rtol=1e-8)
    assert optimizer.iterations == STEPS


def test_centered_rmsprop_survives_a_variance_that_rounds_below_zero():
    p = np.zeros(1000, np.float32)
    optimizer = registry.get("optimizers", "rmsprop", lr=1e-3, centered=True, epsilon=1e-30)
    g = np.random.default_rng(0).uniform(0.5, 2, p.size).astype(np.float32)
    for _ in range(200):
        optimizer.update([p], [g])
    assert np.isfinite(p).all()


@pytest.mark.parametrize("zeros", [(True, False), (False, True), (True, True)])
def test_lamb_steps_plainly_where_a_norm_is_zero(zeros):
    p, g = np.full(3, 2.0), np.full(3, 0.5)
    p[:] = 0 if zeros[0] else p
    g[:] = 0 if zeros[1] else g
    before = p.copy()
    registry.get("optimizers", "lamb", lr=0.1).update([p], [g])
    np.testing.assert_allclose(p - before, 0.0 if zeros[1] else -0.1, rtol=1e-5)


def test_sgd_with_the_defaults_of_the_inventory():
    p = np.array([1.0, 2.0])
    registry.get("optimizers", "SGD").update([p], [np.array([1.0, -1.0])])
    np.testing.assert_allclose(p, [0.999, 2.001])
