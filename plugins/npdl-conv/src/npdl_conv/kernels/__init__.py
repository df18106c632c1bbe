"""Kernels of convolution and pooling, declared in core's table so that faster ones can override them."""

from __future__ import annotations

from npdl_conv.kernels import convolution, pooling
from npdl_core.kernels import declare

__all__ = ["convolution_backward", "convolution_forward", "max_pooling_backward", "max_pooling_forward"]

convolution_backward = declare("convolution_backward", convolution.convolution_backward)
convolution_forward = declare("convolution_forward", convolution.convolution_forward)
max_pooling_backward = declare("max_pooling_backward", pooling.max_pooling_backward)
max_pooling_forward = declare("max_pooling_forward", pooling.max_pooling_forward)
