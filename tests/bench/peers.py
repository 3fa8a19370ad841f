"""What other tools say of common faults: `python -m tests.bench peers`, with the tools that are installed.

Each fault has a twin that is right. A tool *names* a fault when it says of it what it does not say of the twin, in
words that tell the cause (`Fault.words`); it *stirs* when it says something else that it does not say of the twin, as
"the loss did not fall". Installed with `pip install --no-deps torchtest2==0.1.0 neural-net-checklist==1.1.0
pytest-torch==1.1.1 torch-audit==0.3.0 torcheck==1.0.1 torchtest==0.5`: some of them ask for an old torch.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from . import faulty
from .faulty import FAULTS, Case, Fault

Tool = Callable[[Callable[[], Case]], Iterator[str]]


def ours(make: Callable[[], Case]) -> Iterator[str]:
    """The chapters that look at one batch, and the loop watched."""
    import nbrecipe
    from nbrecipe import verbs
    from nbrecipe.session import Session

    case, verbs.SESSION = make(), Session()
    given = {"model": case.model, "batch": (case.x, case.y), "loss": case.loss, "optimizer": case.optimizer}
    answers = [nbrecipe.check_init(**given), nbrecipe.recipe("model", "loss", "data", "optimizer", **given)]
    with nbrecipe.watch() as watched:
        faulty.train(case)
    for result in [result for answer in [*answers, watched] for result in answer]:
        if result.finding.verdict.value in ("bad", "hint"):
            yield f"{result.id}: {result.finding.message} {result.finding.fix}"


def torchtest2(make: Callable[[], Case]) -> Iterator[str]:
    import torchtest2

    case = make()
    for result in torchtest2.check_model(case.model, case.x, case.y, loss_fn=case.loss, optimizer=case.optimizer):
        if result.status.name in ("FAIL", "WARN"):
            yield f"{result.name}: {result.message}"


def neural_net_checklist(make: Callable[[], Case]) -> Iterator[str]:
    from neural_net_checklist import torch_diagnostics as asked

    case = make()
    if case.y.is_floating_point():
        return  # it is about classes
    batch, classes = (case.x, case.y), {"num_classes": int(case.y.max()) + 1}
    fresh = lambda: make().model  # noqa: E731 - some ask for a factory
    for check, model, given in (
        (asked.assert_balanced_classification_cross_entropy_loss_at_init, fresh(), classes),
        (asked.assert_balanced_classification_cross_entropy_init_calibrated, fresh(), classes),
        (asked.assert_forward_batch_independence, fresh, {}),
        (asked.assert_non_zero_gradients, fresh(), {}),
        (asked.assert_backward_batch_independence, fresh, {}),
        (asked.assert_input_independent_baseline_worse, fresh, {}),
        (asked.assert_overfit_to_batch, fresh(), {}),
    ):
        for told in _raised(lambda check=check, model=model, given=given: check(model, batch, **given)):
            yield f"{check.__name__}: {told}"


def pytest_torch(make: Callable[[], Case]) -> Iterator[str]:
    import pytest_torch as asked

    case = make()
    loss = lambda output: case.loss(output, case.y)  # noqa: E731
    yield from _raised(lambda: asked.assert_all_params_receive_grad(case.model, case.x, loss))
    yield from _raised(lambda: asked.assert_optimizer_coverage(case.model, case.optimizer))
    yield from _raised(lambda: asked.assert_batch_invariant(case.model.eval(), case.x))
    yield from _raised(lambda: asked.assert_overfits_one_batch(case.model.train(), case.x, loss))


def torch_audit(make: Callable[[], Case]) -> Iterator[str]:
    from torch_audit import audit_dynamic

    case = make()
    with audit_dynamic(
        case.model, optimizer=case.optimizer, every_n_steps=1, reporters=[], fail_level="FATAL"
    ) as audit:
        audit.audit_data((case.x, case.y))
        for _ in range(3):
            loss = case.sign * case.loss(audit.forward(case.x), case.y)
            if case.clears:
                case.optimizer.zero_grad()
            audit.backward(loss)
            audit.optimizer_step()
    yield from {f"{found.rule_id}: {found.message}" for found in audit.findings}


def torcheck(make: Callable[[], Case]) -> Iterator[str]:
    import torcheck as asked
    from torcheck.registry import Registry

    case, registry = make(), Registry()
    registry.register(case.optimizer)
    assert asked.registry is not registry
    yield from _raised(lambda: registry.add_module(case.model, changing=True, check_nan=True, check_inf=True))
    yield from _raised(lambda: faulty.train(case))


def torchtest(make: Callable[[], Case]) -> Iterator[str]:
    from torchtest import test_suite

    case = make()
    given = {"test_vars_change": True, "test_nan_vals": True, "test_inf_vals": True}
    yield from _raised(lambda: test_suite(case.model, case.loss, case.optimizer, [case.x, case.y], **given))


TOOLS: dict[str, Tool] = {
    "nbrecipe": ours, "torchtest2": torchtest2, "neural_net_checklist": neural_net_checklist,
    "pytest_torch": pytest_torch, "torch_audit": torch_audit, "torcheck": torcheck, "torchtest": torchtest,
}  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """What a tool says of a case, each sentence once."""

    told: tuple[str, ...]

    @classmethod
    def of(cls, tool: Tool, make: Callable[[], Case]) -> Heard:
        torch.manual_seed(0)
        silent = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
        with warnings.catch_warnings(), silent[0], silent[1]:
            warnings.simplefilter("ignore")
            try:
                return cls(tuple(tool(make)))
            except Exception as error:  # a tool that breaks down on a fault has stirred
                return cls((f"{type(error).__name__}: {error}",))


def verdict(fault: Fault, broken: Heard, right: Heard) -> str:
    """`names`, `stirs` or `–`; `(alarm)` where the twin, too, is found at fault."""
    known = {_kind(line) for line in right.told}
    new = [line for line in broken.told if _kind(line) not in known]
    said = "names" if any(re.search(fault.words, line, re.IGNORECASE) for line in new) else "stirs" if new else "–"
    return f"{said} (alarm)" if right.told else said


def rows() -> Iterator[tuple[str, str, str]]:
    """(fault, what each tool says of it, nothing): one row a fault."""
    tools = {name: tool for name, tool in TOOLS.items() if importlib.util.find_spec(name) or name == "nbrecipe"}
    for fault in FAULTS:
        said = {}
        for name, tool in tools.items():
            broken, right = (
                Heard.of(tool, lambda make=fault.make, wrong=wrong: make(wrong)) for wrong in (True, False)
            )
            said[name] = verdict(fault, broken, right)
        yield fault.name, ", ".join(f"{name} {told}" for name, told in said.items()), ""


def _kind(line: str) -> str:
    """What a line is about, without its numbers."""
    return re.sub(r"\d[\d.e+-]*", "#", line)[:60]


def _raised(act: Callable[[], Any]) -> Iterator[str]:
    try:
        act()
    except Exception as error:
        yield f"{type(error).__name__}: {error}"
