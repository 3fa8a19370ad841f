"""What is told of a pass beside its scores: answers that are none, means of batches, data used again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...bench import Bench
from ...evaluation.metric import Score
from ...evaluation.passing import Passed
from ...evaluation.tested import says_test
from ...journal import Journal
from ...probes.weights import identity as weights
from ...scan import identity
from ...statistics.digits import worth


def noted(found: Passed, scores: Sequence[Score]) -> list[str]:
    """Everything that is told, in sentences."""
    return [*_passes(found), *_losses(found, scores)]


def counted(bench: Bench, found: Passed, scores: Sequence[Score], data: Any) -> list[str]:
    """Note the evaluation in the journal; of test data say how many other weights were evaluated on them before."""
    if found.stopped or not scores:
        return []
    journal = Journal()
    known = identity.fingerprint(data)
    others = journal.evaluated(known, found.name, weights.fingerprint(bench.model), scores[0].name, scores[0].value)
    told = [line for line in (journal.complaint(),) if line]
    if others and says_test(found.name):
        those = "one other model was" if others == 1 else f"**{others}** other models (or weights) were"
        told.append(f"{those} evaluated on `{found.name}` before: the best of them looks better here than on new data")
    return told


def _passes(found: Passed) -> list[str]:
    """Answers that are none, and rows of which little can be told."""
    notes = []
    rows = found.answers.rows
    if found.none:
        rest = "they count as wrong" if found.answers.right is not None else "metrics are of the others"
        notes.append(f"**{found.none:,}** of {len(rows):,} rows are answered with NaN: {rest}")
    target = found.answers.target
    if target is not None and target.dtype.kind in "iu" and len(np.unique(target[target >= 0])) == 1:
        notes.append("all rows have **one class**: whether the others are recognised cannot be told from them")
    if found.answers.loss is None and found.batch_losses is not None:
        weights = np.asarray(found.sizes, np.float64)
        mean = float((found.batch_losses * weights).sum() / weights.sum())
        notes.append(
            f"the loss has no value for single rows; of batches, weighted by their rows, its mean is {mean:.4g}"
        )
    return notes


def _losses(found: Passed, scores: Sequence[Score]) -> list[str]:
    """The mean of batch means, where it is another number than the mean over rows."""
    loss, means = next((one for one in scores if one.name == "loss"), None), found.means
    if loss is None or means is None or len(means) < 2 or not np.isfinite(means).all():
        return []
    by_batch = float(means.mean())
    if worth(by_batch, loss.interval) == worth(loss.value, loss.interval):
        return []
    last, usual = found.sizes[-1], found.sizes[0]
    why = f": the last batch has {last} rows and the others {usual}" if last != usual else ""
    return [f"the mean of batch means is **{worth(by_batch, loss.interval)}**, not the mean over rows{why}"]
