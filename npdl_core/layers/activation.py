"""An activation as a layer of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core import registry
from npdl_core.activations.base import activate, activation_vjp
from npdl_core.layers.base import Layer

__all__ = ["ActivationLayer"]


class ActivationLayer(Layer):
    """Apply an activation by name: ``y = f(x)``, any shape.

    Parameters
    ----------
    activation : str or Activation
        f.

    Examples
    --------
    >>> import numpy as np
    >>> ActivationLayer("relu").connect((None, 2)).forward(np.array([[-1.0, 2.0]]), train=False)
    array([[0., 2.]])
    """

    def __init__(self, activation: Any = "relu") -> None:
        self.activation = registry.get("activations", activation)
        self.ends_with = getattr(self.activation, "ends_with", None)

    def forward(self, input: Any, train: bool = True) -> NDArray[Any]:
        """Return f(input)."""
        output = self.work_array("output", input.shape, input.dtype) if train else np.empty_like(input)
        activate(self.activation, input, output)
        if train:
            self.retain(input, output)
        return output

    def backward(self, pre_grad: Any, skip_activation: bool = False) -> NDArray[Any]:
        """Return the gradient with respect to the input; ``pre_grad`` itself if ``skip_activation``."""
        input, output = self.retained()
        if skip_activation:
            passed: NDArray[Any] = pre_grad
            return passed
        grad = self.work_array("input_grad", output.shape, output.dtype)
        return activation_vjp(self.activation, pre_grad, input, output, grad)
