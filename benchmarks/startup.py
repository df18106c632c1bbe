"""Import times, and cold start to the first prediction: what a fresh process takes, against PyTorch.

A cold start is a whole process: it imports, loads a small saved model and predicts one sample. Ours loads its
model file; PyTorch builds the module and loads a state dict. npdl-numba has its kernels on disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import arithmetic, workers
from benchmarks.harness import Options, options_of, parser, show
from benchmarks.saving import installed, save

IMPORTED = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
#: Module and distribution of what is imported; Thinc in its own environment, where PyTorch is not.
IMPORTS = {
    "npdl": ("npdl_core.model", "npdl-core"),
    "numpy": ("numpy", "numpy"),
    "numba": ("numba", "numba"),
    "onnxruntime": ("onnxruntime", "onnxruntime"),
    "pytorch": ("torch", "torch"),
}

D, H, T = 65, 300, 30
SAMPLES = {"mlp": (1, 784), "lstm": (1, T, D)}
OURS = """
import numpy as np
import npdl_core
model = npdl_core.load({path!r})
print(float(model.predict(np.linspace(-1, 1, {size}, dtype="float32").reshape({shape}))[0, 0]))
"""
PYTORCH = """
import torch
from torch import nn
{build}
model.load_state_dict(torch.load({path!r}, weights_only=True))
model.eval()
with torch.inference_mode():
    print(float(model(torch.linspace(-1, 1, {size}).reshape({shape}))[0, 0]))
"""
MODULES = {
    "mlp": """
model = nn.Sequential(nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10), nn.Softmax(-1))
""",
    "lstm": f"""
class Last(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.output = nn.LSTM({D}, {H}, batch_first=True), nn.Linear({H}, 10)
    def forward(self, x):
        return self.output(self.lstm(x)[0][:, -1]).softmax(-1)
model = Last()
""",
}


def saved(folder: Path) -> dict[str, dict[str, str]]:
    """Save every model in both forms, with equal weights; return the programs that load and predict."""
    import torch

    from npdl_core import Model
    from npdl_core.layers import LSTM, Dense, Softmax
    from npdl_rnn import converters

    layers: dict[str, list[Any]] = {
        "mlp": [Dense(200, n_in=784, activation="relu"), Softmax(10)],
        "lstm": [LSTM(H, n_in=D), Softmax(10)],
    }
    programs = {}
    for name, stack in layers.items():
        model = Model(stack, seed=0)
        model.compile(loss="scce", optimizer="sgd")
        first, last = stack
        model.save(folder / f"{name}.npdl")
        if name == "mlp":
            state = {"0.weight": first.W.T, "0.bias": first.b, "2.weight": last.W.T, "2.bias": last.b}
        else:
            state = {f"lstm.{key}": array for key, array in converters.to_torch(first).items()}
            state |= {"output.weight": last.W.T, "output.bias": last.b}
        torch.save(
            {key: torch.tensor(np.ascontiguousarray(a)) for key, a in state.items()}, folder / f"{name}.pt"
        )
        given = {"shape": SAMPLES[name], "size": int(np.prod(SAMPLES[name]))}
        programs[name] = {
            "npdl": OURS.format(path=str(folder / f"{name}.npdl"), **given),
            "pytorch": PYTORCH.format(path=str(folder / f"{name}.pt"), build=MODULES[name], **given),
        }
    return programs


def execute(contender: str, program: str) -> tuple[float, float]:
    """Return the number that a fresh process prints, and how long it took as a whole."""
    # What is installed has byte code; a checkout gets it at the first import, unless this forbids it.
    env = {key: value for key, value in workers.environment(1).items() if key != "PYTHONDONTWRITEBYTECODE"}
    if contender == "npdl":
        env["NPDL_KERNELS"] = "numpy"
    command = [workers.python_of(contender) or sys.executable, "-P", "-c", program]
    start = time.perf_counter()
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout), time.perf_counter() - start


def row(case: str, seconds: Mapping[str, list[float]], load: float) -> dict[str, Any]:
    """Return a row as the harness does."""
    return {
        "case": case,
        "threads": 1,
        "load": [load, os.getloadavg()[0]],
        "milliseconds": {
            name: arithmetic.spread([1e3 * t for t in found]) for name, found in seconds.items()
        },
        "reference": "pytorch",
        "ratios": arithmetic.ratios(seconds, "pytorch"),
    }


def imports(rounds: int) -> dict[str, Any]:
    """Return how long imports take inside a fresh interpreter."""
    load = os.getloadavg()[0]
    programs = {
        name: IMPORTED.format(module) for name, (module, dist) in IMPORTS.items() if installed(dist) != "–"
    }
    if workers.python_of("thinc"):
        programs["thinc"] = IMPORTED.format("thinc.api")
    for name, program in programs.items():
        execute(name, program)  # from here on byte code is written and the files are in memory
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            seconds[name].append(execute(name, program)[0])
    return row("import", seconds, load)


def cold_start(name: str, programs: Mapping[str, str], rounds: int) -> dict[str, Any]:
    """Return how long whole processes take to the first prediction.

    Raises
    ------
    RuntimeError
        If a contender predicts another probability than PyTorch.
    """
    load = os.getloadavg()[0]
    contenders = {"npdl": programs["npdl"], "pytorch": programs["pytorch"]}
    if installed("npdl-numba") != "–":
        contenders = {"npdl+numba": programs["npdl"], **contenders}
    predicted = {one: execute(one, program)[0] for one, program in contenders.items()}
    if not all(np.isclose(value, predicted["pytorch"], rtol=1e-4) for value in predicted.values()):
        raise RuntimeError(f"{name}: predictions differ: {predicted}")
    seconds: dict[str, list[float]] = {one: [] for one in contenders}
    for _ in range(rounds):
        for one, program in contenders.items():
            seconds[one].append(execute(one, program)[1])
    return row(f"cold-start-{name}", seconds, load)


def collect(options: Options) -> list[dict[str, Any]]:
    """Measure everything, print a line for each and return the rows."""
    rows = [imports(options.rounds)]
    print(show(rows[-1]), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, programs in saved(Path(folder)).items():
            rows.append(cold_start(name, programs, options.rounds))
            print(show(rows[-1]), flush=True)
    return rows


if __name__ == "__main__":
    print(f"written: {save('benchmarks.startup', collect(options_of(parser(__doc__).parse_args())))}")
