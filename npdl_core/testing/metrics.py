"""The contract of a metric, property by property."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npdl_core.errors import NpdlError
from npdl_core.testing.common import COMMON, ComponentSubject, constructor_allocates_nothing
from npdl_core.testing.domains import Draw, domain
from npdl_core.testing.outcome import check_skipped, fail, require, require_close, require_same, run
from npdl_core.testing.snapshot import global_random_state

__all__ = ["PROPERTIES", "check_metric"]

N = 12


class Batch(NamedTuple):
    """The arguments of one update."""

    outputs: NDArray[Any]
    targets: NDArray[Any]
    mask: NDArray[Any] | None = None
    sample_weight: NDArray[Any] | None = None

    def taken(self, rows: Any) -> Batch:
        """Return some of the samples."""
        return Batch(*(None if part is None else part[rows] for part in self))  # type: ignore[arg-type]


class MetricSubject(ComponentSubject):
    """A metric and how outputs (..., K) and targets are drawn."""

    def __init__(
        self, spec: Any, config: Any, outputs: str | Draw, targets: str | Draw, n_outputs: int
    ) -> None:
        super().__init__("metrics", spec, config)
        self.outputs, self.targets = domain(outputs), domain(targets)
        self.n_outputs = n_outputs

    def batch(self, shape: tuple[int, ...] = (N,), seed: int = 0, dtype: str = "float64") -> Batch:
        """Return outputs and targets at positions of a shape."""
        full = (*shape, self.n_outputs)
        self.note(shape=full, seed=seed)
        rng = np.random.default_rng([seed, len(shape)])
        return Batch(self.outputs(rng, full).astype(dtype), self.targets(rng, full))

    def value(self, batches: Iterable[Batch]) -> Any:
        """Return the result over some batches, of a new metric."""
        metric = self.new()
        metric.reset()
        for batch in batches:
            metric.update(*batch)
        return _number(metric)


def _number(metric: Any) -> Any:
    return np.asarray(metric.result(), np.float64)


def result_is_a_number(subject: MetricSubject) -> None:
    """The result is a float, or an array of finite numbers, and asking for it changes nothing."""
    metric = subject.new()
    metric.update(*subject.batch())
    result = metric.result()
    require(
        isinstance(result, (float, np.ndarray)), "the result is no float", "float or ndarray", type(result)
    )
    require(np.isfinite(result).all(), "the result is not finite", "finite numbers", result)
    require_same(_number(metric), np.asarray(result, np.float64), "asked again, the result differs")
    metric.update(*subject.batch(seed=1))
    both = _number(metric)
    require_close(
        both, subject.value([subject.batch(), subject.batch(seed=1)]), "asking in between changes it"
    )


def batches_may_be_cut_anyhow(subject: MetricSubject) -> None:
    """Cutting the data into batches otherwise, empty ones too, or reordering it, changes nothing."""
    for shape in ((N,), (N, 3)):
        whole = subject.batch(shape)
        due = subject.value([whole])
        for cuts in ([0, 1, 4, 4, N], [0, 7, N], list(range(N + 1))):
            parts = [whole.taken(slice(a, b)) for a, b in itertools.pairwise(cuts)]
            subject.note(cuts=cuts)
            require_close(subject.value(parts), due, "another cut into batches changes the result")
        order = np.random.default_rng(0).permutation(N)
        require_close(
            subject.value([whole.taken(order)]), due, "another order of the data changes the result"
        )


def reset_forgets(subject: MetricSubject) -> None:
    """After ``reset`` nothing is left of what came before."""
    metric = subject.new()
    metric.update(*subject.batch(seed=1))
    metric.reset()
    metric.update(*subject.batch())
    require_same(_number(metric), subject.value([subject.batch()]), "something is left after reset")


def no_data_is_nan(subject: MetricSubject) -> None:
    """Without data, or with all of it masked, the result is NaN; an array may also be zero."""
    batch = subject.batch()
    nothing: dict[str, list[Batch]] = {
        "no update": [],
        "an empty batch": [batch.taken(slice(0, 0))],
        "all masked": [batch._replace(mask=np.zeros(N, bool))],
        "all weights zero": [batch._replace(sample_weight=np.zeros(N))],
    }
    for what, batches in nothing.items():
        subject.note(case=what)
        result = subject.value(batches)
        empty = np.isnan(result) | (result == 0) if result.ndim else np.isnan(result)
        require(np.all(empty), "without data the result is a number", "NaN", result)


def masked_positions_do_not_count(subject: MetricSubject) -> None:
    """A mask gives what leaving the masked positions out gives, whatever stands there."""
    for shape in ((N,), (N, 3)):
        batch = subject.batch(shape)
        mask = np.random.default_rng(1).random(shape) < 0.6
        due = subject.value([Batch(batch.outputs[mask], batch.targets[mask])])
        require_close(subject.value([batch._replace(mask=mask)]), due, "masked positions count")
        outputs, targets = batch.outputs.copy(), batch.targets.copy()
        outputs[~mask] = np.nan
        targets[~mask] = np.nan if targets.dtype.kind == "f" else -100
        subject.note(masked_positions="NaN, or the id -100")
        require_close(
            subject.value([Batch(outputs, targets, mask)]), due, "what stands at masked positions counts"
        )


def weights_count_samples(subject: MetricSubject) -> None:
    """Weight 2 is a sample given twice, weight 0 one left out."""
    batch = subject.batch()
    counts = np.arange(N) % 3
    due = subject.value([batch.taken(np.repeat(np.arange(N), counts))])
    came = subject.value([batch._replace(sample_weight=counts.astype(float))])
    require_close(came, due, "weights 0, 1, 2 … are not the samples that often")


def arguments_are_not_modified(subject: MetricSubject) -> None:
    """``update`` only reads, and keeps nothing that a later change of the arrays would reach."""
    batch = subject.batch()._replace(mask=np.arange(N) % 4 > 0, sample_weight=np.linspace(0.5, 2, N))
    kept = [np.array(part) for part in batch]
    random = global_random_state()
    metric = subject.new()
    metric.update(*batch)
    due = _number(metric)
    for now, then, name in zip(batch, kept, Batch._fields, strict=True):
        require_same(now, then, f"{name} was modified")
    metric = subject.new()
    metric.update(*batch)
    for part in batch:
        part[...] = 0  # type: ignore[index]
    require_close(_number(metric), due, "changing the arrays after update changes the result")
    require(global_random_state() == random, "the global random generators were used")


def a_refused_batch_changes_nothing(subject: MetricSubject) -> None:
    """Shapes that do not fit raise an error of npdl's, and what was gathered stays."""
    batch = subject.batch()
    cases = {
        "a target less": batch._replace(targets=batch.targets[:-1]),
        "a mask of another length": batch._replace(mask=np.ones(N - 1, bool)),
        "weights of another length": batch._replace(sample_weight=np.ones(N - 1)),
        "a negative weight": batch._replace(sample_weight=-np.ones(N)),
    }
    for what, wrong in cases.items():
        subject.note(case=what)
        metric = subject.new()
        metric.update(*batch)
        due = _number(metric)
        try:
            metric.update(*wrong)
        except NpdlError:
            require_same(_number(metric), due, "a refused batch changed what was gathered")
            continue
        fail("a batch that does not fit is taken", "DataError", "no error")


def float32_agrees(subject: MetricSubject) -> None:
    """Outputs in float32 give what the same numbers give in float64: sums do not lose small contributions."""
    small = subject.batch(dtype="float32")
    exact = small._replace(outputs=small.outputs.astype(np.float64))
    require_close(subject.value([small]), subject.value([exact]), "the result in float32", 1e-5)


PROPERTIES = (
    *(check for check in COMMON if check is not constructor_allocates_nothing),
    result_is_a_number,
    batches_may_be_cut_anyhow,
    reset_forgets,
    no_data_is_nan,
    masked_positions_do_not_count,
    weights_count_samples,
    arguments_are_not_modified,
    a_refused_batch_changes_nothing,
    float32_agrees,
)


def check_metric(
    metric: Any,
    *,
    config: Mapping[str, Any] | None = None,
    outputs: str | Draw = "probabilities",
    targets: str | Draw = "ids",
    n_outputs: int = 4,
    skip: Collection[str] = (),
) -> tuple[str, ...]:
    """Check everything that a metric promises.

    Parameters
    ----------
    metric : str, type, mapping or Metric
        What to check.
    config : mapping, optional
        Constructor arguments.
    outputs, targets : str or callable(rng, shape)
        What to feed, as of :func:`npdl_core.testing.check_objective`.
    n_outputs : int
        K, how many columns outputs have.
    skip : collection of str
        Names of properties that do not apply.

    Returns
    -------
    tuple of str
        Names of the properties that hold.

    Raises
    ------
    ConformanceError
        Naming the property that does not hold.

    Examples
    --------
    >>> "batches_may_be_cut_anyhow" in check_metric("accuracy")
    True
    """
    subject = MetricSubject(metric, config, outputs, targets, n_outputs)
    check_skipped(skip, PROPERTIES)
    return run(subject, PROPERTIES, skip)
