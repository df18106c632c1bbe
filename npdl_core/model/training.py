"""The training loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    History are those of the last finished update, ``on_train_end`` is called, and hooks get the error.
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
        callbacks: Sequence[Any],
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
        if self.data.n_samples == 0:
            raise DataError("there is no sample to train on")
        self.callbacks = resolve_callbacks(callbacks)
        self.compiled = network.compiled
        self._step = 0

    def run(self) -> History:
        """Train and return the History."""
        network = self.network
        if isinstance(self.data, ArrayData):
            network._connect_to_data(self.data.take(slice(0, 1)).x)
        network.history = History()
        network.stop_training = False
        for callback in self.callbacks:
            _introduce(callback, network, self.callbacks)
        start = self._resumed_epoch() if self.resume else self.initial_epoch
        logs: dict[str, Any] = {}
        failure: BaseException | None = None
        with Interrupts() as interrupts:
            try:
                self._begin(logs)
                for epoch in range(start, self.epochs):
                    if network.stop_training:
                        break
                    logs = self._epoch(epoch, interrupts)
            except BaseException as error:
                failure = error
                raise
            finally:
                self._finish(logs, failure)
        return network.history

    def _begin(self, logs: dict[str, Any]) -> None:
        if hooks.active("npdl_fit_start"):
            hooks.call("npdl_fit_start", model=self.network)
        self._tell("on_train_begin", logs)

    def _finish(self, logs: dict[str, Any], failure: BaseException | None) -> None:
        try:
            self._tell("on_train_end", logs)
        finally:
            if hooks.active("npdl_fit_end"):
                hooks.call("npdl_fit_end", model=self.network, error=failure)

    def _resumed_epoch(self) -> int:
        from npdl_core.saving.checkpoint import resume_from

        paths = [callback.path for callback in self.callbacks if getattr(callback, "resumes", False)]
        if len(paths) != 1:
            raise ConfigError(
                f"resume=True needs exactly one model_checkpoint among the callbacks, found {len(paths)}"
            )
        return resume_from(paths[0], self.network, self.callbacks, default=self.initial_epoch)

    def _epoch(self, epoch: int, interrupts: Interrupts) -> dict[str, Any]:
        network = self.network
        if hasattr(self.compiled.optimizer, "epoch"):
            self.compiled.optimizer.epoch = epoch
        self._tell("on_epoch_begin", epoch, {})
        meter = self.compiled.meter()
        n_batches = 0
        for index, batch in enumerate(self._batches()):
            self._batch(index, batch, meter)
            n_batches += 1
            if interrupts.requested:
                raise KeyboardInterrupt
            if network.stop_training:
                break
        if not n_batches:
            raise DataError("the iterable gave no batch in this epoch")
        logs = meter.results()
        if self.validation is not None:
            with network.evaluation_weights():
                held_out = network.evaluate(self.validation, batch_size=self.batch_size)
            logs.update({f"val_{key}": value for key, value in held_out.items()})
        network.history.append(epoch, logs)
        self._tell("on_epoch_end", epoch, logs)
        if hooks.active("npdl_epoch_end"):
            hooks.call("npdl_epoch_end", model=network, epoch=epoch, logs=logs)
        return logs

    def _batches(self) -> Iterator[Batch]:
        order = None
        if self.shuffle and isinstance(self.data, ArrayData):
            order = self.network.shuffle_rng.permutation(self.data.n_samples)
        return islice(self.data.batches(self.batch_size, order), self.steps_per_epoch)

    def _batch(self, index: int, batch: Batch, meter: Any) -> None:
        network = self.network
        self._tell("on_train_batch_begin", index, {})
        if isinstance(self.data, StreamData):
            if batch.y is None:
                raise DataError("a batch without targets cannot be trained on")
            network._connect_to_data(batch.x)
        network.train_step(batch, meter)
        self._step += 1
        logs = {"loss": meter.last_loss}
        self._tell("on_train_batch_end", index, logs)
        if hooks.active("npdl_batch_end"):
            hooks.call("npdl_batch_end", model=network, step=self._step, logs=logs)

    def _tell(self, moment: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            method = getattr(callback, moment, None)
            if method is not None:
                method(*arguments)


def resolve_callbacks(specs: Sequence[Any]) -> list[Any]:
    """Return callbacks from names, envelopes and instances; those that record the others' state come last."""
    if isinstance(specs, (str, dict)) or not isinstance(specs, Sequence):
        specs = [specs]
    found = [registry.get("callbacks", spec) for spec in specs]
    return sorted(found, key=lambda callback: getattr(callback, "runs_last", False))


def _introduce(callback: Any, network: Network, all_callbacks: list[Any]) -> None:
    """Tell a callback what it watches, and one that records the others who they are."""
    if hasattr(callback, "set_model"):
        callback.set_model(network)
    if hasattr(callback, "set_peers"):
        callback.set_peers(all_callbacks)


def _total_epochs(epochs: int | None, max_iter: int | None) -> int:
    if epochs is not None and max_iter is not None:
        raise ConfigError("epochs and max_iter are two names of one thing; give one of them")
    given = max_iter if epochs is None else epochs
    return 100 if given is None else check_int("epochs", given, 0)


def _split(data: Any, fraction: float, validation_data: Any) -> tuple[Any, Any]:
    """Return training and validation data."""
    fraction = check_float("validation_split", fraction, 0, 1, below=True)
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
    if isinstance(given, tuple) and 2 <= len(given) <= 3:
        return as_data(given[0], given[1], None, given[2] if len(given) == 3 else None)
    if isinstance(given, dict) and {"x", "y"} <= set(given):
        return as_data(**given)
    return as_data(given)
