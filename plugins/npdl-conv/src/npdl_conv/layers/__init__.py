"""Layers of images, signals and volumes."""

from npdl_conv.layers.convolution import Conv1D, Conv3D, Convolution

__all__ = ["Conv1D", "Conv3D", "Convolution"]
