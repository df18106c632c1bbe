"""From a class and a configuration to an instance, with errors that name the argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from npdl_core.component import constructor_arguments
from npdl_core.errors import ConfigError, NpdlError, printable
from npdl_core.registry.loading import cause
from npdl_core.registry.naming import closest, singular

__all__ = ["build", "read_envelope"]


def read_envelope(kind: str, envelope: Mapping[Any, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and configuration of ``{"name": …, "config": {…}}``.

    Raises
    ------
    ConfigError
        If there are other keys, no name, or a configuration that is not a table of arguments.
    """
    name, config = envelope.get("name"), envelope.get("config", {})
    what = f"{singular(kind)} {printable(repr(name), 80) if isinstance(name, str) else 'envelope'}"
    other = [key for key in envelope if key not in ("name", "config")]
    if other:
        raise ConfigError(
            f"{what}: an envelope holds 'name' and 'config', not {printable(repr(other[0]), 80)}"
        )
    if not isinstance(name, str):
        raise ConfigError(f"{what}: it needs a 'name' that is a string, got {type(name).__name__}")
    if not isinstance(config, Mapping) or not all(isinstance(key, str) for key in config):
        raise ConfigError(f"{what}: 'config' must map argument names to values")
    return name, dict(config)


def build(label: str, cls: Any, config: Mapping[str, Any]) -> Any:
    """Construct a component.

    Raises
    ------
    ConfigError
        If an argument is unknown, missing or special, or the constructor refuses the values.
    """
    if not isinstance(cls, type):
        if config:
            raise ConfigError(f"{label} is a function; it takes no configuration, got {_listed(config)}")
        return cls
    check_arguments(label, cls, config)
    try:
        return cls(**config)
    except NpdlError:
        raise
    except Exception as error:
        raise ConfigError(f"{label}: {cls.__name__}(…) failed: {cause(error)}") from error


def check_arguments(label: str, cls: type, config: Mapping[str, Any]) -> None:
    """Compare argument names with the constructor's."""
    accepted, required, open_ended = _arguments(cls)
    for key in config:
        special = key == "name" or (key.startswith("__") and key.endswith("__"))
        if special or not (open_ended or key in accepted):
            near = closest(key, accepted, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"{label}: unknown argument {printable(repr(key), 80)}; "
                f"{cls.__name__} takes {_listed(accepted)}{hint}"
            )
    missing = required - config.keys()
    if missing:
        raise ConfigError(f"{label}: missing {_listed(missing)}; {cls.__name__} takes {_listed(accepted)}")


def _arguments(cls: type) -> tuple[set[str], set[str], bool]:
    try:
        return constructor_arguments(cls)
    except (TypeError, ValueError):  # a constructor that has no signature to look at
        return set(), set(), True


def _listed(names: Any) -> str:
    return ", ".join(printable(repr(name), 80) for name in sorted(names)) or "no arguments"
