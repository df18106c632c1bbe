"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from npdl_core import hooks, registry
from npdl_core.checks import check_bool, check_float, check_int
from npdl_core.errors import ConfigError, DataError
from npdl_core.model.data import ArrayData, Batch, StreamData, as_data
from npdl_core.model.history import History
from npdl_core.model.interrupts import Interrupts

if TYPE_CHECKING:
    from npdl_core.model.network import Network

__all__ = ["Training"]


class Training:
    """One call of ``fit``: epochs of batches, callbacks, hooks, and what happens when something goes wrong.

    Whatever ends training — the last epoch, a callback, Ctrl-C, an error — the model, the optimizer and the
    History are those of the last finished update, callbacks are told, and hooks get the error.
    """

    def __init__(
        self,
        network: Network,
        data: ArrayData | StreamData,
        *,
        epochs: int | None,
        max_iter: int | None,
        batch_size: int,
        shuffle: bool,
        validation_split: float,
        validation_data: Any,
        callbacks: Any,
        initial_epoch: int,
        steps_per_epoch: int | None,
        resume: bool,
    ) -> None:
        self.network = network
        self.epochs = _total_epochs(epochs, max_iter)
        self.batch_size = check_int("batch_size", batch_size, 1)
        self.shuffle = check_bool("shuffle", shuffle)
        self.initial_epoch = check_int("initial_epoch", initial_epoch, 0)
        self.steps_per_epoch = (
            None if steps_per_epoch is None else check_int("steps_per_epoch", steps_per_epoch, 1)
        )
        self.resume = check_bool("resume", resume)
        self.data, self.validation = _split(data, validation_split, validation_data)
        if self.epochs - self.initial_epoch > 1:
            for name, part in (("X", self.data), ("validation_data", self.validation)):
                if isinstance(part, StreamData):
                    part.refuse_one_shot(name)
        self.callbacks = resolve_callbacks(callbacks)
        self._interrupts = Interrupts()
        self._step = 0

    def run(self) -> History:
        """Train and return the History."""
        known = self.network.input_shape
        try:
            return self._run()
        except BaseException:
            if not self._step:
                self.network.reconnect(known)
            raise

    def _run(self) -> History:
        network = self.network
        start = self._prepare()
        logs: dict[str, Any] = {}
        with self._interrupts:
            try:
                self._begin(logs)
                for epoch in range(start, self.epochs):
                    if network.stop_training:
                        break
                    logs = self._epoch(epoch)
                    self._interrupts.check()
            except BaseException as error:
                self._finish(logs, error)
                raise
            self._finish(logs, None)
        return network.history

    # -- around the epochs -----------------------------------------------------------------------------------

    def _prepare(self) -> int:
        """Connect, check, introduce callbacks, resume; return the first epoch."""
        network = self.network
        _ = network.compiled
        if isinstance(self.data, ArrayData):
            network.connect_to_data(self.data.x)
            if isinstance(self.validation, ArrayData):
                network.prepare(self.validation.take(slice(0, 1)).x)
        history, stopped = network.history, network.stop_training
        network.history, network.stop_training = History(), False
        try:
            for callback in self.callbacks:
                if hasattr(callback, "set_model"):
                    callback.set_model(network)
            start = self._resumed_epoch() if self.resume else None
        except BaseException:
            network.history, network.stop_training = history, stopped
            raise
        if start is None:
            self._tell("restart")
        return self.initial_epoch if start is None else start

    def _resumed_epoch(self) -> int | None:
        """Return the epoch to go on with, after taking over all state, or None where there is no file yet."""
        from npdl_core.saving.checkpoint import resume_from

        found = [callback for callback in self.callbacks if getattr(callback, "resumes", False)]
        paths = [callback.path for callback in found if not callback.save_best_only] or [
            callback.path for callback in found
        ]
        if len(paths) != 1:
            raise ConfigError(
                "resume=True needs one model_checkpoint that writes every epoch among the callbacks, "
                f"found {len(paths)}"
            )
        return resume_from(paths[0], self.network, self.callbacks)

    def _begin(self, logs: dict[str, Any]) -> None:
        if hooks.active("npdl_fit_start"):
            hooks.call("npdl_fit_start", model=self.network)
        self._tell("on_train_begin", logs)

    def _finish(self, logs: dict[str, Any], failure: BaseException | None) -> None:
        """Tell every callback and the hooks that training is over, whatever one of them raises."""
        raised = [_attempt(_end, callback, logs, failure) for callback in self.callbacks]
        if hooks.active("npdl_fit_end"):
            raised.append(_attempt(hooks.call, "npdl_fit_end", model=self.network, error=failure))
        for error in raised:
            if error is not None and failure is None:
                raise error
            if error is not None and failure is not None:
                failure.add_note(f"when training ended, this was raised as well: {error!r}")

    # -- an epoch --------------------------------------------------------------------------------------------

    def _epoch(self, epoch: int) -> dict[str, Any]:
        network = self.network
        if hasattr(network.optimizer, "epoch"):
            network.optimizer.epoch = epoch
        self._tell("on_epoch_begin", epoch, {})
        meter = network.compiled.meter()
        n_batches = 0
        for index, batch in enumerate(self._batches()):
            self._batch(index, batch, meter)
            n_batches += 1
            self._interrupts.check()
            if network.stop_training:
                break
        if not n_batches:
            raise DataError("there was no batch to train on in this epoch")
        logs = {**meter.results(), **self._validate()}
        try:
            self._tell("on_epoch_end", epoch, logs)
            if hooks.active("npdl_epoch_end"):
                hooks.call("npdl_epoch_end", model=network, epoch=epoch, logs=logs)
        finally:
            network.history.append(epoch, logs)
        self._tell("on_epoch_recorded", epoch, logs, self.callbacks)
        return logs

    def _batches(self) -> Iterator[Batch]:
        if isinstance(self.data, StreamData):
            batches = self.data.batches(self.batch_size)
        else:
            order = self.data.shuffled(self.network.shuffle_rng) if self.shuffle else None
            batches = self.data.batches(self.batch_size, order)
        return islice(batches, self.steps_per_epoch)

    def _batch(self, index: int, batch: Batch, meter: Any) -> None:
        network = self.network
        self._tell("on_train_batch_begin", index, {})
        if isinstance(self.data, StreamData):
            network.connect_to_data(batch.x)
        self._tell("on_batch_drawn", index, batch)
        network.train_step(batch, meter)
        self._step += 1
        logs = {"loss": meter.last_loss}
        self._tell("on_train_batch_end", index, logs)
        if hooks.active("npdl_batch_end"):
            hooks.call("npdl_batch_end", model=network, step=self._step, logs=logs)

    def _validate(self) -> dict[str, Any]:
        if self.validation is None:
            return {}
        with self.network.evaluation_weights():
            results = self.network.evaluate_batches(
                self._interrupts.between(self.validation.batches(self.batch_size))
            )
        return {f"val_{key}": value for key, value in results.items()}

    def _tell(self, moment: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            method = getattr(callback, moment, None)
            if method is not None:
                method(*arguments)


def _attempt(function: Callable[..., Any], *arguments: Any, **named: Any) -> Exception | None:
    try:
        function(*arguments, **named)
    except Exception as error:
        return error
    return None


def _end(callback: Any, logs: dict[str, Any], failure: BaseException | None) -> None:
    """Tell a callback how training ended; one that knows no errors is told that it ended."""
    if failure is not None and hasattr(callback, "on_train_error"):
        callback.on_train_error(failure, logs)
    elif hasattr(callback, "on_train_end"):
        callback.on_train_end(logs)


def resolve_callbacks(specs: Any) -> list[Any]:
    """Return callbacks from names, envelopes and instances; a single one needs no list."""
    if specs is None:
        return []
    if isinstance(specs, (str, dict)) or not isinstance(specs, Sequence):
        specs = [specs]
    return [registry.get("callbacks", spec) for spec in specs]


def _total_epochs(epochs: int | None, max_iter: int | None) -> int:
    if epochs is not None and max_iter is not None:
        raise ConfigError("epochs and max_iter are two names of one thing; give one of them")
    given = max_iter if epochs is None else epochs
    return 100 if given is None else check_int("epochs", given, 0)


def _split(data: Any, fraction: float, validation_data: Any) -> tuple[Any, Any]:
    """Return training and validation data."""
    fraction = check_float("validation_split", fraction, 0, 1, below=True)
    if data.n_samples == 0:
        raise DataError("there is no sample to train on")
    if validation_data is not None:
        return data, _validation(validation_data)
    if not fraction:
        return data, None
    if isinstance(data, StreamData):
        raise DataError("validation_split needs arrays; with an iterable of batches give validation_data")
    cut = data.n_samples - int(data.n_samples * fraction)
    if cut in (0, data.n_samples):
        raise DataError(
            f"validation_split={fraction} of {data.n_samples} samples leaves one of the two parts empty"
        )
    return data.part(0, cut), data.part(cut, data.n_samples)


def _validation(given: Any) -> Any:
    """Return validation data from (X, Y), (X, Y, sample_weight), a dict or an iterable of batches."""
    if isinstance(given, list) and given and hasattr(given[0], "dtype"):
        given = tuple(given)
    if isinstance(given, tuple) and 2 <= len(given) <= 3:
        return as_data(given[0], given[1], None, given[2] if len(given) == 3 else None)
    if isinstance(given, dict) and {"x", "y"} <= set(given) <= {"x", "y", "mask", "sample_weight"}:
        return as_data(**given)
    return as_data(given)
