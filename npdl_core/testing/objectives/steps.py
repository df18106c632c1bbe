"""What a training step asks an objective for."""

from __future__ import annotations

from typing import Any

from npdl_core.testing.objectives.subject import Batch, ObjectiveSubject
from npdl_core.testing.outcome import require_close

__all__ = ["a_step_gets_loss_and_gradient"]


def a_step_gets_loss_and_gradient(subject: ObjectiveSubject) -> None:
    """Loss and gradient at once are those of ``total`` and ``backward``, or ``fused_backward``."""
    if not subject.derives_from_base:
        return
    objective = subject.made()
    for shape in subject.shapes:
        dense = subject.batch(shape)
        for batch in (dense, subject.with_ids(dense)) if subject.ids else (dense,):
            for one in subject.weighted(batch):
                for fused in (False, True) if objective.fuses else (False,):
                    _compare(subject, objective, one, fused)


def _compare(subject: ObjectiveSubject, objective: Any, batch: Batch, fused: bool) -> None:
    from npdl_core.model.terms import Term, weighting  # the kit is used without models, too

    subject.note(fused=fused)
    outputs, targets, mask, sample_weight = batch
    weights, term = weighting(mask, sample_weight, None), Term(None, objective, 1.0)
    subject.seed(objective)
    *sums, grad = term.total_and_gradient(outputs, targets, weights, fused)
    subject.seed(objective)
    require_close(
        sums, term.total(outputs, targets, weights), "the losses' sum, or the weights', differs", 1e-8
    )
    subject.seed(objective)
    due = (objective.fused_backward if fused else objective.backward)(*batch)
    require_close(grad, due, "the gradient differs", 1e-8)
