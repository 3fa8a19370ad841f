"""Checks of what the loss is given, on one batch and without a loop: faults, and what looks like them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
QUIET = {Verdict.OK, Verdict.SKIPPED}
CALLED = (Cell(1, "for x, y in train_dl:\n    loss = criterion(net(x), y)\n"),)
BINARY = (10, 32, 16, 1)


def ends_in(*modules: nn.Module, sizes: tuple[int, ...] = (20, 32, 32, 5)) -> nn.Sequential:
    return nn.Sequential(toys.mlp(sizes), *modules)


class Softer(nn.Module):
    """Probabilities in eval mode, logits in training, as many published nets have it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.mlp()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return out if self.training else out.softmax(1)


class OwnLoss(nn.Module):
    """Returns loss and logits."""

    def __init__(self, squash: bool = False) -> None:
        super().__init__()
        self.body, self.squash = toys.mlp(), squash

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        out = self.body(x)
        return {"loss": F.cross_entropy(out.softmax(1) if self.squash else out, labels), "logits": out}


def of_model(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]).softmax(1), batch[1])


def own(model: nn.Module) -> Bench:
    given = toys.classify(model)
    return given.replace(loss_fn=None, batch=dict(zip(("x", "labels"), given.batch, strict=True)))


def in_eval(given: Bench) -> Bench:
    assert given.model is not None
    given.model.eval()
    return given


def margin(out: Tensor, y: Tensor) -> Tensor:
    return F.nll_loss(out, y) + out.logsumexp(1).mean()


def by_hand(out: Tensor, y: Tensor) -> Tensor:
    return -out.softmax(1).clamp_min(1e-9).log().gather(1, y[:, None]).mean()


def ranking(out: Tensor, y: Tensor) -> Tensor:
    score, sign = out[:, 0], (y - y.T).sign()
    return F.softplus(-sign * (score[:, None] - score)).mean()


def one_by_one(out: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(out.squeeze(1), y[:, 0])


def absolute(out: Tensor, y: Tensor) -> Tensor:
    error = y[:, 0] - out
    return error.abs().mean()


FAULTS: dict[str, tuple[str, Callable[[], Bench]]] = {
    "a softmax before a module": ("probabilities-as-logits", lambda: toys.classify(ends_in(nn.Softmax(1)))),
    "a softmax in the user's loss": (
        "probabilities-as-logits",
        lambda: toys.classify(loss_fn=lambda out, y: F.cross_entropy(out.softmax(-1), y)),
    ),
    "a softmax in a loss that runs the model": ("probabilities-as-logits", lambda: toys.classify(loss_fn=of_model)),
    "a softmax in a model with a loss": ("probabilities-as-logits", lambda: own(OwnLoss(squash=True))),
    "a softmax, left in eval mode": (
        "probabilities-as-logits", lambda: in_eval(toys.classify(ends_in(nn.Softmax(1)))),
    ),
    "a sigmoid before the loss with logits": (
        "probabilities-as-logits", lambda: toys.binary(ends_in(nn.Sigmoid(), sizes=BINARY)),
    ),
    "maps": (
        "probabilities-as-logits",
        lambda: toys.bench(
            nn.Sequential(nn.Conv2d(1, 3, 1), nn.Softmax(1)), torch.rand(8, 1, 4, 4), torch.randint(3, (8, 4, 4)),
            nn.CrossEntropyLoss(),
        ),
    ),
    "a softmax in a scripted net": (
        "probabilities-as-logits", lambda: toys.classify(torch.jit.script(ends_in(nn.Softmax(1)))),
    ),
    "scores for NLL": ("logits-as-probabilities", lambda: toys.classify(loss_fn=nn.NLLLoss())),
    "summed scores for NLL": ("logits-as-probabilities", lambda: toys.classify(loss_fn=nn.NLLLoss(reduction="sum"))),
    "probabilities for NLL": (
        "logits-as-probabilities", lambda: toys.classify(ends_in(nn.Softmax(1)), nn.NLLLoss()),
    ),
    "scores for BCE": ("logits-as-probabilities", lambda: toys.binary(loss_fn=F.binary_cross_entropy)),
    "a column against a row": ("broadcast-loss", lambda: toys.regress(loss_fn=lambda o, y: F.mse_loss(o, y[:, 0]))),
    "a difference in a variable": ("broadcast-loss", lambda: toys.regress(loss_fn=absolute)),
    "a row against a column": ("broadcast-loss", lambda: toys.regress(loss_fn=lambda o, y: F.l1_loss(o[:, 0], y))),
}  # fmt: skip

HEALTHY: dict[str, tuple[str, Callable[[], Bench]]] = {
    "logits": ("probabilities-as-logits", toys.classify),
    "log-probabilities": ("probabilities-as-logits", lambda: toys.classify(ends_in(nn.LogSoftmax(1)))),
    "softmax in eval mode alone": ("probabilities-as-logits", lambda: in_eval(toys.classify(Softer()))),
    "a softmax in a loss by hand": ("probabilities-as-logits", lambda: toys.classify(loss_fn=by_hand)),
    "own loss of the model": ("probabilities-as-logits", lambda: own(OwnLoss())),
    "probabilities for BCE": (
        "probabilities-as-logits", lambda: toys.binary(ends_in(nn.Sigmoid(), sizes=BINARY), nn.BCELoss()),
    ),
    "tokens": ("probabilities-as-logits", toys.next_token),
    "a scripted net": ("probabilities-as-logits", lambda: toys.classify(torch.jit.script(toys.mlp()))),
    "a traced net": (
        "probabilities-as-logits", lambda: toys.classify(torch.jit.trace(toys.mlp(), torch.zeros(2, 20))),
    ),
    "a frozen net": ("probabilities-as-logits", lambda: toys.classify(toys.mlp().requires_grad_(False))),
    "a net in two parts": ("probabilities-as-logits", lambda: toys.classify(nn.DataParallel(toys.mlp()))),
    "a linear head at the frequencies": (
        "probabilities-as-logits", lambda: toys.classify(nn.Sequential(toys.mlp(), Constant())),
    ),
    "mixup": (
        "probabilities-as-logits",
        lambda: toys.classify(loss_fn=lambda o, y: F.cross_entropy(o, F.one_hot(y, 5).float().flip(0) * 0.5 + 0.1)),
    ),
    "reconstruction in [0, 1]": (
        "probabilities-as-logits",
        lambda: toys.bench(ends_in(nn.Sigmoid(), sizes=(8, 8)), x := torch.rand(64, 8), x, nn.MSELoss()),
    ),
    "log-softmax for NLL": (
        "logits-as-probabilities", lambda: toys.classify(ends_in(nn.LogSoftmax(1)), nn.NLLLoss()),
    ),
    "probabilities of 0 and 1": (
        "logits-as-probabilities",
        lambda: toys.binary(ends_in(nn.Hardsigmoid(), sizes=BINARY), nn.BCELoss()),
    ),
    "all pairs": ("broadcast-loss", lambda: toys.regress(loss_fn=ranking)),
    "one target for one output": ("broadcast-loss", lambda: toys.regress(loss_fn=one_by_one)),
    "weights of rows": (
        "broadcast-loss",
        lambda: toys.classify(loss_fn=lambda o, y: (F.cross_entropy(o, y, reduction="none") * (y + 1)).mean()),
    ),
    "distances in a library": (
        "broadcast-loss", lambda: toys.regress(loss_fn=lambda o, y: torch.cdist(o, y).diag().mean()),
    ),
    "a batch of one": (
        "broadcast-loss",
        lambda: toys.regress(loss_fn=absolute).replace(batch=(torch.randn(1, 10), torch.randn(1, 1))),
    ),
}  # fmt: skip


class Constant(nn.Module):
    """Weights of 0 and the frequencies for bias."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(5, 5)
        nn.init.zeros_(self.head.weight)
        nn.init.constant_(self.head.bias, 0.2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(x)
        return out


def found(check: str, given: Bench) -> tuple[Verdict, str]:
    seen = run(all_checks()[check], given.replace(cells=CALLED)).finding
    return seen.verdict, seen.message


@pytest.mark.parametrize(("check", "make"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_bad(check, make):
    verdict, message = found(check, make())
    assert verdict is Verdict.BAD, message


@pytest.mark.parametrize(("check", "make"), HEALTHY.values(), ids=HEALTHY)
def test_a_lookalike_is_quiet(check, make):
    verdict, message = found(check, make())
    assert verdict in QUIET, message


def test_scores_that_a_loss_picks_are_no_more_than_a_hint():
    verdict, message = found("logits-as-probabilities", toys.classify(loss_fn=margin))
    assert verdict is Verdict.HINT, message


def test_a_step_that_fails_is_told_in_one_sentence():
    given = toys.classify().replace(batch=(torch.randn(4, 7), torch.zeros(4, dtype=torch.int64)))
    verdict, message = found("probabilities-as-logits", given)
    assert verdict is Verdict.SKIPPED
    assert message.startswith("the forward pass of Sequential fails on this batch, whose input is (4, 7) float32")


def test_the_place_is_the_user_s_own_line_or_the_name_of_the_loss():
    seen = run(all_checks()["broadcast-loss"], toys.regress(loss_fn=absolute)).finding
    assert seen.where.startswith("criterion, line ")
    assert seen.where.endswith("`error = y[:, 0] - out`")
    assert seen.code == "target = target.reshape(output.shape)"
    assert (
        run(all_checks()["logits-as-probabilities"], toys.classify(loss_fn=nn.NLLLoss())).finding.where == "criterion"
    )


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("loss = criterion(net(x), y)", Verdict.BAD),
        ("out = net(x)\nloss = criterion(out, y)", Verdict.BAD),
        ("y = y.to(device)\nout = net(x)  # (N, 1)\nloss = criterion(out, y)", Verdict.BAD),
        ("", Verdict.HINT),
        ("loss = criterion(net(x).squeeze(1), y)", Verdict.HINT),
        ("out = net(x).squeeze(1)\nloss = criterion(out, y)", Verdict.HINT),
        ("out = net(x)\nout = out[:, 0]\nloss = criterion(out, y)", Verdict.HINT),
        ("y = y[:, None]\nloss = criterion(net(x), y)", Verdict.HINT),
        ("loss = criterion(net(x), y.unsqueeze(1))", Verdict.HINT),
        ("p = torch.sigmoid(net(x))\nloss = criterion(p, y)", Verdict.HINT),
    ],
)
def test_what_a_loop_may_do_on_the_way_makes_it_a_hint(cell, expected):
    given = toys.regress(loss_fn=lambda out, y: F.mse_loss(out, y[:, 0]))
    found = run(all_checks()["broadcast-loss"], given.replace(cells=(Cell(1, cell),))).finding
    assert found.verdict is expected
    assert ("unless your loop changes" in found.why) == (expected is Verdict.HINT)
