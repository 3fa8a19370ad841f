"""Checks of the optimizer that judge model and optimizer as they stand, before any loop: faults and lookalikes."""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

Make = Callable[[], Bench]
#: what the examples need to be alive while they are judged
KEPT: list[Any] = []
OK, BAD, HINT, SKIPPED = Verdict.OK, Verdict.BAD, Verdict.HINT, Verdict.SKIPPED


@pytest.fixture(autouse=True)
def _forget():
    yield
    KEPT.clear()


def found(check: str, given: Bench) -> Finding:
    return run(all_checks()[check], given).finding


def kept(thing: Any) -> Any:
    KEPT.append(thing)
    return thing


def net() -> nn.Sequential:
    """Layers of more than 200 weights each, so that torch's draw can be told."""
    return toys.mlp((20, 32, 32, 8))


def adam(parameters: Any, rate: float = 1e-3) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, rate)


def of(model: nn.Module, optimizer: Any) -> Bench:
    return toys.classify(model, classes=8).replace(optimizer=optimizer)


def stepped(given: Bench) -> Bench:
    model, loss_fn, opt = toys.parts(given)
    loss_fn(model(given.batch[0]), given.batch[1]).backward()
    opt.step()
    return given


def made_anew() -> Bench:
    opt = adam(net().parameters())
    return of(net(), opt)


def head_replaced() -> Bench:
    model = net()
    opt = adam(model.parameters())
    model[4] = nn.Linear(32, 8)
    return of(model, opt)


def assigned() -> Bench:
    model, opt = (lambda m: (m, adam(m.parameters())))(net())
    model.load_state_dict({k: v.clone() for k, v in model.state_dict().items()}, assign=True)
    return of(model, opt)


def half_frozen() -> Bench:
    model = net()
    opt = adam(model.parameters())
    model[0].requires_grad_(False)
    return of(model, opt)


def layer_dropped_and_another_kind() -> Bench:
    model = net()
    opt = adam(model.parameters())
    model[2] = nn.Sequential(nn.Linear(32, 16), nn.Linear(16, 32))
    return of(model, opt)


def generator_and_judge() -> Bench:
    made, judge = kept(toys.mlp((4, 8, 20))), net()
    kept(adam(judge.parameters()))
    return of(judge, adam(made.parameters()))


def averaged() -> Bench:
    online = kept(net())
    return of(copy.deepcopy(online), adam(online.parameters()))


def full_precision_copies() -> Bench:
    model = net()
    copies = [nn.Parameter(p.detach().float()) for p in model.parameters()]
    return of(model.bfloat16(), adam(copies))


def fast_weights() -> Bench:
    model = net()
    weights = [nn.Parameter(p.detach().clone()) for p in model.parameters()]
    vars(sys.modules["__main__"])["weights_of_a_test"] = weights
    return of(model, adam(weights))


def images() -> Bench:
    return of(net().requires_grad_(False), adam([torch.zeros(4, 20, requires_grad=True)]))


class LowRank(nn.Module):
    """A frozen layer and a product of two small ones beside it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.a, self.b = nn.Linear(base.in_features, 4, bias=False), nn.Linear(4, base.out_features, bias=False)
        nn.init.zeros_(self.b.weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.base(x) + self.b(self.a(x))
        return out


def low_rank() -> Bench:
    model = net().requires_grad_(False)
    model[2] = LowRank(model[2])
    return of(model, adam(p for p in model.parameters() if p.requires_grad))


def in_parallel() -> Bench:
    model = net()
    return of(nn.DataParallel(model), adam(model.parameters()))


def compiled() -> Bench:
    model = net()
    return of(torch.compile(model), adam(model.parameters()))


def other_optimizer() -> Bench:
    model = net()
    kept(adam(model[4].parameters()))
    return stepped(of(model, adam(model[:4].parameters())))


def part(start: int, end: int, *, steps: bool = True) -> Make:
    def make() -> Bench:
        model = net()
        given = of(model, adam(model[start:end].parameters()))
        return stepped(given) if steps else given

    return make


def probe() -> Bench:
    """A new head on a trained body that was left open."""
    given = toys.trained(toys.classify(net(), classes=8))
    model = given.get("model")
    model[4] = nn.Linear(32, 8)
    return stepped(given.replace(optimizer=adam(model[4].parameters())))


class Spare(nn.Module):
    """A head that this phase does not call."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.later = net(), nn.Linear(32, 32)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return out


def spare_head() -> Bench:
    model = Spare()
    return stepped(of(model, adam(model.body.parameters())))


def tied() -> Bench:
    given = toys.next_token()
    model = given.get("model")
    model.head.weight = model.tokens.weight
    return given.replace(optimizer=adam(model.parameters()))


class Rises:
    """Sets the rate itself, as the schedule of the first transformer did."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer


def rate(value: float, **more: Any) -> Make:
    def make() -> Bench:
        model = net()
        return of(model, adam(model.parameters(), value)).replace(**more)

    return make


def risen() -> Bench:
    given = rate(0.0)()
    kept(Rises(given.optimizer))
    return given


def hidden_schedule() -> Bench:
    given = rate(0.1)()
    kept(torch.optim.lr_scheduler.LambdaLR(given.optimizer, lambda step: min(1.0, step / 10)))
    return given


def schedule_of_nothing() -> Bench:
    """A multiple of 0 stays 0, and still a schedule may add: it is not judged."""
    given = rate(0.0)()
    return given.replace(scheduler=torch.optim.lr_scheduler.LambdaLR(given.optimizer, lambda step: 1.0))


def in_groups(first: float, second: float, *, frozen: bool = False) -> Make:
    def make() -> Bench:
        model = net()
        model[:4].requires_grad_(not frozen)
        groups = [{"params": [*model[:4].parameters()], "lr": first}, {"params": [*model[4].parameters()]}]
        return of(model, adam(groups, second))

    return make


def decayed(kind: type[torch.optim.Optimizer], decay: float, rate: float = 1e-3, **more: Any) -> Make:
    def make() -> Bench:
        model = net()
        return of(model, kind(model.parameters(), lr=rate, weight_decay=decay, **more))  # type: ignore[call-arg]

    return make


def near_its_minimum() -> Bench:
    given = toys.trained(decayed(torch.optim.SGD, 0.05)(), steps=200)
    return given.replace(trained="`loss.backward` in cell 2")


def twice() -> Bench:
    model = net()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return of(model, torch.optim.SGD([*model.parameters(), model[0].weight], 0.1))


def body_and_all() -> Bench:
    model = net()
    kept(adam(model.parameters()))
    return of(model, adam(model[:4].parameters()))


def one_after_the_other() -> Bench:
    model = net()
    kept(torch.optim.SGD(model.parameters(), 0.1))
    return of(model, adam(model.parameters()))


CASES: dict[str, tuple[str, Make, Verdict, str]] = {
    "made anew": ("stale-optimizer", made_anew, BAD, "**none** of the 6 tensors"),
    "head replaced": ("stale-optimizer", head_replaced, BAD, "`net[4].weight`, `net[4].bias`"),
    "state assigned": ("stale-optimizer", assigned, BAD, "**none** of the 6 tensors"),
    "another kind of layer": ("stale-optimizer", layer_dropped_and_another_kind, HINT, "**2** of the 6"),
    "optimizer of another": ("stale-optimizer", generator_and_judge, OK, "0 of 6"),
    "averaged copy": ("stale-optimizer", averaged, HINT, "belongs to `net`"),
    "copies in full precision": ("stale-optimizer", full_precision_copies, HINT, "**none** of the 6"),
    "fast weights": ("stale-optimizer", fast_weights, HINT, "belongs to `net`"),
    "image": ("stale-optimizer", images, OK, "0 of 0"),
    "low rank": ("stale-optimizer", low_rank, OK, "2 of 2"),
    "in parallel": ("stale-optimizer", in_parallel, OK, "6 of 6"),
    "compiled": ("stale-optimizer", compiled, OK, "6 of 6"),
    "tied": ("stale-optimizer", tied, OK, "of"),
    "part in another": ("stale-optimizer", other_optimizer, OK, "4 of 6"),
    "half frozen": ("stale-optimizer", half_frozen, OK, "4 of 4 trainable parameters, and 2 frozen ones"),
    "no optimizer": ("stale-optimizer", lambda: of(net(), None), SKIPPED, "needs `optimizer`"),
    "head forgotten": ("untrained-parameters", part(0, 4), BAD, "`net.4.weight`, `net.4.bias`"),
    "head forgotten, before a step": ("untrained-parameters", part(0, 4, steps=False), HINT, "`net.4.weight`"),
    "stem forgotten": ("untrained-parameters", part(2, 5), BAD, "`net.0.weight`"),
    "head on an open body": ("untrained-parameters", probe, HINT, "`net.0.weight`"),
    "head and body apart": ("untrained-parameters", other_optimizer, OK, "6 trainable parameters are"),
    "head replaced, stale": ("untrained-parameters", head_replaced, HINT, "`net.4.weight`"),
    "made anew, stale": ("untrained-parameters", made_anew, SKIPPED, "holds no parameter of `net`"),
    "head for later": ("untrained-parameters", spare_head, OK, "none of the 2 others"),
    "low rank, all in": ("untrained-parameters", low_rank, OK, "2 trainable parameters are"),
    "all in parallel": ("untrained-parameters", in_parallel, OK, "6 trainable parameters are"),
    "all tied": ("untrained-parameters", tied, OK, "trainable parameters are in an optimizer"),
    "rate of 0": ("zero-learning-rate", rate(0.0), BAD, "is **0**"),
    "rate of 0 with a loop that sets it": (
        "zero-learning-rate", rate(0.0, cells=(Cell(1, 'for g in opt.param_groups:\n    g["lr"] = rate(step)'),)),
        HINT, "is **0**",
    ),
    "rate of 0 that is filled in": (
        "zero-learning-rate", rate(0.0, cells=(Cell(1, 'opt.param_groups[0]["lr"].fill_(0.1)'),)), HINT, "is **0**",
    ),
    "rate of 0 with cells that read it": (
        "zero-learning-rate", rate(0.0, cells=(Cell(1, 'print(opt.param_groups[0]["lr"] == 0)'),)), BAD, "is **0**",
    ),
    "rate run out": ("zero-learning-rate", lambda: stepped(rate(0.0)()), HINT, "is **0**"),
    "rate that another object sets": ("zero-learning-rate", risen, OK, "`Rises` may raise it"),
    "warm-up unseen": ("zero-learning-rate", hidden_schedule, OK, "may raise it"),
    "schedule of nothing": ("zero-learning-rate", schedule_of_nothing, OK, "may raise it"),
    "one group at rest": ("zero-learning-rate", in_groups(0.0, 1e-3), HINT, "1 of the 2 groups"),
    "one group frozen": ("zero-learning-rate", in_groups(0.0, 1e-3, frozen=True), OK, "0.001"),
    "rates by group": ("zero-learning-rate", in_groups(1e-4, 1e-3), OK, "between"),
    "rate of one": ("zero-learning-rate", rate(1e-3), OK, "0.001"),
    "AdamW at 0.1": ("excessive-weight-decay", decayed(torch.optim.AdamW, 0.1), OK, "times as hard"),
    "AdamW at 100": ("excessive-weight-decay", decayed(torch.optim.AdamW, 100.0), HINT, "times as hard"),
    "AdamW at 1000": ("excessive-weight-decay", decayed(torch.optim.AdamW, 1000.0), BAD, "**1.00**"),
    "SGD at 5e-4": ("excessive-weight-decay", decayed(torch.optim.SGD, 5e-4, 0.1, momentum=0.9), OK, "times as hard"),
    "SGD at 1": ("excessive-weight-decay", decayed(torch.optim.SGD, 1.0, 0.1), HINT, "times as hard"),
    "SGD at 10": ("excessive-weight-decay", decayed(torch.optim.SGD, 10.0, 0.1), BAD, "**1.00**"),
    "Adam at 1": ("excessive-weight-decay", decayed(torch.optim.Adam, 1.0), HINT, "times as hard"),
    "Adam at 1e-4": ("excessive-weight-decay", decayed(torch.optim.Adam, 1e-4), OK, "times as hard"),
    "ridge near its minimum": ("excessive-weight-decay", near_its_minimum, OK, "% off the weights"),
    "Adafactor": ("excessive-weight-decay", decayed(torch.optim.Adafactor, 1.0), SKIPPED, "not known here"),
    "no decay": ("excessive-weight-decay", rate(1e-3), SKIPPED, "decays no weights"),
    "a weight twice": ("double-stepped-parameters", twice, BAD, "`net.0.weight`"),
    "body and all": ("double-stepped-parameters", body_and_all, HINT, "**4** of the 4"),
    "one after the other": ("double-stepped-parameters", one_after_the_other, OK, "held once"),
    "body and head": ("double-stepped-parameters", other_optimizer, OK, "held once"),
    "tied once": ("double-stepped-parameters", tied, OK, "held once"),
}  # fmt: skip


@pytest.mark.parametrize(("check", "make", "verdict", "told"), CASES.values(), ids=CASES)
def test_objects_alone(check, make, verdict, told):
    try:
        seen = found(check, make())
    finally:
        vars(sys.modules["__main__"]).pop("weights_of_a_test", None)
    assert (seen.verdict, told in seen.message) == (verdict, True), seen.message


def test_a_parameter_that_stands_twice_in_a_list_moves_twice():
    weight = nn.Parameter(torch.ones(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opt = torch.optim.SGD([weight, weight], 0.1)
    weight.grad = torch.ones(1)
    opt.step()
    assert torch.allclose(weight, torch.tensor([0.8]))
