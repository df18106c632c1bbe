"""Keras's verbs over a structure of layers."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from npdl_core import hooks
from npdl_core.checks import check_int
from npdl_core.errors import DataError, NotConnectedError, StateError
from npdl_core.model.data import ArrayData, Batch, as_data, as_one, check_mask
from npdl_core.model.history import History
from npdl_core.model.meter import Meter
from npdl_core.model.persistence import Persistent

__all__ = ["Network"]


class Network(Persistent):
    """What :class:`Model` and :class:`Graph` have in common: everything done with the whole of them.

    Attributes
    ----------
    history : History
        Of the last ``fit``, also after an exception.
    stop_training : bool
        A callback sets it to end training after the current batch.
    """

    def __init__(self, *, seed: int | None = None, dtype: Any = None) -> None:
        super().__init__(seed=seed, dtype=dtype)
        self.history = History()
        self.stop_training = False
        self._carrying = threading.Lock()

    @abstractmethod
    def run(self, x: Any, train: bool, mask: Any = None) -> tuple[Any, Any]:
        """Return outputs and the mask that goes with them, for inputs that are cast and checked."""

    @abstractmethod
    def backward(self, grad: Any, fused: Collection[str | None] = ()) -> Any:
        """Run all layers' backward for the gradient of the outputs; return the input's where there is one."""

    # -- computing -------------------------------------------------------------------------------------------

    def prepare(self, x: Any) -> Any:
        """Return the inputs of a batch checked and in the model's dtype; ids stay integers.

        Raises
        ------
        NotConnectedError
            If the model has no parameters yet.
        DataError, ShapeError
            If these are not inputs of this model.
        """
        if self._inputs is None:
            raise NotConnectedError(
                "this model has no parameters yet: fit it, give its first layer n_in, or call "
                "model.connect(shape)"
            )
        return self._inputs.prepare(x)

    def forward(self, x: Any, train: bool = True, mask: Any = None) -> Any:
        """Return the outputs for one batch.

        Those of a training forward stay valid until the next one, which reuses their memory.
        """
        return self._run(Batch(x, None, check_mask(mask, x)), train)[0]

    def _run(self, batch: Batch, train: bool) -> tuple[Any, Any]:
        """Return outputs and mask of a batch, and refuse concurrent use of layers that carry state."""
        x = self.prepare(batch.x)
        if not self._carriers or not any(layer.stateful for layer in self._carriers):
            return self.run(x, train, batch.mask)
        if not self._carrying.acquire(blocking=False):
            raise StateError(
                "this model carries state between calls, so two threads cannot use it at once; "
                "give each its copy.deepcopy(model)"
            )
        try:
            return self.run(x, train, batch.mask)
        finally:
            self._carrying.release()

    def predict(self, X: Any, batch_size: int | None = 256, mask: Any = None) -> Any:
        """Return the outputs for all samples; nothing changes, so threads may share the model.

        Parameters
        ----------
        X : array (N, ...), or dict of arrays by input name
            Inputs; memory-mapped ones may be larger than memory.
        batch_size : int, optional
            How many samples are computed at once; None for all.
        mask : array of bool (N, T), optional
            True at real time steps.

        Returns
        -------
        ndarray (N, ...), or dict of them by output name
            New arrays; a list of them where the last layer is one like ``parallel``.

        Raises
        ------
        NotConnectedError
            If the model has no parameters yet.
        ShapeError
            If the inputs are not of the shape it is connected to.
        """
        data = ArrayData(X, None, mask)
        size = data.n_samples if batch_size is None else check_int("batch_size", batch_size, 1)
        if data.n_samples <= size:
            return self._predicted(data.whole())
        outputs = [self._predicted(batch) for batch in data.batches(size)]
        if isinstance(outputs[0], dict):
            return {name: np.concatenate([out[name] for out in outputs]) for name in outputs[0]}
        if isinstance(outputs[0], list):
            return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]
        return np.concatenate(outputs)

    def predict_on_batch(self, x: Any, mask: Any = None) -> Any:
        """Return the outputs for one batch, computed at once: the quickest way for a single sample.

        Parameters
        ----------
        x, mask
            As of :meth:`predict`; one sample is a batch of one, ``x[None]``.

        Returns
        -------
        ndarray (N, ...), or dict of them by output name
            As of :meth:`predict`.

        Examples
        --------
        >>> import numpy as np
        >>> from npdl_core import Model
        >>> model = Model(seed=0)
        >>> model.add("softmax", n_in=3, n_out=2)
        >>> _ = model.connect((None, 3))
        >>> model.predict_on_batch(np.zeros((1, 3)))
        array([[0.5, 0.5]], dtype=float32)
        """
        return self._predicted(as_one(x, mask))

    def _predicted(self, batch: Batch) -> Any:
        """Return the outputs for a batch, in memory of their own."""
        return _owned(self._run(batch, False)[0], batch.x)

    def evaluate(
        self,
        X: Any,
        Y: Any = None,
        batch_size: int = 64,
        sample_weight: Any = None,
        mask: Any = None,
    ) -> dict[str, Any]:
        """Return the loss and all metrics over the whole data set, as ``{"loss": …, "accuracy": …}``.

        What layers add to the loss in training, such as L2 costs, is not part of it.

        Parameters
        ----------
        X, Y, sample_weight, mask
            As of :meth:`fit`; X alone may be an iterable of batches.
        batch_size : int
            How many samples are computed at once; the results do not depend on it.
        """
        data = as_data(X, Y, mask, sample_weight)
        return self.evaluate_batches(data.batches(check_int("batch_size", batch_size, 1)))

    def evaluate_batches(self, batches: Iterator[Batch]) -> dict[str, Any]:
        """Return the loss and all metrics over batches."""
        meter = self.compiled.meter()
        for batch in batches:
            outputs, mask = self._run(batch, False)
            meter.measure(outputs, batch.y, mask, batch.sample_weight)
        return meter.results()

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Return a context in which the parameters are those that the optimizer wants evaluated.

        An optimizer that keeps an average of the parameters has a method ``swap(params)``, which exchanges
        the two; ``fit`` validates in this context. Inside, ``evaluate``, ``predict`` and ``save`` see the
        average, and training is an error. With other optimizers nothing happens.
        """
        swap = getattr(self.compiled.optimizer, "swap", None)
        if swap is None:
            yield
            return
        swap(self.compiled.views()[0])
        try:
            yield
        finally:
            swap(self.compiled.views()[0])

    # -- training --------------------------------------------------------------------------------------------

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None, mask: Any = None) -> dict[str, Any]:
        """Do one update and return the loss and the metrics that the batch had before it."""
        batch = ArrayData(x, y, mask, sample_weight).whole()
        meter, known = self.compiled.batch_meter(), self.input_shape
        self.connect_to_data(batch.x)
        try:
            self.train_step(batch, meter)
        except BaseException:
            self.reconnect(known)
            raise
        return meter.results()

    def reconnect(self, shape: Any) -> None:
        """Connect to a shape again that data without a single update after it has changed."""
        if shape is not None and shape != self.input_shape:
            self.connect(shape)

    def train_step(self, batch: Batch, meter: Meter) -> None:
        """Forward, loss, backward, hooks, update; measures go into ``meter``.

        If anything raises on the way, parameters and running statistics are those of the step before.

        Raises
        ------
        DataError
            If the batch has no samples.
        """
        if not len(next(iter(batch.x.values())) if isinstance(batch.x, dict) else batch.x):
            raise DataError("a batch without samples cannot be trained on; leave it out")
        compiled = self.compiled
        compiled.check_ready()
        saved = compiled.copy_statistics()
        try:
            outputs, mask = self._run(batch, True)
            fused = compiled.fused
            grad = meter.learn(outputs, batch.y, mask, batch.sample_weight, compiled.cost(), fused)
            compiled.reinforce(outputs, batch.y, mask, batch.sample_weight)
            self.backward(grad, fused)
            if compiled.hooks.active("npdl_gradients_ready"):
                hooks.call("npdl_gradients_ready", model=self, grads=compiled.views()[1])
            compiled.update()
        except BaseException:
            compiled.restore_statistics(saved)
            raise

    def fit(
        self,
        X: Any,
        Y: Any = None,
        *,
        epochs: int | None = None,
        max_iter: int | None = None,
        batch_size: int = 64,
        shuffle: bool = True,
        validation_split: float = 0.0,
        validation_data: Any = None,
        callbacks: Sequence[Any] = (),
        sample_weight: Any = None,
        mask: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        resume: bool = False,
    ) -> History:
        """Train, and return what was measured.

        Parameters
        ----------
        X, Y : arrays (N, ...), memory maps, or dicts of them by name
            Inputs and targets, never modified. Or X alone: an iterable of batches ``(x, y[, sample_weight])``
            or dicts, which may be larger than memory and is iterated anew for every epoch.
        epochs : int
            The total number of epochs, 100 by default; ``max_iter`` is NumpyDL's name for it.
        batch_size : int
            Samples a batch; the last, smaller one counts too.
        shuffle : bool
            Draw a new order every epoch.
        validation_split : float
            This fraction, the last samples before any shuffling, is held out.
        validation_data : (X, Y) or (X, Y, sample_weight), or an iterable of batches
            Held-out data; wins over ``validation_split``.
        callbacks : sequence of names, envelopes or instances
            See :mod:`npdl_core.callbacks`.
        sample_weight : array (N,) or (N, T)
            Weights of the samples' losses.
        mask : array of bool (N, T)
            True at real time steps.
        initial_epoch : int
            Where counting starts.
        steps_per_epoch : int
            End an epoch after this many batches.
        resume : bool
            Continue from the file of the ``model_checkpoint`` callback if there is one; the result is
            bit-identical to an uninterrupted run.

        Raises
        ------
        DataError
            Before anything is changed, if the data does not fit together.
        KeyboardInterrupt
            After Ctrl-C, when the update at hand is done.
        """
        from npdl_core.model.training import Training

        data = as_data(X, Y, mask, sample_weight)
        return Training(
            self, data, epochs=epochs, max_iter=max_iter, batch_size=batch_size, shuffle=shuffle,
            validation_split=validation_split, validation_data=validation_data, callbacks=callbacks,
            initial_epoch=initial_epoch, steps_per_epoch=steps_per_epoch, resume=resume,
        ).run()  # fmt: skip


def _owned(outputs: Any, x: Any) -> Any:
    """Return outputs that do not alias the caller's inputs."""
    if isinstance(outputs, dict):
        return {name: _owned(array, x) for name, array in outputs.items()}
    if isinstance(outputs, list):
        return [_owned(array, x) for array in outputs]
    if outputs.base is None and type(x) is np.ndarray and outputs is not x and x.base is not outputs:
        return outputs  # it owns its memory, so the comparison of addresses can be saved
    inputs = list(x.values()) if isinstance(x, dict) else [x]
    return outputs.copy() if any(np.may_share_memory(outputs, item) for item in inputs) else outputs
