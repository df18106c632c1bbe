"""Processes that measure: their environment, their interpreter, what they are asked and answer."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
#: Begins the lines that are answers, among whatever a library prints.
MARK = "answer: "
#: How many answers a process gives before a new one takes its place: processes of one program differ, by
#: where their memory lies, and starting one takes longer than what is timed.
LIFE = 2


class Other(NamedTuple):
    """A library that gets an environment of its own, because it asks for packages that ours must not have."""

    #: The environment variable that names its interpreter, and where ``make bench-others`` puts that.
    variable: str
    default: str
    #: How many of its first losses must be ours, and how closely.
    losses: int
    tolerance: float


OTHERS = {
    "thinc": Other("THINC_PYTHON", "build/bench-thinc/bin/python", 3, 1e-4),
    # It takes the mean of a bias's gradients where all others take the sum.
    "numpydl": Other("NUMPYDL_PYTHON", "build/bench-numpydl/bin/python", 3, 0.02),
}


def environment(threads: int) -> dict[str, str]:
    """Return this process's environment with equal threads for every library and no BLAS overrides."""
    slowing = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    env = {key: value for key, value in os.environ.items() if key not in slowing}
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return env | dict.fromkeys((*names, "BLIS_NUM_THREADS"), str(threads))


def python_of(contender: str) -> str | None:
    """Return the interpreter that runs a contender, or None where its environment was not made."""
    other = OTHERS.get(contender)
    if other is None:
        return sys.executable
    path = Path(os.environ.get(other.variable) or ROOT / other.default)
    return str(path) if path.is_file() else None


def run(module: str, threads: int, *arguments: str, python: str | None = None) -> str:
    """Run a benchmark's module again as a worker and return what it prints."""
    command = [python or sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, env=environment(threads), stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT
    )
    return done.stdout


def ask(module: str, contender: str, threads: int, *arguments: str) -> Any:
    """Run a worker with its contender's interpreter for a single answer."""
    printed = run(module, threads, *arguments, python=python_of(contender))
    return next(found for line in printed.splitlines() if (found := answer_in(line)) is not None)


def answer(value: Any) -> None:
    """Print what the asking process gets."""
    print(f"{MARK}{json.dumps(value)}", flush=True)


def answer_in(line: str) -> Any:
    """Return what a printed line answers, or None if it is not an answer."""
    return json.loads(line.removeprefix(MARK)) if line.startswith(MARK) else None


def serve(measure: Callable[[], Any]) -> None:
    """Answer every line of the standard input with what a new measurement returns."""
    for _ in sys.stdin:
        answer(measure())


class Worker:
    """A process that measures when asked, and is stopped in between so that it takes nothing from others.

    Parameters
    ----------
    module : str
        The benchmark, whose ``--worker`` calls :func:`serve`.
    contender : str
        Whose interpreter runs it.
    threads : int
        How many threads every library in it has.
    arguments : sequence of str
        What the module is called with.
    """

    def __init__(self, module: str, contender: str, threads: int, arguments: Sequence[str]) -> None:
        self.command = [python_of(contender) or sys.executable, "-m", module, *arguments]
        self.threads = threads
        self._process: subprocess.Popen[str] | None = None
        self._answers = 0

    def ask(self) -> Any:
        """Return a new measurement.

        Raises
        ------
        RuntimeError
            If the process ended instead.
        """
        if self._answers == LIFE:
            self.close()
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(
                self.command, env=environment(self.threads), stdin=pipe, stdout=pipe, text=True, cwd=ROOT
            )
        found = self._answer(self._process)
        self._answers += 1
        return found

    def _answer(self, process: subprocess.Popen[str]) -> Any:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError(f"{' '.join(self.command)} has no pipes")
        process.send_signal(signal.SIGCONT)
        with suppress(BrokenPipeError):
            process.stdin.write("measure\n")
            process.stdin.flush()
        for line in process.stdout:
            found = answer_in(line)
            if found is not None:
                process.send_signal(signal.SIGSTOP)
                return found
        raise RuntimeError(f"{' '.join(self.command)} ended with {process.wait()} and no answer")

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process, self._answers = self._process, None, 0
        if process is None:
            return
        process.kill()
        process.communicate()


@contextmanager
def workers_of(
    module: str, threads: int, arguments: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Worker]]:
    """Return a worker for each contender, called with its arguments; they end with the context."""
    found = {name: Worker(module, name, threads, given) for name, given in arguments.items()}
    try:
        yield found
    finally:
        for worker in found.values():
            worker.close()


def peak_memory() -> float:
    """Return the most resident memory that this process ever had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says begins with the peak of the process that started this one.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    kilobytes = 1024 if sys.platform == "darwin" else 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / kilobytes / 1024
