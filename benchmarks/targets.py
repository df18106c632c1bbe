"""What our steps and predictions may take of PyTorch's time, with NumPy's kernels and npdl-numba's."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """The largest ratios that meet the target."""

    npdl: float
    numba: float


#: Targets of training hold at two threads; at one they are this much higher.
ONE_THREAD = 1.15
#: Modules whose targets hold at one thread.
SINGLE = ("inference", "startup")

SIMPLE_RNN, GRU, LSTM = Target(0.70, 0.50), Target(0.90, 0.50), Target(1.30, 0.85)
COLD = Target(0.12, 0.35)

#: The longest key of a module's table that a case's name begins with decides.
TARGETS: dict[str, dict[str, Target]] = {
    "mlp": {"mlp-": Target(0.95, 0.62), "mlp-wide": Target(1.10, 0.85)},
    "recurrent": {"simple_rnn": SIMPLE_RNN, "gru": GRU, "lstm": LSTM},
    "convolution": {"lenet": Target(1.35, 0.60), "net3x3": Target(1.25, 0.80)},
    "optimizers": {"adam-": Target(5.0, 0.90)},
    "inference": {
        "mlp": Target(0.55, 0.40),
        "simple_rnn": Target(0.55, 0.40),
        "gru": Target(0.75, 0.45),
        "lstm": Target(1.0, 0.70),
    },
    "startup": {"cold-start": COLD},
}


def target(module: str, case: str, contender: str, threads: int) -> float | None:
    """Return the largest ratio of a contender that meets its target, or None where there is none."""
    table = TARGETS.get(module, {})
    keys = [key for key in table if case.startswith(key)]
    if not keys or contender not in ("npdl", "npdl+numba"):
        return None
    found = table[max(keys, key=len)]
    limit = found.npdl if contender == "npdl" else found.numba
    return limit if threads > 1 or module in SINGLE else limit * ONE_THREAD
