"""npdl-conv: convolution and pooling for npdl."""

from npdl_conv.layers import Conv1D, Conv3D, Convolution
from npdl_conv.threads import threaded

__all__ = ["Conv1D", "Conv3D", "Convolution", "threaded"]
