"""Running checks: injection, what is missing, crashes, interrupts, the budget, and one copy of the state."""

from __future__ import annotations

import sys
import types

import pytest
import torch

from nbrecipe import toys
from nbrecipe.batches import BadInput
from nbrecipe.bench import FIELDS, Bench
from nbrecipe.check import Check
from nbrecipe.finding import Verdict, ok
from nbrecipe.runner import BINDINGS, run, run_each


def made(judge, name="made_up"):
    module = types.ModuleType(f"nbrecipe.checks.init.{name}", "All is well.\n\nWhy.")
    sys.modules[module.__name__] = module
    try:
        check = Check(module.__name__, tip="init well")
    finally:
        del sys.modules[module.__name__]
    check.run(judge)
    return check


def test_a_check_gets_what_its_parameters_name():
    bench = toys.classify()
    given = {}

    def judge(model, batch, loss_fn, scheduler=None, optimizer=None):
        given.update(locals())
        return ok("fine")

    result = run(made(judge), bench)
    assert (result.id, result.title, result.verdict) == ("made-up", "All is well", Verdict.OK)
    assert result.seconds >= 0
    assert given["model"] is bench.model
    assert given["batch"] is bench.batch
    assert given["optimizer"] is bench.optimizer, "optional, and there"
    assert given["scheduler"] is None, "optional, and missing"


def test_a_batch_is_drawn_from_the_loader_where_none_is_given():
    bench = toys.classify(batch=None)
    result = run(made(lambda batch: ok("fine", rows=len(batch[0]))), bench)
    assert result.finding.seen == {"rows": 64}


@pytest.mark.parametrize("name", sorted(BINDINGS))
def test_what_is_missing_is_named_with_the_line_that_gives_it(name):
    namespace = {"ok": ok}
    exec(f"def judge({name}): return ok('fine')", namespace)
    finding = run(made(namespace["judge"]), Bench()).finding
    assert finding.verdict is Verdict.SKIPPED
    assert finding.message == f"needs `{name}`"
    assert finding.code == BINDINGS[name]
    assert finding.fix == "Hand over what is missing, then run it again."


def test_everything_that_a_person_can_hand_over_has_a_line():
    # worked out, taken from the notebook itself, or said by a flag of one magic
    own = {"bench", "feed", "task", "names", "cells", "trained", "declared", "numbers", "texts"}
    assert FIELDS - own == set(BINDINGS)


def test_bad_input_is_skipped_with_its_sentence():
    def judge(model):
        raise BadInput("the loader is empty: give one with rows")

    finding = run(made(judge), toys.classify()).finding
    assert (finding.verdict, finding.message) == (Verdict.SKIPPED, "the loader is empty: give one with rows")


def test_a_crash_of_a_check_is_a_finding_that_says_where():
    finding = run(made(lambda model: {}["lost"]), toys.classify()).finding
    assert finding.verdict is Verdict.CRASHED
    assert finding.message == "KeyError: 'lost'"
    assert finding.fix == "This is a bug of nbrecipe; please report it with the line below."
    assert finding.where.startswith(__file__), finding.where


def test_after_a_crash_the_next_check_runs_on_the_state_as_it_was():
    bench = toys.classify()
    weight = bench.model[0].weight
    before = weight.detach().clone()

    def spoil(model):
        with torch.no_grad():
            model[0].weight.fill_(7)
        raise RuntimeError("halfway")

    def look(model):
        return ok("fine", same=torch.equal(model[0].weight, before))

    first, second = run_each([made(spoil, "first"), made(look, "second")], bench)
    assert first.verdict is Verdict.CRASHED
    assert second.finding.seen == {"same": True}
    assert bench.model[0].weight is weight


def test_an_interrupt_gets_through_and_leaves_the_state_as_it_was():
    bench = toys.classify()
    before = bench.model[0].weight.detach().clone()

    def spoil(model):
        with torch.no_grad():
            model[0].weight.fill_(7)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(made(spoil), bench)
    assert torch.equal(bench.model[0].weight, before)


def test_each_check_draws_the_same_random_numbers_and_the_users_stay_put():
    def draw(model):
        return ok("fine", number=torch.rand(()).item())

    torch.manual_seed(3)
    state = torch.get_rng_state()
    first, second = run_each([made(draw, "first"), made(draw, "second")], toys.classify())
    assert first.finding.seen == second.finding.seen
    assert torch.equal(torch.get_rng_state(), state)


def test_a_spent_budget_skips_the_rest():
    asked = iter([False, True, True])
    checks = [made(lambda model: ok("fine"), name) for name in ("one", "two", "three")]
    results = list(run_each(checks, toys.classify(), enough=lambda: next(asked)))
    assert [str(r.verdict) for r in results] == ["ok", "skipped", "skipped"]
    assert results[1].finding.message == "there was no time left in the budget"


def test_a_measurement_that_several_checks_ask_for_is_taken_once():
    counted = []

    def measure(bench):
        counted.append(bench)
        return len(counted)

    checks = [made(lambda bench: ok("fine", got=bench.once(measure)), name) for name in ("one", "two")]
    assert [r.finding.seen["got"] for r in run_each(checks, toys.classify())] == [1, 1]
