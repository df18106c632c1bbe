"""Random numbers: one seed sequence per model, independent streams from it, and their saved state."""

from __future__ import annotations

from typing import Any

import numpy as np

from npdl_core.checks import check_int
from npdl_core.errors import FileFormatError

__all__ = ["generator_state", "restore_generator", "streams"]

_WORD = 2**128


def streams(seed: int | None, n_streams: int) -> list[np.random.Generator]:
    """Return independent generators that one seed determines.

    Parameters
    ----------
    seed : int or None
        Non-negative; None takes fresh entropy from the operating system.
    n_streams : int
        How many generators.

    Examples
    --------
    >>> a, b = streams(7, 2)
    >>> c, _ = streams(7, 2)
    >>> bool(a.random() == c.random()), bool(a.random() == b.random())
    (True, False)
    """
    entropy = None if seed is None else check_int("seed", seed, minimum=0)
    children = np.random.SeedSequence(entropy).spawn(n_streams)
    return [np.random.Generator(np.random.PCG64(child)) for child in children]


def generator_state(generator: np.random.Generator) -> dict[str, Any]:
    """Return the state of a PCG64 generator as a JSON-ready dict; its integers are written as hex strings."""
    state: Any = generator.bit_generator.state
    return {
        "bit_generator": state["bit_generator"],
        "state": hex(state["state"]["state"]),
        "inc": hex(state["state"]["inc"]),
        "has_uint32": state["has_uint32"],
        "uinteger": state["uinteger"],
    }


def restore_generator(generator: np.random.Generator, saved: Any) -> None:
    """Put a generator into a state that :func:`generator_state` returned.

    Raises
    ------
    FileFormatError
        If the state is not one of this kind of generator; the generator is left as it was.
    """
    try:
        if set(saved) != {"bit_generator", "state", "inc", "has_uint32", "uinteger"}:
            raise ValueError("wrong keys")
        if saved["bit_generator"] != generator.bit_generator.state["bit_generator"]:
            raise ValueError("another kind of generator")
        state, inc = int(saved["state"], 16), int(saved["inc"], 16)
        if not (0 <= state < _WORD and 0 <= inc < _WORD):
            raise ValueError("numbers out of range")
        has_uint32 = check_int("has_uint32", saved["has_uint32"], 0, 1)
        uinteger = check_int("uinteger", saved["uinteger"], 0, 2**32 - 1)
    except (TypeError, ValueError, KeyError) as error:
        raise FileFormatError(f"random state: not the state of a PCG64 generator ({error})") from None
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": state, "inc": inc},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
