"""The contract: what every check promises, and that each promise can be broken.

A promise is a function that takes a trial (one example, run once) and raises AssertionError. The tests at the end hand
it a check that breaks it.
"""

from __future__ import annotations

import json
import random
import re
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor, nn

from nbrecipe import toys
from nbrecipe.batches import leaves
from nbrecipe.bench import FIELDS, Bench
from nbrecipe.check import Check, Example
from nbrecipe.finding import Finding, Result, Verdict, bad, hint, json_ready, ok
from nbrecipe.registry import all_checks
from nbrecipe.runner import run, run_each

CHECKS = list(all_checks().values())
INSTANT = [check for check in CHECKS if check.cost == "instant"]
BROKEN = [pytest.param(c, e, id=f"{c.id}-{e.__name__}") for c in CHECKS for e in c.broken]
HEALTHY = [pytest.param(c, e, id=f"{c.id}-{e.__name__}") for c in CHECKS for e in c.healthy]
TITLE_LIMIT = 90

State = dict[str, Any]
Seen = dict[str, Any]


@dataclass
class Trial:
    """One example of a check: the result, and the state of everything the user owns before and after."""

    check: Check
    result: Result
    before: State
    after: State

    @property
    def finding(self) -> Finding:
        return self.result.finding

    @property
    def told(self) -> str:
        return f"{self.check.id}: {self.finding.verdict}: {self.finding.message} {self.finding.where}"


def tried(check: Check, example: Example) -> Trial:
    bench = example()
    before = state(bench)
    result = run(check, bench)
    return Trial(check, result, before, state(bench))


trial = cache(tried)  # one run serves every promise


def state(bench: Bench) -> State:
    """Everything the user owns, as comparable bytes and plain values by name."""
    named: State = {"rng.python": random.getstate(), "rng.numpy": repr(np.random.get_state())}
    named["rng.torch"] = frozen(torch.get_rng_state())
    for role in ("model", "loss_fn"):
        owner = getattr(bench, role)
        for name, module in owner.named_modules() if isinstance(owner, nn.Module) else ():
            named |= {f"{role}.{name}.{key}": value for key, value in module_state(module).items()}
    if bench.optimizer is not None:
        named["optimizer"] = frozen(bench.optimizer.state_dict())
    if bench.scheduler is not None:
        named["scheduler"] = frozen(bench.scheduler.state_dict())
    named |= {f"batch.{i}": frozen(leaf) for i, leaf in enumerate(leaves(bench.batch))}
    return named


def module_state(module: nn.Module) -> Iterator[tuple[str, Any]] | State:
    kept: State = {"training": module.training, "hooks": len(module._forward_hooks) + len(module._backward_hooks)}
    kept["attributes"] = sorted(vars(module))
    for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
        kept[name] = frozen(tensor)
        kept[f"{name}.requires_grad"] = tensor.requires_grad
        kept[f"{name}.grad"] = frozen(tensor.grad)
        kept[f"{name} itself"] = id(tensor)
    return kept


def frozen(value: Any) -> Any:
    if isinstance(value, Tensor):
        plain = value.detach().to_dense() if value.layout is not torch.strided else value.detach()
        return (
            str(value.dtype),
            tuple(value.shape),
            plain.contiguous().cpu().flatten().view(torch.uint8).numpy().tobytes(),
        )
    if isinstance(value, dict):
        return {str(key): frozen(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [frozen(item) for item in value]
    return repr(value)


# The promises of a check's page -------------------------------------------------------------------------------------


def is_named_after_its_file(check: Check, file: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", check.id), f"{check.id}: the id is words joined by hyphens"
    assert file == check.id.replace("-", "_"), f"{check.id}: stands in {file}.py"


def has_a_page(check: Check) -> None:
    title = check.title
    assert 0 < len(title) <= TITLE_LIMIT, f"{check.id}: a title has 1 to {TITLE_LIMIT} characters, not {len(title)}"
    assert ". " not in title, f"{check.id}: the title is more than one sentence"
    assert title[0].isupper() or title[0] in "`0123456789", f"{check.id}: the title starts with a capital"
    assert check.why, f"{check.id}: the page says nothing of why it matters"


def has_examples(check: Check) -> None:
    assert len(check.broken) >= 1, f"{check.id}: no example of the fault"
    assert len(check.healthy) >= 2, f"{check.id}: fewer than two examples that hold"
    undocumented = [e.__name__ for e in (*check.broken, *check.healthy) if not e.__doc__]
    assert undocumented == [], f"{check.id}: examples without a docstring"


def asks_for_fields_of_a_bench(check: Check) -> None:
    assert check.needs, f"{check.id}: needs nothing, so it can say nothing"
    assert {*check.needs, *check.wants} <= FIELDS


def claims_a_fault_somewhere(check: Check, verdicts: list[Verdict]) -> None:
    """A check that only ever hints says so on its page."""
    assert Verdict.BAD in verdicts or "hint" in check.why, (
        f"{check.id}: no example is bad, and its page does not say so"
    )


# The promises of a trial --------------------------------------------------------------------------------------------


def flags_a_fault(trial: Trial) -> None:
    assert trial.finding.verdict in (Verdict.BAD, Verdict.HINT), trial.told
    assert trial.finding.fix.endswith("."), f"{trial.told}: the fix is a sentence: {trial.finding.fix!r}"
    assert not trial.finding.message.endswith("."), f"{trial.told}: a message ends without a full stop"


def raises_no_false_alarm(trial: Trial) -> None:
    assert trial.finding.verdict in (Verdict.OK, Verdict.HINT), trial.told


def leaves_the_bench_untouched(trial: Trial) -> None:
    changed = sorted(k for k in trial.before.keys() | trial.after.keys() if trial.before.get(k) != trial.after.get(k))
    assert changed == [], f"{trial.check.id} changed the user's own"


def speaks_json(trial: Trial) -> None:
    data = trial.result.to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data, f"{trial.check.id}: a result survives JSON"
    seen = {**trial.finding.seen}
    assert json.loads(json.dumps(seen, allow_nan=False)) == json_ready(seen), f"{trial.check.id}: plain data was seen"


def draws_from_what_was_seen(trial: Trial) -> None:
    if trial.check.drawing is None or not trial.finding.seen:
        return
    seen = json.loads(json.dumps(json_ready(trial.finding.seen)))
    figure = Figure(figsize=(3, 1.5))
    axes = figure.add_subplot()
    trial.check.drawing(axes, seen)
    FigureCanvasAgg(figure).draw()
    ticks = [label.get_text() for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels()]
    words = [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(), *(t.get_text() for t in axes.texts), *ticks]
    assert any(re.search("[a-z]", text) for text in words), f"{trial.check.id}: the picture labels nothing"


PROMISES: tuple[Callable[[Trial], None], ...] = (leaves_the_bench_untouched, speaks_json, draws_from_what_was_seen)


def keeps(tried: Trial, *promises: Callable[[Trial], None]) -> None:
    for promise in promises:
        promise(tried)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
class TestAPage:
    def test_the_id_is_the_name_of_the_file(self, check):
        is_named_after_its_file(check, check.judge.__self__._run.__module__.rpartition(".")[2])

    def test_has_a_title_of_one_sentence_and_says_why(self, check):
        has_a_page(check)

    def test_has_examples_of_the_fault_and_of_its_lookalikes(self, check):
        has_examples(check)

    def test_asks_for_what_a_bench_has(self, check):
        asks_for_fields_of_a_bench(check)

    def test_one_example_is_bad_and_two_are_ok(self, check):
        claims_a_fault_somewhere(check, [trial(check, example).finding.verdict for example in check.broken])
        verdicts = [trial(check, example).finding.verdict for example in check.healthy]
        assert verdicts.count(Verdict.OK) >= 2

    def test_an_empty_bench_is_skipped_with_what_is_missing(self, check):
        finding = run(check, Bench()).finding
        assert finding.verdict is Verdict.SKIPPED, finding.message
        assert finding.message.startswith("needs `")
        assert finding.code.startswith("%"), "the line that hands it over"


@pytest.mark.parametrize(("check", "example"), BROKEN)
def test_flags_what_is_broken_and_keeps_every_promise(check, example):
    keeps(trial(check, example), flags_a_fault, *PROMISES)


@pytest.mark.parametrize(("check", "example"), HEALTHY)
def test_accepts_what_holds_and_keeps_every_promise(check, example):
    keeps(trial(check, example), raises_no_false_alarm, *PROMISES)


@pytest.mark.parametrize(("check", "example"), HEALTHY)
def test_what_one_check_accepts_neither_crashes_nor_alarms_another(check, example):
    wrong = [r for r in run_each(INSTANT, example()) if r.verdict in (Verdict.CRASHED, Verdict.BAD)]
    assert [f"{r.id}: {r.verdict}: {r.finding.message} {r.finding.where}" for r in wrong] == []


# Each promise can be broken -----------------------------------------------------------------------------------------


def made(judge: Callable[..., Finding], draw: Callable[..., None] | None = None, page: str = "T.\n\nWhy.") -> Check:
    """A check written on the spot, as if it stood in a file of its own."""
    module = types.ModuleType("nbrecipe.checks.init.made_up", page)
    sys.modules[module.__name__] = module
    try:
        check = Check(module.__name__, tip="init well")
    finally:
        del sys.modules[module.__name__]
    check.run(judge)
    if draw is not None:
        check.draw(draw)
    return check


def trial_of(judge: Callable[..., Finding], draw: Callable[..., None] | None = None) -> Trial:
    return tried(made(judge, draw), toys.classify)


def fine(model: nn.Module) -> Finding:
    return ok("all is well", units=3)


def flagged(model: nn.Module) -> Finding:
    return bad("seen 2, expected 1", fix="Do it.", loss=2.0)


def labelled(axes: Any, seen: Seen) -> None:
    axes.barh(["yours"], [seen["loss"]])


def test_a_check_that_keeps_every_promise_passes():
    good = trial_of(flagged, labelled)
    flags_a_fault(good)
    raises_no_false_alarm(trial_of(fine))
    for promise in PROMISES:
        promise(good)
    has_a_page(made(fine))
    asks_for_fields_of_a_bench(made(fine))
    is_named_after_its_file(made(fine), "made_up")


def changes_the_batch(batch: Any) -> Finding:
    batch[0].mul_(2)
    return ok("all is well")


def changes_weights(model: nn.Module) -> Finding:
    with torch.no_grad():
        next(model.parameters()).add_(1e-6)
    return ok("all is well")


def leaves_gradients(model: nn.Module, batch: Any) -> Finding:
    model(batch[0]).sum().backward()
    return ok("all is well")


def leaves_eval_mode(model: nn.Module) -> Finding:
    model.eval()
    return ok("all is well")


def leaves_a_hook(model: nn.Module) -> Finding:
    model[0].register_forward_hook(lambda *_: None)
    return ok("all is well")


def steps_the_optimizer(optimizer: Any) -> Finding:
    optimizer.param_groups[0]["lr"] = 0.5
    return ok("all is well")


def draws_random_numbers(model: nn.Module) -> Finding:
    torch.rand(1)
    return ok("all is well")


MUTATIONS = [
    (changes_weights, "model.0.weight"),
    (leaves_gradients, "model.0.bias.grad"),
    (leaves_eval_mode, "model..training"),
    (leaves_a_hook, "model.0.hooks"),
    (steps_the_optimizer, "optimizer"),
    (draws_random_numbers, "rng.torch"),
]


@pytest.mark.parametrize(("judge", "what"), MUTATIONS)
def test_a_check_that_leaves_a_trace_is_caught_where_nothing_guards_the_bench(judge, what, monkeypatch):
    guarded = trial_of(judge)
    leaves_the_bench_untouched(guarded)  # the runner puts it back ...
    open_door = nullcontext(types.SimpleNamespace(restore=lambda: None))
    monkeypatch.setattr(Bench, "untouched", lambda bench: open_door)
    with pytest.raises(AssertionError, match=re.escape(what)):  # ... and nobody else does
        leaves_the_bench_untouched(trial_of(judge))


def test_a_check_that_writes_into_the_batch_is_caught():
    with pytest.raises(AssertionError, match=re.escape("batch.0")):
        leaves_the_bench_untouched(trial_of(changes_the_batch))


@pytest.mark.parametrize("value", [torch.ones(2), np.float32(1.0), {1}, float("nan"), float("inf")])
def test_what_json_cannot_hold_is_caught(value):
    with pytest.raises((TypeError, ValueError), match="JSON"):
        speaks_json(trial_of(lambda model: ok("all is well", value=value)))


def test_a_picture_that_fails_or_labels_nothing_is_caught():
    def needs_more(axes: Any, seen: Seen) -> None:
        axes.barh(["yours"], [seen["tensor"]])

    def wordless(axes: Any, seen: Seen) -> None:
        axes.plot([0, seen["loss"]])

    with pytest.raises(KeyError):
        draws_from_what_was_seen(trial_of(flagged, needs_more))
    with pytest.raises(AssertionError, match="labels nothing"):
        draws_from_what_was_seen(trial_of(flagged, wordless))


def test_a_wrong_verdict_is_caught():
    with pytest.raises(AssertionError, match="all is well"):
        flags_a_fault(trial_of(fine))
    with pytest.raises(AssertionError, match="seen 2, expected 1"):
        raises_no_false_alarm(trial_of(flagged))
    with pytest.raises(AssertionError, match="the fix is a sentence"):
        flags_a_fault(trial_of(lambda model: bad("seen 2", fix="do it")))
    with pytest.raises(AssertionError, match="ends without a full stop"):
        flags_a_fault(trial_of(lambda model: bad("seen 2.", fix="Do it.")))


def test_a_crash_is_neither_a_fault_nor_health():
    crash = trial_of(lambda model: 1 / 0)
    for promise in (flags_a_fault, raises_no_false_alarm):
        with pytest.raises(AssertionError, match="crashed: ZeroDivisionError"):
            promise(crash)


def test_a_check_that_only_hints_has_to_say_so():
    verdicts = [trial_of(lambda model: hint("seen 2", fix="Do it.")).finding.verdict]
    with pytest.raises(AssertionError, match="no example is bad"):
        claims_a_fault_somewhere(made(fine), verdicts)
    claims_a_fault_somewhere(made(fine, page="T.\n\nA hint at most."), verdicts)


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("", "nothing of why it matters"),
        ("word " * 20 + "\n\nWhy.", "a title has 1 to 90 characters"),
        ("One. Two.\n\nWhy.", "more than one sentence"),
        ("lower case.\n\nWhy.", "starts with a capital"),
        ("A title.", "nothing of why it matters"),
    ],
)
def test_a_poor_page_is_caught(page, complaint):
    with pytest.raises(AssertionError, match=complaint):
        has_a_page(made(fine, page=page))


def test_missing_or_nameless_examples_are_caught():
    check = made(fine)
    with pytest.raises(AssertionError, match="no example of the fault"):
        has_examples(check)
    check.breaks(lambda: toys.classify())
    with pytest.raises(AssertionError, match="fewer than two"):
        has_examples(check)
    check.healthy += [toys.classify, toys.regress]
    with pytest.raises(AssertionError, match="without a docstring"):
        has_examples(check)


def test_a_misplaced_check_is_caught():
    with pytest.raises(AssertionError, match=r"stands in other\.py"):
        is_named_after_its_file(made(fine), "other")


def test_a_check_that_needs_nothing_is_caught():
    with pytest.raises(AssertionError, match="needs nothing"):
        asks_for_fields_of_a_bench(made(lambda: ok("all is well")))
