"""Cross-entropy and negative log-likelihood against the node cases that the onnx package makes."""

import numpy as np
import pytest

from npdl_core import registry

OPERATORS = {
    "negativeloglikelihoodloss": ("NegativeLogLikelihoodLoss", "nll", {}),
    "softmax_cross_entropy_loss": (
        "SoftmaxCrossEntropyLoss",
        "softmax_categorical_cross_entropy",
        {"from_logits": True},
    ),
}


@pytest.mark.oracle("onnx")
@pytest.mark.parametrize("module", OPERATORS)
def test_node_cases(module, onnx_cases, agree):
    operator, name, config = OPERATORS[module]
    cases = onnx_cases(module, operator)
    assert len(cases) > 15
    for _, given, data_sets in cases:
        for (x, targets, *weight), (due, *log_probabilities) in data_sets:
            objective = registry.get(
                "objectives",
                name,
                reduction=given.get("reduction", "mean"),
                class_weight=weight[0] if weight else None,
                **config,
            )
            mask = targets != given["ignore_index"] if "ignore_index" in given else None
            scores = np.moveaxis(x, 1, -1)
            agree(
                f"objectives {name}",
                "ONNX node cases",
                "output",
                objective.forward(scores, targets, mask),
                due,
                2e-6,
            )
            for logs in log_probabilities:
                ours = np.moveaxis(registry.get("activations", "log_softmax")(scores), -1, 1)
                agree("activations log_softmax", "ONNX node cases", "output", ours, logs, 2e-6)
