"""npdl-conv: convolution and pooling for npdl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npdl_conv.layers import Conv1D, Conv3D, Convolution
    from npdl_conv.threads import threaded

__all__ = ["Conv1D", "Conv3D", "Convolution", "threaded"]


def __getattr__(name: str) -> Any:
    """Import a public member at its first use: every process that uses npdl's hooks imports this package."""
    if name not in __all__:
        raise AttributeError(f"module 'npdl_conv' has no attribute {name!r}")
    from npdl_conv import layers, threads

    return getattr(threads if name == "threaded" else layers, name)


def __dir__() -> list[str]:
    """Return the public members, imported or not."""
    return sorted({*globals(), *__all__})
