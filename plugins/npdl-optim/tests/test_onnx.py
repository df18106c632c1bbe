"""ONNX's training operators: the cases that the onnx package generates, and longer runs of its evaluator."""

import numpy as np
import pytest

from npdl_core import registry

pytestmark = pytest.mark.oracle("onnx")

CASES = (
    "test_adam",
    "test_adam_multiple",
    "test_adagrad",
    "test_adagrad_multiple",
    "test_momentum",
    "test_momentum_multiple",
    "test_nesterov_momentum",
)


def generated(name):
    """Return the case of this name; importing an operator's module makes its cases."""
    from onnx.backend.test.case import node
    from onnx.backend.test.case.node import adagrad, adam, momentum  # noqa: F401

    (found,) = (item for item in node._NodeTestCases if item.name == name)
    return found


def attributes_of(case):
    from onnx.helper import get_attribute_value

    (operator,) = case.model.graph.node
    return operator.op_type, {item.name: get_attribute_value(item) for item in operator.attribute}


def grouped(arrays, count):
    """Return arrays as [[X…], [G…], [state…], …]."""
    return [arrays[start : start + count] for start in range(0, len(arrays), count)]


def n_params(operator, arrays):
    return len(arrays) // {"Adam": 4, "Adagrad": 3, "Momentum": 3}[operator]


def translated(operator, given, rate, first):
    """Return our optimizer, and what its states are in terms of the operator's.

    The operator counts from 0: ``first`` says that this is that step, where Adam does not correct for the
    bias and Adagrad does not decay. Our moments lack the factors 1 - beta, our velocity holds the rate.
    """
    config = {"lr": rate, "weight_decay": given["norm_coefficient"]}
    if operator == "Momentum":
        name = "nesterov_momentum" if given["mode"] == b"nesterov" else "momentum"
        return registry.get("optimizers", name, momentum=given["alpha"], **config), {"velocity": -rate}
    config["epsilon"] = given["epsilon"]
    if operator == "Adagrad":
        config["lr"] *= 1 + given["decay_factor"] * first
        return registry.get("optimizers", "adagrad", decay=given["decay_factor"], **config), {"squares": 1.0}
    alpha, beta = given["alpha"], given["beta"]
    if first:
        config["lr"] *= (1 - alpha) / np.sqrt(1 - beta)
    optimizer = registry.get("optimizers", "adam", beta1=alpha, beta2=beta, **config)
    return optimizer, {"m": 1 / (1 - alpha), "v": 1 / (1 - beta)}


@pytest.mark.parametrize("name", CASES)
def test_generated_cases(name):
    case = generated(name)
    operator, given = attributes_of(case)
    inputs, outputs = case.data_sets[0]
    rate, step, *arrays = inputs
    assert step == 0
    params, grads, *states = grouped(arrays, n_params(operator, arrays))
    optimizer, scales = translated(operator, given, float(rate), first=True)
    kinds = list(zip(scales.items(), states, strict=True))
    start = {
        f"{index}.{key}": (scale * array).astype(array.dtype)
        for (key, scale), group in kinds
        for index, array in enumerate(group)
    }
    counters = {"iterations": 0, "epoch": 0, "lr": optimizer.lr, "n_params": len(params)}
    optimizer.load_state({**counters, **start})
    new = [p.copy() for p in params]
    optimizer.update(new, grads)
    after = optimizer.state()
    for (key, scale), group in kinds:
        new += [after[f"{index}.{key}"] / scale for index in range(len(group))]
    for mine, reference in zip(new, outputs, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-6)


@pytest.mark.parametrize("name", ["test_adam_multiple", "test_adagrad_multiple", "test_nesterov_momentum"])
def test_twenty_steps_of_the_evaluator(name):
    from onnx.reference import ReferenceEvaluator

    case = generated(name)
    operator, given = attributes_of(case)
    rate, _, *arrays = case.data_sets[0][0]
    evaluator, names = ReferenceEvaluator(case.model), [item.name for item in case.model.graph.input]
    count = n_params(operator, arrays)
    params, _, *states = grouped(arrays, count)
    states = [0 * array for group in states for array in group]
    optimizer, _ = translated(operator, given, float(rate), first=False)
    mine = [p.copy() for p in params]
    rng = np.random.default_rng(0)
    for step in range(1, 21):
        grads = [rng.standard_normal(p.shape).astype(np.float32) for p in params]
        feed = [rate, np.array(step), *params, *grads, *states]
        outputs = evaluator.run(None, dict(zip(names, feed, strict=True)))
        params, states = outputs[:count], outputs[count:]
        optimizer.update(mine, grads)
    for p, reference in zip(mine, params, strict=True):
        np.testing.assert_allclose(p, reference, rtol=1e-5)
