"""Every exception npdl raises on purpose.

Each derives from :class:`NpdlError` and from the built-in that callers expect, so both
``except NpdlError`` and ``except ValueError`` work.
"""

from __future__ import annotations

import unicodedata

__all__ = [
    "AmbiguousNameError",
    "BudgetError",
    "ConfigError",
    "ConformanceError",
    "DataError",
    "DuplicateNameError",
    "FileFormatError",
    "MissingDependencyError",
    "MissingPluginError",
    "MissingShapeError",
    "NonFiniteError",
    "NotConnectedError",
    "NpdlError",
    "OwnershipError",
    "PluginError",
    "PluginVersionError",
    "SerializationError",
    "ShapeError",
    "StateError",
    "UnknownNameError",
    "WeightsError",
    "printable",
]


def printable(text: object, limit: int = 200) -> str:
    r"""Return ``text`` safe to show: control and bidi characters escaped, long text cut.

    Parameters
    ----------
    text : object
        Anything; it is converted with ``str``.
    limit : int
        Longest result in characters, the ellipsis included.

    Examples
    --------
    >>> printable("dense\x1b[31m")
    'dense\\x1b[31m'
    >>> printable("x" * 300, limit=10)
    'xxxxxxxxx…'
    """
    raw = str(text)
    escaped = "".join(
        char.encode("unicode_escape").decode("ascii") if unicodedata.category(char)[0] == "C" else char
        for char in raw[:limit]
    )
    return escaped if len(raw) <= limit and len(escaped) <= limit else escaped[: limit - 1] + "…"


class NpdlError(Exception):
    """Base of all errors that npdl raises on purpose."""

    def __str__(self) -> str:
        """Return the plain message; ``KeyError`` would show its ``repr``."""
        return Exception.__str__(self)

    def at(self, place: str) -> NpdlError:
        """Return an equal error whose message begins with a place: which layer, which entry of a document.

        Examples
        --------
        >>> str(ConfigError("n_out must be at least 1").at("layer 0.dense"))
        'layer 0.dense: n_out must be at least 1'
        """
        # A subclass may have a constructor of its own; the text is all that is wanted of it.
        copy = type(self).__new__(type(self), f"{place}: {self}")
        copy.__dict__.update(self.__dict__)
        return copy


class ConfigError(NpdlError, ValueError):
    """A constructor argument or a configuration value is not acceptable."""


class UnknownNameError(NpdlError, KeyError, ValueError):
    """A component name that nothing installed provides."""


class AmbiguousNameError(NpdlError, ValueError):
    """Two distributions provide the same bare name."""


class DuplicateNameError(NpdlError, ValueError):
    """A second, different object registered under an id that is taken."""


class PluginError(NpdlError, ImportError):
    """An installed plugin that cannot be used: broken import, wrong kind of object."""


class PluginVersionError(PluginError):
    """A plugin that speaks another version of the plugin API."""


class MissingPluginError(PluginError):
    """A plugin that is needed and is not installed, or is not allowed."""


class MissingDependencyError(NpdlError, ImportError):
    """An optional package that is needed and is not installed."""


class ShapeError(NpdlError, ValueError):
    """Array shapes that do not fit."""


class MissingShapeError(ShapeError):
    """A dimension that is needed and is not known yet."""


class DataError(NpdlError, ValueError):
    """Data that a model, objective, metric or dataset cannot use."""


class NotConnectedError(NpdlError, RuntimeError):
    """A layer or model used before its shapes and parameters exist."""


class OwnershipError(NpdlError, RuntimeError):
    """A layer that already belongs to another model's parameter store."""


class StateError(NpdlError, RuntimeError):
    """A call at the wrong moment: backward without forward, concurrent use of carried state."""


class NonFiniteError(NpdlError, ArithmeticError):
    """NaN or infinity where a finite number is required."""


class SerializationError(NpdlError, TypeError):
    """Something that cannot be written to a configuration or a file."""


class FileFormatError(NpdlError, ValueError):
    """A file or a document that is not what it should be."""


class WeightsError(FileFormatError):
    """Weights that do not match the model they are loaded into."""


class BudgetError(NpdlError, ValueError):
    """A configuration that asks for more than the allowed resources."""


class ConformanceError(NpdlError, AssertionError):
    """A component that breaks the contract of its kind.

    Attributes
    ----------
    property_name : str
        The property of :mod:`npdl_core.testing` that does not hold.
    """

    property_name: str = ""
