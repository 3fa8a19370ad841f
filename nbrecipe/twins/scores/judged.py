"""What the checks find in answers that were given already; they are kept on the board."""

from __future__ import annotations

from ... import verbs
from ...bench import Bench
from ...checks.data import label_mapping_mismatch
from ...checks.evaluation import (
    collapsed_predictions,
    input_independent,
    partial_evaluation,
    train_eval_disagreement,
    worse_than_baseline,
)
from ...evaluation.known import val_passed
from ...evaluation.passing import Passed
from ...experiments.inputless.experiment import trained_thrice
from ...experiments.ladder.above import climbed
from ...experiments.ladder.climb import Ladder
from ...finding import Result, Verdict

#: what judges a pass, and what judges a ladder with the model on it
OF_A_PASS = (
    label_mapping_mismatch.check, worse_than_baseline.check, collapsed_predictions.check, partial_evaluation.check,
    train_eval_disagreement.check,
)  # fmt: skip
OF_A_LADDER = (label_mapping_mismatch.check, worse_than_baseline.check, collapsed_predictions.check)
#: what judges the rungs of the model without its inputs, where they were climbed
OF_THE_BLIND = (input_independent.check,)


def of_pass(bench: Bench, found: Passed) -> dict[str, Result]:
    """The findings of a pass over the bench's validation data; those that cannot be judged are left out."""
    asked = bench.replace(trace=None)  # of a loop that was watched, `%%watch` has told already
    asked.know(val_passed, found)
    return _told(verbs.SESSION.run(OF_A_PASS, asked))


def of_ladder(bench: Bench, ladder: Ladder) -> dict[str, Result]:
    """The findings of a ladder that the model stands on; empty where it does not."""
    found = bench.known(val_passed)
    if found is None:
        return {}
    asked = bench.replace(trace=None)
    asked.know(climbed, ladder)
    asked.know(val_passed, found)
    blind = bench.known(trained_thrice)
    if blind is not None:
        asked.know(trained_thrice, blind)
    return _told(verbs.SESSION.run((*OF_A_LADDER, *(OF_THE_BLIND if blind is not None else ())), asked))


def _told(results: list[Result]) -> dict[str, Result]:
    return {result.key: result for result in results if result.verdict is not Verdict.SKIPPED}
