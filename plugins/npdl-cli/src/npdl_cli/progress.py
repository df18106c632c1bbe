"""How far training is: two live bars on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from npdl_cli.console import is_live, make_console, shown_number
from npdl_cli.results import numbers
from npdl_core.callbacks import Callback
from npdl_core.errors import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["TrainingProgress"]

_INTERVAL = 0.1
"""Seconds between two drawings; more often than an eye can follow would only cost time."""


class TrainingProgress(Callback):
    """Shows epochs, batches, the measured values and the time that is left, on standard error.

    A context manager: whatever ends training, the terminal is left in order.

    Parameters
    ----------
    epochs : int
        How many there are to be.
    n_batches : int
        How many batches an epoch has.
    quiet : bool
        Show nothing.
    """

    def __init__(self, epochs: int, n_batches: int, quiet: bool = False) -> None:
        self.epochs = epochs
        console = make_console(stderr=True)
        self._view: _View = _View()
        if not quiet:
            self._view = _Bars(epochs, n_batches) if is_live(console) else _Lines(epochs)

    def __enter__(self) -> Self:
        """Take the terminal."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the terminal back."""
        self._view.end()

    def on_train_begin(self, logs: dict[str, Any]) -> None:
        """Start, perhaps in the middle."""
        self._view.begin(len(self.model.history.epoch), self.model.history)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any]) -> None:
        """Show which epoch it is."""
        self._view.epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Show the batch and its loss."""
        self._view.batch(batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Show what was measured."""
        self._view.measured(epoch, logs)

    def on_train_end(self, logs: dict[str, Any]) -> None:
        """Show the end."""
        self._view.end()


class _View:
    """Shows nothing."""

    def begin(self, done: int, history: Any) -> None:
        """Start after some epochs that were done before."""

    def epoch(self, epoch: int) -> None:
        """Take note that an epoch starts."""

    def batch(self, batch: int, logs: dict[str, Any]) -> None:
        """Take note of a batch."""

    def measured(self, epoch: int, logs: dict[str, Any]) -> None:
        """Take note of a finished epoch."""

    def end(self) -> None:
        """Stop; may be called again."""


class _Lines(_View):
    """A line an epoch, for logs."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._console = make_console(stderr=True)
        self._started = time.perf_counter()

    def epoch(self, epoch: int) -> None:
        self._started = time.perf_counter()

    def measured(self, epoch: int, logs: dict[str, Any]) -> None:
        number = f"{epoch + 1:>{len(str(self._epochs))}}/{self._epochs}"
        seconds = time.perf_counter() - self._started
        self._console.print(f"epoch {number}  {_values(logs)}  {seconds:.2f} s", soft_wrap=True)


class _Bars(_View):
    """A bar for the epochs, one for the batches of an epoch, and the values below."""

    def __init__(self, epochs: int, n_batches: int) -> None:
        self._n_batches = max(n_batches, 1)
        self._progress = _Display(
            TextColumn("{task.description:<7}"),
            BarColumn(bar_width=40),
            TextColumn("{task.fields[count]}"),
            _Time(),
            console=make_console(stderr=True),
            auto_refresh=False,
        )
        self._epochs = epochs
        total = epochs * self._n_batches
        self._all = self._progress.add_task("epochs", total=total, count=f"0/{epochs}", time="left")
        self._one = self._progress.add_task("batches", total=self._n_batches, count="", time="")
        self._drawn = 0.0
        self._done = 0
        self._ended = False

    def begin(self, done: int, history: Any) -> None:
        self._done = done
        last = {key: values[-1] for key, values in history.history.items() if values}
        self._progress.values = _values(last)
        # What an earlier run has done says nothing about this one's speed.
        self._progress.reset(self._all, completed=done * self._n_batches)
        self._progress.update(self._all, count=f"{done}/{self._epochs}")
        self._progress.start()

    def epoch(self, epoch: int) -> None:
        self._done = epoch
        self._progress.update(self._all, count=f"{epoch + 1}/{self._epochs}")

    def batch(self, batch: int, logs: dict[str, Any]) -> None:
        now = time.perf_counter()
        if now - self._drawn < _INTERVAL:
            return
        self._drawn = now
        seen = min(batch + 1, self._n_batches)
        self._progress.update(self._one, completed=seen, count=f"{seen}/{self._n_batches}")
        self._progress.update(self._all, completed=self._done * self._n_batches + seen)
        self._progress.batch_loss = f"batch loss {shown_number(logs.get('loss'))}"
        self._progress.refresh()

    def measured(self, epoch: int, logs: dict[str, Any]) -> None:
        self._done = epoch + 1
        self._progress.values = _values(logs)

    def end(self) -> None:
        if self._ended:
            return
        self._ended = True
        done = self._done * self._n_batches
        self._progress.update(self._all, completed=done, count=f"{self._done}/{self._epochs}", time="elapsed")
        self._progress.batch_loss = ""
        self._progress.remove_task(self._one)
        self._progress.stop()


class _Display(Progress):
    """Bars with a line of values below."""

    values = ""
    batch_loss = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bars and the values."""
        yield self.make_tasks_table(self.tasks)
        below = "  ".join(text for text in (self.values, self.batch_loss) if text)
        if below:
            yield Text(f"  {below}", style="dim", no_wrap=True, overflow="ellipsis")


class _Time(ProgressColumn):
    """The time that is left while training, and that it took in the end."""

    def render(self, task: Task) -> Text:
        """Return the time as text."""
        wanted = task.fields["time"]
        if wanted == "elapsed":
            return Text(_duration(task.elapsed or 0.0), style="cyan")
        if wanted == "left" and task.time_remaining is not None:
            return Text(f"{_duration(task.time_remaining)} left", style="cyan")
        return Text("")


def _duration(seconds: float) -> str:
    """Return a duration as people write it.

    Examples
    --------
    >>> _duration(7.2), _duration(75), _duration(7300)
    ('7 s', '1:15 min', '2:01 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02} h"


def _values(logs: dict[str, Any]) -> str:
    return "  ".join(f"{printable(key, 40)} {shown_number(value)}" for key, value in numbers(logs).items())
