"""The properties of an objective."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npdl_core import registry
from npdl_core.errors import DataError, NpdlError
from npdl_core.parameterized import Parameterized
from npdl_core.testing.arrays import laid_out
from npdl_core.testing.common import COMMON
from npdl_core.testing.numeric import search_mismatch
from npdl_core.testing.objectives.steps import a_step_gets_loss_and_gradient
from npdl_core.testing.objectives.subject import Batch, ObjectiveSubject
from npdl_core.testing.outcome import fail, require, require_close, require_same
from npdl_core.testing.snapshot import changes, global_random_state, snapshot

__all__ = ["PROPERTIES"]


def gradient_is_the_derivative(subject: ObjectiveSubject) -> None:
    """``backward`` is the derivative of what ``forward`` reports: any reduction, mask, weights, targets."""
    for reduction in subject.reductions():
        objective = subject.made(**reduction)
        subject.note(reduction=reduction.get("reduction"))
        for shape in subject.shapes:
            dense = subject.batch(shape)
            for batch in (dense, subject.with_ids(dense)) if subject.ids else (dense,):
                for one in subject.weighted(batch):
                    _compare(subject, objective, one)
                    subject.note(reduction=reduction.get("reduction"))


def _compare(subject: ObjectiveSubject, objective: Any, batch: Batch) -> None:
    outputs = np.array(batch.outputs)
    batch = batch._replace(outputs=outputs)
    named = dict(objective.named_parameters()) if isinstance(objective, Parameterized) else {}
    trainable = {name: p for name, p in named.items() if not p.frozen}
    rng = np.random.default_rng(1)

    def gradients() -> dict[str, NDArray[Any]]:
        found = {"outputs": subject.gradient(objective, batch)}
        require(found["outputs"].shape == outputs.shape, "the gradient has another shape", outputs.shape)
        return {**found, **{name: np.array(p.grad) for name, p in trainable.items()}}

    def move() -> None:
        outputs[...] = subject.outputs(rng, outputs.shape)

    search_mismatch(
        lambda: np.ravel(np.asarray(subject.call(objective, batch), np.float64)),
        lambda: {"outputs": outputs, **{name: p.value for name, p in trainable.items()}},
        gradients,
        move,
        rng,
        n_directions=1,
        per_entry_limit=30,
        atol=1e-8,
    )


def loss_is_a_number(subject: ObjectiveSubject) -> None:
    """The loss is a Python float; for ``reduction="none"`` an array of the positions' shape."""
    for reduction in subject.reductions():
        objective = subject.made(**reduction)
        for shape in subject.shapes:
            loss = subject.call(objective, subject.batch(shape))
            if reduction.get("reduction") == "none":
                require(
                    np.shape(loss) == shape[:-1], "the shape of unreduced losses", shape[:-1], np.shape(loss)
                )
            else:
                require(isinstance(loss, float), "the loss is no float", "float", type(loss))
            require(np.isfinite(loss).all(), "the loss is not finite", "finite numbers", loss)


def reductions_agree(subject: ObjectiveSubject) -> None:
    """``total`` gives Σwl and Σw; the mean is their quotient, the sum the first, and arrays add up to it."""
    if not subject.derives_from_base:
        return
    for batch in subject.weighted(subject.batch(subject.shapes[1])):
        objective = subject.made()
        subject.seed(objective)
        total, weight = objective.total(*batch)
        due = {"mean": total / weight, "sum": total, "none": total}
        for reduction in subject.reductions():
            made = subject.made(**reduction)
            loss = np.sum(subject.call(made, batch), dtype=np.float64)
            require_close(loss, due[made.reduction], f"reduction={made.reduction!r} is not what total() says")


def positions_add_up(subject: ObjectiveSubject) -> None:
    """The total of a batch is the sum of the totals of its parts, so that a data set may be cut anyhow."""
    objective = subject.made()
    if not subject.derives_from_base:
        return
    outputs, targets = subject.batch(subject.shapes[0])[:2]
    subject.seed(objective)
    whole = objective.total(outputs, targets)
    parts = []
    for cut in (slice(0, 1), slice(1, 4), slice(4, None)):
        subject.seed(objective)
        parts.append(objective.total(outputs[cut], targets[cut]))
    require_close(np.sum(parts, axis=0), whole, "the totals of parts do not add up to that of the whole")


def ids_stand_for_one_hot(subject: ObjectiveSubject) -> None:
    """Class ids give what one-hot rows give, in loss and gradient."""
    if not subject.ids:
        return
    objective = subject.made()
    for shape in subject.shapes:
        batch = subject.with_ids(subject.batch(shape))
        rows = batch._replace(targets=np.eye(shape[-1])[batch.targets])
        due, came = subject.call(objective, rows), subject.call(objective, batch)
        require_close(came, due, "class ids give another loss than one-hot rows")
        require_close(
            subject.gradient(objective, batch),
            subject.gradient(objective, rows),
            "class ids give another gradient than one-hot rows",
        )


def weights_count_samples(subject: ObjectiveSubject) -> None:
    """Weight 2 is a sample given twice, weight 0 one left out; a common factor changes no mean."""
    objective = subject.made()
    outputs, targets = subject.batch(subject.shapes[0])[:2]
    counts = np.array([2, 1, 0, 1, 3, 1])
    due = subject.call(objective, Batch(np.repeat(outputs, counts, 0), np.repeat(targets, counts, 0)))
    came = subject.call(objective, Batch(outputs, targets, None, counts.astype(float)))
    require_close(came, due, "weights 2, 1, 0, 1, 3, 1 are not the samples that often")
    scaled = subject.call(objective, Batch(outputs, targets, None, counts * 0.5))
    if getattr(objective, "reduction", "mean") == "mean":
        require_close(scaled, came, "a common factor of the weights changes the mean")
    masked = subject.call(objective, Batch(outputs, targets, counts > 0, None))
    zeroed = subject.call(objective, Batch(outputs, targets, None, (counts > 0).astype(float)))
    require_close(masked, zeroed, "weight 0 is not the same as masked")


def masked_positions_have_no_influence(subject: ObjectiveSubject) -> None:
    """What stands at a masked position, NaN and impossible ids too, changes nothing and gets no gradient."""
    objective = subject.made()
    for shape in subject.shapes:
        dense = subject.batch(shape)
        for batch in (dense, subject.with_ids(dense)) if subject.ids else (dense,):
            mask = np.ones(shape[:-1], bool)
            mask.flat[1::3] = False
            subject.note(mask=True)
            due_loss = subject.call(objective, batch._replace(mask=mask))
            due = subject.gradient(objective, batch._replace(mask=mask))
            for garbage in (np.nan, np.inf, 1e30):
                outputs, targets = np.array(batch.outputs), np.array(batch.targets)
                outputs[~mask] = garbage
                targets[~mask] = garbage if targets.dtype.kind == "f" else -100
                spoiled = Batch(outputs, targets, mask)
                require_close(
                    subject.call(objective, spoiled), due_loss, f"{garbage} at masked positions: the loss"
                )
                grad = subject.gradient(objective, spoiled)
                require(not np.any(grad[~mask]), "masked positions have a gradient", "zeros", grad[~mask])
                require_close(grad, due, f"{garbage} at masked positions changes the gradient")


def nothing_to_count_is_zero(subject: ObjectiveSubject) -> None:
    """With every position masked, with zero weights, or without samples, loss and gradient are zero."""
    objective = subject.made()
    batch = subject.batch(subject.shapes[1])
    n = len(batch.outputs)
    cases = {
        "all masked": batch._replace(mask=np.zeros(np.shape(batch.outputs)[:-1], bool)),
        "all weights zero": batch._replace(sample_weight=np.zeros(n)),
        "no samples": Batch(batch.outputs[:0], batch.targets[:0]),
    }
    for what, case in cases.items():
        subject.note(case=what)
        loss = np.sum(subject.call(objective, case))
        require(loss == 0, "the loss is not zero", 0.0, loss)
        grad = subject.gradient(objective, case)
        require(
            grad.shape == np.shape(case.outputs), "the gradient's shape", np.shape(case.outputs), grad.shape
        )
        require(not np.any(grad) and np.isfinite(grad).all(), "the gradient is not zero", "zeros", grad)


def calls_are_pure(subject: ObjectiveSubject) -> None:
    """Arguments are not modified, the gradient is a new array, a call can be repeated, parameters stay."""
    objective = subject.made()
    dense = subject.batch(subject.shapes[1])
    for batch in subject.weighted(dense):
        kept = [None if a is None else np.array(a) for a in batch]
        loss, grad = subject.call(objective, batch), subject.gradient(objective, batch)
        before = _state(objective)
        for now, then, name in zip(batch, kept, Batch._fields, strict=True):
            if now is not None:
                require_same(now, then, f"{name} was modified")
                require(not np.shares_memory(grad, now), f"the gradient is a view of {name}", "a new array")
        random = global_random_state()
        require_same(subject.call(objective, batch), loss, "a second forward gives another loss")
        require_same(subject.gradient(objective, batch), grad, "a second backward gives another gradient")
        require(global_random_state() == random, "the global random generators were used")
        written = changes(before, _state(objective))
        require(not written, "a call writes to the objective", "nothing", ", ".join(written[:5]))


def _state(objective: Any) -> dict[str, Any]:
    """Return everything but the random generator, which every call starts anew."""
    found = snapshot(objective)
    return {path: content for path, content in found.items() if "._rng" not in path}


def wrong_shapes_are_refused(subject: ObjectiveSubject) -> None:
    """Targets, masks and weights that do not fit raise DataError; nothing is broadcast."""
    objective = subject.made()
    outputs, targets = subject.batch(subject.shapes[0])[:2]
    n, k = outputs.shape
    dense = targets if targets.ndim == 2 else np.eye(k)[targets]
    cases = {
        "targets (N, 1)": Batch(outputs, dense[:, :1]),
        "targets (1, K)": Batch(outputs, dense[:1]),
        "targets (N, K - 1)": Batch(outputs, dense[:, 1:]),
        "targets (N - 1, K)": Batch(outputs, dense[1:]),
        "real targets (K,) for N = K": Batch(outputs[:k], dense[0]),
        "a single number": Batch(outputs, 0.5),
        "mask (K,)": Batch(outputs, targets, np.ones(k, bool)),
        "mask (N - 1,)": Batch(outputs, targets, np.ones(n - 1, bool)),
        "sample_weight (N, K)": Batch(outputs, targets, None, np.ones((n, k))),
        "a negative weight": Batch(outputs, targets, None, -np.ones(n)),
        "a weight that is NaN": Batch(outputs, targets, None, np.full(n, np.nan)),
        "an infinite weight": Batch(outputs, targets, None, np.full(n, np.inf)),
    }
    if subject.ids:
        cases["an id above the last class"] = Batch(outputs, np.full(n, k))
        cases["a negative id"] = Batch(outputs, np.full(n, -1))
        cases["ids that are not integers"] = Batch(outputs, np.zeros(n))
    for what, batch in cases.items():
        for method in (objective.forward, objective.backward):
            subject.note(case=what)
            _require_refused(method, batch)


def _require_refused(method: Any, batch: Batch) -> None:
    try:
        method(*batch)
    except DataError:
        return
    except NpdlError as error:
        fail("a batch that does not fit is refused by another error", "DataError", type(error).__name__)
    fail(f"{method.__name__} takes a batch that does not fit", "DataError", "a result")


def one_column_may_lack_its_axis(subject: ObjectiveSubject) -> None:
    """(N,) and (N, 1) stand for each other, in outputs and in targets."""
    objective = subject.made()
    if subject.ids or not subject.derives_from_base or objective.params:
        return
    outputs, targets = subject.batch(subject.shapes[0])[:2]
    column, wanted = outputs[:, :1], targets[:, :1]
    if not subject.takes(objective, Batch(column, wanted)):
        return
    due = subject.call(objective, Batch(column, wanted))
    for one, other in ((column, wanted[:, 0]), (column[:, 0], wanted), (column[:, 0], wanted[:, 0])):
        subject.note(shape=f"outputs {one.shape}, targets {other.shape}")
        require_close(subject.call(objective, Batch(one, other)), due, "the loss differs")
        grad = subject.gradient(objective, Batch(one, other))
        require(grad.shape == one.shape, "the gradient's shape", one.shape, grad.shape)


def fused_backward_is_the_chain_rule(subject: ObjectiveSubject) -> None:
    """``fused_backward`` is ``backward`` taken through the activation that ``fuses`` names."""
    objective = subject.made()
    fuses = getattr(objective, "fuses", None)
    if fuses is None:
        return
    activation = registry.get("activations", fuses)
    for shape in subject.shapes:
        dense = subject.batch(shape)
        outputs = activation(np.random.default_rng(0).normal(0, 1, shape))
        dense = dense._replace(outputs=outputs)
        for batch in (dense, subject.with_ids(dense)) if subject.ids else (dense,):
            for one in subject.weighted(batch):
                due = activation.vjp(subject.gradient(objective, one), None, outputs)
                subject.seed(objective)
                require_close(
                    objective.fused_backward(*one), due, f"fused_backward is not through the {fuses}", 1e-8
                )


def dtype_is_kept(subject: ObjectiveSubject) -> None:
    """The gradient has the outputs' dtype, and float32 gives what float64 gives up to rounding."""
    exact, rounded = subject.made("float64"), subject.made("float32")
    for shape in subject.shapes:
        batch, small = subject.batch(shape), subject.batch(shape, dtype="float32")
        for dtype, made, one in (("float64", exact, batch), ("float32", rounded, small)):
            grad = subject.gradient(made, one)
            require(grad.dtype == dtype, "the dtype of the gradient", dtype, grad.dtype)
        require_close(subject.call(rounded, small), subject.call(exact, batch), "the loss in float32", 1e-5)
        require_close(grad, subject.gradient(exact, batch), "the gradient in float32", 1e-4)


def memory_layout_does_not_matter(subject: ObjectiveSubject) -> None:
    """Strided, Fortran-ordered and reversed arrays give what contiguous ones give."""
    objective = subject.made()
    outputs, targets = subject.batch(subject.shapes[1])[:2]
    due = (
        subject.call(objective, Batch(outputs, targets)),
        subject.gradient(objective, Batch(outputs, targets)),
    )
    for name, moved in laid_out([outputs, targets]):
        subject.note(layout=name)
        require_close(subject.call(objective, Batch(*moved)), due[0], "the loss differs")
        require_close(subject.gradient(objective, Batch(*moved)), due[1], "the gradient differs")


PROPERTIES = (
    *COMMON,
    calls_are_pure,
    gradient_is_the_derivative,
    loss_is_a_number,
    reductions_agree,
    positions_add_up,
    ids_stand_for_one_hot,
    weights_count_samples,
    masked_positions_have_no_influence,
    nothing_to_count_is_zero,
    wrong_shapes_are_refused,
    one_column_may_lack_its_axis,
    fused_backward_is_the_chain_rule,
    a_step_gets_loss_and_gradient,
    dtype_is_kept,
    memory_layout_does_not_matter,
)
