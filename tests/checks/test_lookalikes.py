"""Programs that are right and look like faults: no check of objects or of one batch claims one, and few wonder."""

import feeds
import healthy
import lookalikes
import objectives
import pytest
import teachers
import torch
import wirings

from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run_each

#: the checks of model, loss and optimizer that need no loop
CHECKS = [
    c for c in all_checks().values() if c.chapter in ("model", "loss", "optimizer") and "trace" not in c.needs
]  # fmt: skip
#: program → what is worth a look in it
HINTS = {
    "contrastive": {"batch-leak", "dropout-in-eval"},
    "few_shot": {"batch-leak"},
    "one_set": {"batch-leak"},
    "one_graph": {"batch-leak"},
    "dropout_for_estimates": {"dropout-in-eval"},
    "variational": {"dropout-in-eval"},
    "diffusion": {"dropout-in-eval"},
    "without_negatives": {"dropout-in-eval", "missing-nonlinearity"},
    "queue_of_keys": {"dropout-in-eval", "hidden-state-carried"},
    "copy_without_gradient": {"dropout-in-eval", "detached-graph"},
    "inputs_by_running_mean": {"batch-leak"},
    "own_norm": {"batch-leak"},
    "norm_without_running_statistics": {"batch-leak"},
    "norms_alone": {"frozen-network"},
    "random_features": {"untrained-parameters"},
    "averaged": {"stale-optimizer"},
    "rewards": {"dropout-in-eval"},
}


@pytest.mark.parametrize(
    "build",
    [*lookalikes.KINDS, *wirings.KINDS, *feeds.KINDS, *teachers.KINDS, *objectives.KINDS],
    ids=lambda build: build.__name__,
)
def test_what_looks_like_a_fault_is_none(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        told(build(), HINTS.get(build.__name__, set()))


@pytest.mark.parametrize("build", healthy.KINDS, ids=lambda build: build.__name__)
def test_what_is_healthy_is_no_fault(build):
    told(build(0), HINTS.get(build.__name__, set()))


def told(given, hints):
    results = run_each(CHECKS, given)
    wrong = [r for r in results if r.verdict not in (Verdict.OK, Verdict.SKIPPED)]
    assert [f"{r.id}: {r.finding.message}" for r in wrong if r.verdict is not Verdict.HINT] == []
    assert {r.id for r in wrong} == hints


@pytest.mark.parametrize("build", [wirings.one_set, wirings.one_graph])
def test_rows_that_meet_as_declared_are_right(build):
    (result,) = run_each([all_checks()["batch-leak"]], build().replace(declared=frozenset({"mixing"})))
    assert result.verdict is Verdict.OK
