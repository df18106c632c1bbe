"""NumpyDL's model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Self

from npdl_compat import objectives, optimizers
from npdl_compat.accuracy import RowAccuracy
from npdl_core import registry
from npdl_core.callbacks.lambda_callback import LambdaCallback
from npdl_core.model import History
from npdl_core.model import Model as CoreModel
from npdl_core.model.training import resolve_callbacks
from npdl_core.objectives.base import Objective
from npdl_core.rng import streams
from npdl_core.utils.defaults import default_seed

__all__ = ["Model"]

_ACCURACY = "numpydl_accuracy"


class Model(CoreModel):
    """:class:`npdl_core.Model` with the arguments, the defaults and the training line of NumpyDL's.

    Parameters
    ----------
    layers : sequence of layers, optional
        More can follow with ``add``.
    seed, dtype
        As of :class:`npdl_core.Model`; without a seed, :func:`npdl.utils.random.set_seed` called before
        ``compile`` makes training reproducible.

    Examples
    --------
    >>> import npdl, numpy as np
    >>> npdl.utils.random.set_seed(1)
    >>> model = Model()
    >>> model.add(npdl.layers.Dense(n_out=8, n_in=3, activation=npdl.activations.ReLU()))
    >>> model.add(npdl.layers.Softmax(n_out=2))
    >>> _ = model.compile()
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> Y = npdl.utils.data.one_hot((X[:, 0] > 0).astype(int), 2)
    >>> _ = model.fit(X, Y, max_iter=1, validation_split=0.1)
    iter 1, train-[loss 0..., acc 0...]; valid-[loss ..., acc ...];
    """

    def __init__(self, layers: Any = None, *, seed: int | None = None, dtype: Any = None) -> None:
        super().__init__(layers, seed=seed, dtype=dtype)
        self._seeded = seed is not None

    def connect(self, shape: Any, allocator: Any = None) -> Self:
        """Make all shapes and parameters; see :meth:`npdl_core.Model.connect`."""
        if not (self._seeded or self.connected):
            self.seed = default_seed()
            self.layer_rng, self.shuffle_rng = streams(self.seed, 2)
        self._seeded = True
        return super().connect(shape, allocator)

    def compile(
        self,
        loss: Any = "scce",
        optimizer: Any = "sgd",
        metrics: Any = (),
        loss_weights: Mapping[str, float] | None = None,
    ) -> Self:
        """Choose loss and optimizer: names, or instances, which are copied.

        The loss is reported as a mean over samples and its gradient is that of the sum, as NumpyDL's learning
        rates assume. An envelope and an objective of npdl's own are used as they are.

        Raises
        ------
        ConfigError
            For unknown names and for other types.
        """
        given = [metrics] if isinstance(metrics, (str, Mapping)) else list(metrics)
        measured = [registry.get("metrics", metric) for metric in given]
        if not any(isinstance(metric, RowAccuracy) for metric in measured):
            measured.append(RowAccuracy())
        if not isinstance(loss, (Mapping, Objective)):
            loss = objectives.get(loss)
        if not isinstance(optimizer, Mapping):
            optimizer = optimizers.get(optimizer)
        return super().compile(loss, optimizer, measured, loss_weights)

    def fit(  # type: ignore[override]  # NumpyDL's order of arguments
        self,
        X: Any,
        Y: Any = None,
        max_iter: int = 100,
        batch_size: int = 64,
        shuffle: bool = True,
        validation_split: float = 0.0,
        validation_data: Any = None,
        file: Any = None,
        *,
        callbacks: Any = (),
        **options: Any,
    ) -> History:
        """Train, and print a line for each epoch.

        Parameters
        ----------
        X, Y : arrays (N, ...)
            Inputs and targets, never modified; the last partial batch counts.
        max_iter : int
            How many epochs.
        batch_size : int
            Samples a batch.
        shuffle : bool
            Draw a new order every epoch.
        validation_split : float
            This fraction, the last samples, is held out; between 0 and 1 it wins over ``validation_data``.
        validation_data : (X, Y), optional
            Held-out data.
        file : text file, optional
            Where the lines go; the standard output by default.
        callbacks, **options
            As of :meth:`npdl_core.Model.fit`.
        """
        split = validation_split if 0 < validation_split < 1 else 0.0
        stream = sys.stdout if file is None else file
        line = LambdaCallback(on_epoch_end=lambda epoch, logs: print(_line(epoch, logs), file=stream))
        return super().fit(
            X, Y, epochs=options.pop("epochs", max_iter), batch_size=batch_size, shuffle=shuffle,
            validation_split=split, validation_data=None if split else validation_data,
            callbacks=[*resolve_callbacks(callbacks), line], **options,
        )  # fmt: skip

    @classmethod
    def from_json(cls, document: Any, *, max_parameters: int | None = None) -> CoreModel:  # type: ignore[override]
        """Return the model of a document: an :class:`npdl_core.Model` with the same updates."""
        return CoreModel.from_json(document, max_parameters=max_parameters)

    @classmethod
    def load(cls, path: Any) -> CoreModel:  # type: ignore[override]
        """Return the model of a file: an :class:`npdl_core.Model` with the same updates."""
        return CoreModel.load(path)

    def accuracy(self, outputs: Any, targets: Any) -> float:
        """Return how often the largest output is where the largest target is."""
        metric = RowAccuracy()
        metric.update(outputs, targets)
        return metric.result()


def _line(epoch: int, logs: Mapping[str, Any]) -> str:
    """Return NumpyDL's line; it ends with a blank."""
    parts = [f"iter {epoch + 1}, train-[loss {logs['loss']:.4f}, acc {logs[_ACCURACY]:.4f}]; "]
    if "val_loss" in logs:
        parts.append(f"valid-[loss {logs['val_loss']:.4f}, acc {logs[f'val_{_ACCURACY}']:.4f}]; ")
    return "".join(parts)
