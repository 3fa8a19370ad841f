"""Checks of losses that judge one batch where no loop was watched: faults, and what looks like them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbrecipe import toys
from nbrecipe.bench import Bench, Cell
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run

Make = Callable[[], Bench]
QUIET = {Verdict.OK, Verdict.SKIPPED}
CALLED = (Cell(1, "for x, y in train_dl:\n    loss = criterion(net(x), y)\n"),)


def found(check: str, given: Bench) -> Finding:
    return run(all_checks()[check], given).finding


class Then(nn.Module):
    """A net whose forward goes on after its layers."""

    def __init__(self, body: nn.Module, after: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.body, self.after = body, after

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.body(x))


def hole(given: Bench, at: int = 3) -> Bench:
    x, y = given.batch
    x = x.clone()
    x[at] = torch.nan
    return given.replace(batch=(x, y))


def hole_in_weights() -> Bench:
    given = toys.classify()
    with torch.no_grad():
        next(given.get("model").parameters())[0, 0] = torch.nan
    return given


class Mender(nn.Module):
    """Deals with gaps itself."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.mlp((10, 16, 1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(torch.nan_to_num(x))
        return out


class Attends(nn.Module):
    """Rows of padding alone get NaN from attention, and `where` leaves them out."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(6, 8), nn.Linear(8, 5)
        self.softmax = nn.Softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.body(x) @ self.body(x).mT
        scores = scores.index_fill(1, torch.tensor([6]), -torch.inf)
        mixed = torch.where(torch.arange(7)[:, None] == 6, 0.0, self.softmax(scores) @ self.body(x))
        out: Tensor = self.head(mixed.mean(1))
        return out


NONFINITE: dict[str, tuple[Make, Verdict, str]] = {
    "a root in a module": (
        lambda: toys.regress(nn.Sequential(nn.Linear(10, 4), Then(nn.Identity(), torch.sqrt), nn.Linear(4, 1))),
        Verdict.BAD, "born in `net[1]`",
    ),
    "a logarithm in forward": (
        lambda: toys.regress(Then(toys.mlp((10, 8, 1)), torch.log)), Verdict.BAD, "born in `net`",
    ),
    "an overflow": (
        lambda: toys.regress(Then(toys.mlp((10, 8, 1)), lambda out: (out + 100).exp())), Verdict.BAD, "born in `net`",
    ),
    "a weight": (hole_in_weights, Verdict.BAD, "`net[0].weight` holds values that are not finite"),
    "a gap in the inputs": (
        lambda: hole(toys.regress()).replace(cells=CALLED), Verdict.BAD, "`input` holds 10 values that are NaN",
    ),
    "a gap that a loop may mend": (lambda: hole(toys.regress()), Verdict.HINT, "unless your loop"),
    "a gap that a cell mends": (
        lambda: hole(toys.regress()).replace(cells=(*CALLED, Cell(2, "x = torch.nan_to_num(x)"))),
        Verdict.HINT, "a cell speaks of such values",
    ),
    "a logarithm in the loss": (
        lambda: toys.regress(loss_fn=lambda out, y: (out.relu().log() * y).mean()).replace(cells=CALLED),
        Verdict.BAD, "it is born in the loss",
    ),
    "all targets ignored": (
        lambda: toys.classify(loss_fn=lambda out, y: F.cross_entropy(out, y * 0 - 100)).replace(cells=CALLED),
        Verdict.BAD, "it is born in the loss",
    ),
    "NaN that `where` leaves out": (
        lambda: toys.sequences(Attends()), Verdict.HINT, "born in `net.softmax`",
    ),
    "outputs without a loss": (
        lambda: toys.regress(Then(toys.mlp((10, 8, 1)), torch.sqrt)).replace(loss_fn=None), Verdict.HINT,
        "reaches the output",
    ),
    "gaps that the model mends": (lambda: hole(toys.regress(Mender())), Verdict.OK, "no NaN or infinity is born"),
    "gaps that the loss leaves out": (
        lambda: toys.regress(loss_fn=lambda out, y: F.mse_loss(out[y < 9], y[y < 9])), Verdict.OK,
        "no NaN or infinity is born",
    ),
    "a loss for each row, some of NaN": (
        lambda: hole(toys.regress(loss_fn=nn.MSELoss(reduction="none"))).replace(cells=CALLED), Verdict.HINT,
        "10 values that are NaN, of 640, and it reaches the output",
    ),
    "causal attention": (toys.next_token, Verdict.OK, "in train and eval mode"),
    "a convnet with fresh statistics": (toys.images, Verdict.OK, "in train mode"),
    "a scripted net": (lambda: toys.classify(torch.jit.script(toys.mlp())), Verdict.OK, "no NaN or infinity is born"),
    "two parts": (lambda: toys.classify(nn.DataParallel(toys.mlp())), Verdict.OK, "no NaN or infinity is born"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize(("make", "verdict", "told"), NONFINITE.values(), ids=NONFINITE)
def test_where_values_that_are_not_finite_are_born(make, verdict, told):
    seen = found("nonfinite-forward", make())
    assert (seen.verdict, told in f"{seen.message} {seen.why}") == (verdict, True), f"{seen.message} {seen.why}"


def called(loss_fn: Callable[[Tensor, Tensor], Tensor], given: Callable[..., Bench] = toys.classify) -> Make:
    return lambda: given(loss_fn=loss_fn).replace(cells=CALLED)


def each(out: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(out, y, reduction="none")


def leaky(out: Tensor, y: Tensor) -> Tensor:
    """Beyond its limit the loss goes on, at a tenth of its slope."""
    loss = each(out, y)
    return (loss.clamp(max=1.0) + 0.1 * (loss - 1.0).clamp(min=0)).mean()


def of_policies(out: Tensor, y: Tensor) -> Tensor:
    ratio = (out.log_softmax(1) - out.detach().roll(1, 0).log_softmax(1)).gather(1, y[:, None]).exp()
    gain = y[:, None].float() - 2
    return -torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()


def of_values(out: Tensor, y: Tensor) -> Tensor:
    """PPO takes the larger of the losses of a value and of the value kept near the old one."""
    near = y + (out - y).clamp(-0.2, 0.2)
    return torch.max((out - y) ** 2, (near - y - 0.1) ** 2).mean()


def focal(out: Tensor, y: Tensor) -> Tensor:
    loss = each(out, y)
    return ((1 - (-loss).exp()) ** 2 * loss).mean()


def quantile(out: Tensor, y: Tensor) -> Tensor:
    return torch.max(0.9 * (y - out), -0.1 * (y - out)).mean()


def margins(out: Tensor, y: Tensor) -> Tensor:
    return F.multi_margin_loss(out, y)


def hardest(out: Tensor, y: Tensor) -> Tensor:
    return each(out, y).topk(16).values.mean()


def ignoring(out: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(out, y.masked_fill(y > 2, -100))


def floored(out: Tensor, y: Tensor) -> Tensor:
    """Flooding: the loss is kept from falling below a level."""
    return (F.cross_entropy(out, y) - 0.1).abs() + 0.1


class OwnLoss(nn.Module):
    """Returns a loss of its own, made of its outputs, the labels and its weights."""

    def __init__(self, loss: Callable[[Tensor, Tensor, nn.Module], Tensor]) -> None:
        super().__init__()
        self.body, self.loss = toys.mlp(), loss

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        out = self.body(x)
        return {"loss": self.loss(out, labels, self.body), "logits": out}


def own(loss: Callable[[Tensor, Tensor, nn.Module], Tensor]) -> Bench:
    given = toys.classify(OwnLoss(loss))
    return given.replace(loss_fn=None, batch=dict(zip(("x", "labels"), given.batch, strict=True)))


def own_clamped() -> Bench:
    return own(lambda out, y, body: F.cross_entropy(out, y).clamp(max=1.0))


CLIPPED: dict[str, tuple[Make, Verdict]] = {
    "the mean": (called(lambda out, y: F.cross_entropy(out, y).clamp(max=1.0)), Verdict.BAD),
    "each value": (called(lambda out, y: each(out, y).clamp(0, 1.6).mean()), Verdict.BAD),
    "the smaller of two": (called(lambda out, y: torch.minimum(each(out, y), torch.tensor(1.0)).mean()), Verdict.BAD),
    "all squares": (called(lambda out, y: ((out - y - 9) ** 2).clamp(max=1.0).mean(), toys.regress), Verdict.BAD),
    "a model's own": (own_clamped, Verdict.BAD),
    "called otherwise": (lambda: toys.classify(loss_fn=lambda o, y: each(o, y).clamp(max=1.0).mean()), Verdict.HINT),
    "some squares": (called(lambda out, y: ((out - y) ** 2).clamp(max=1.0).mean(), toys.regress), Verdict.HINT),
    "a rare value": (called(lambda out, y: each(out, y).clamp(max=2.3).mean()), Verdict.OK),
    "leaky": (called(leaky), Verdict.OK),
    "Huber": (called(nn.HuberLoss(delta=0.1), toys.regress), Verdict.OK),
    "L1": (called(nn.L1Loss(), toys.regress), Verdict.OK),
    "policies": (called(of_policies), Verdict.OK),
    "values": (called(of_values, toys.regress), Verdict.OK),
    "focal": (called(focal), Verdict.OK),
    "quantile": (called(quantile, toys.regress), Verdict.OK),
    "margins": (called(margins), Verdict.OK),
    "the hardest": (called(hardest), Verdict.OK),
    "ignored targets": (called(ignoring), Verdict.OK),
    "flooding": (called(floored), Verdict.OK),
    "a saturated output": (
        lambda: toys.binary(nn.Sequential(toys.mlp((10, 8, 1)), nn.Sigmoid()), nn.BCELoss()), Verdict.OK,
    ),
    "an output kept in range": (
        lambda: toys.regress(nn.Sequential(toys.mlp((10, 8, 1)), nn.Hardtanh(-9, 9))), Verdict.OK,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "verdict"), CLIPPED.values(), ids=CLIPPED)
def test_a_clamp_above_the_loss_of_one_batch(make, verdict):
    seen = found("clipped-loss", make())
    assert seen.verdict is verdict, seen.message


def plain(loss_fn: Callable[[Tensor, Tensor], Tensor], rate: float = 0.05, given: Any = toys.regress) -> Make:
    def make() -> Bench:
        bench: Bench = given(loss_fn=loss_fn)
        return bench.replace(optimizer=torch.optim.SGD(bench.get("model").parameters(), rate))

    return make


SUMMED: dict[str, tuple[Make, Verdict, str]] = {
    "a sum": (plain(nn.MSELoss(reduction="sum")), Verdict.HINT, "a sum over **64** rows"),
    "by hand": (plain(lambda out, y: ((out - y) ** 2).sum()), Verdict.HINT, "a rate of **3.20**"),
    "of classes": (
        plain(nn.CrossEntropyLoss(reduction="sum"), given=toys.classify), Verdict.HINT, "a sum over **64** rows",
    ),
    "a small rate": (plain(nn.MSELoss(reduction="sum"), 1e-4), Verdict.OK, "small enough"),
    "Adam": (lambda: toys.regress(loss_fn=nn.MSELoss(reduction="sum")), Verdict.OK, "Adam divides"),
    "a mean": (plain(nn.MSELoss()), Verdict.OK, "no sum over rows"),
    "a sum divided": (plain(lambda out, y: ((out - y) ** 2).sum() / len(y)), Verdict.OK, "no sum over rows"),
    "over values alone": (plain(lambda out, y: ((out - y) ** 2).sum(1).mean()), Verdict.OK, "no sum over rows"),
    "weights of classes": (
        plain(nn.CrossEntropyLoss(torch.arange(1.0, 6)), given=toys.classify), Verdict.OK, "no sum over rows",
    ),
    "pairs": (plain(lambda out, y: (out - out.T - y + y.T).square().mean()), Verdict.OK, "no sum over rows"),
    "one half counts": (
        plain(lambda out, y: ((out - y) ** 2 * (torch.arange(len(y)) < 32)[:, None]).sum() / 32), Verdict.OK, "no sum",
    ),
    "tokens": (plain(toys.token_loss, given=toys.next_token), Verdict.OK, "no sum over rows"),
    "own loss": (
        lambda: own_clamped().replace(optimizer=torch.optim.SGD([torch.ones(1, requires_grad=True)], 1.0)),
        Verdict.SKIPPED, "cannot be asked",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "verdict", "told"), SUMMED.values(), ids=SUMMED)
def test_a_loss_that_adds_up(make, verdict, told):
    seen = found("summed-loss", make())
    assert (seen.verdict, told in seen.message) == (verdict, True), seen.message


def normed(size: int, rows: int = 60, **changes: Any) -> Make:
    def make() -> Bench:
        net = nn.Sequential(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 5))
        return toys.classify(net, rows=rows, size=size).replace(**changes)

    return make


def in_eval() -> Bench:
    given = normed(2)()
    given.get("model")[1].eval()
    return given


def frozen() -> Bench:
    given = normed(2)()
    given.get("model")[1].requires_grad_(False).eval()
    return given


class Resting(nn.Sequential):
    """Keeps its batch norms in eval mode, as detectors are fine-tuned."""

    def train(self, mode: bool = True) -> Resting:
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eval()
        return self


def resting() -> Bench:
    return toys.classify(Resting(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.Linear(16, 5)), rows=40, size=2)


def pooled() -> Bench:
    """A norm over one value for each image, as in a branch that pools everything."""
    branch = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 5)
    )
    return toys.images(branch, rows=40, size=4)


NORMS: dict[str, tuple[Make, Verdict, str]] = {
    "pairs": (normed(2), Verdict.BAD, "over **2** values"),
    "fours": (normed(4), Verdict.BAD, "over **4** values"),
    "a branch that pools": (pooled, Verdict.BAD, "`net.2` takes mean and variance over **4** values"),
    "one row": (normed(1), Verdict.BAD, "over **1** value"),
    "sixes": (normed(6), Verdict.HINT, "over **6** values"),
    "sixteen": (normed(16), Verdict.OK, "over 16 values"),
    "all there is": (normed(4, rows=4), Verdict.OK, "the whole data set"),
    "a batch by hand": (normed(4, train_loader=None), Verdict.HINT, "over **4** values"),
    "a train of its own": (resting, Verdict.HINT, "over **2** values"),
    "a cell that lets it rest": (
        normed(2, cells=(Cell(1, "for m in net.modules():\n    if isinstance(m, nn.BatchNorm1d): m.eval()"),)),
        Verdict.HINT, "over **2** values",
    ),
    "left in eval mode": (in_eval, Verdict.SKIPPED, "no batch norm"),
    "frozen": (frozen, Verdict.SKIPPED, "no batch norm"),
    "images": (lambda: toys.images(rows=16, size=2), Verdict.OK, "over 32 values"),
    "no norm": (toys.classify, Verdict.SKIPPED, "no batch norm"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "verdict", "told"), NORMS.values(), ids=NORMS)
def test_values_of_a_batch_norm(make, verdict, told):
    seen = found("tiny-batch-norm", make())
    assert (seen.verdict, told in seen.message) == (verdict, True), seen.message


def norms(model: nn.Module, power: int) -> Tensor:
    return torch.stack([w.abs().pow(power).sum() for w in model.parameters()]).sum()


def penalised(times: float, power: int = 2, loss: Callable[..., Tensor] = F.cross_entropy) -> Make:
    def loss_fn(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return loss(model(batch[0]), batch[1]) + times * norms(model, power)

    return lambda: toys.classify(loss_fn=loss_fn)


def own_penalised() -> Bench:
    return own(lambda out, y, body: F.cross_entropy(out, y) + 5 * norms(body, 2))


def by_hand(out: Tensor, y: Tensor) -> Tensor:
    return -out.log_softmax(1).gather(1, y[:, None]).mean()


def with_gradient(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """What is added is large, and has nothing to do with the size of the weights."""
    out = model(batch[0])
    return F.cross_entropy(out, batch[1]) + 1000 * out.mean(0).square().sum()


PENALTIES: dict[str, tuple[Make, Verdict, str]] = {
    "squares": (penalised(10.0), Verdict.HINT, "points along the weights"),
    "absolute values": (penalised(1.0, 1), Verdict.HINT, "points along the weights"),
    "a model's own": (own_penalised, Verdict.HINT, "points along the weights"),
    "small": (penalised(1e-4), Verdict.OK, "times as large"),
    "none": (penalised(0.0), Verdict.OK, "nothing is added"),
    "multiplied": (lambda: toys.classify(loss_fn=lambda o, y: 100 * F.cross_entropy(o, y)), Verdict.OK, "multiplied"),
    "of outputs": (lambda: toys.classify(loss_fn=with_gradient), Verdict.OK, "times as large"),
    "a loss by hand": (penalised(10.0, loss=by_hand), Verdict.SKIPPED, "not one loss function"),
    "two losses": (
        lambda: toys.classify(loss_fn=lambda o, y: F.cross_entropy(o, y) + F.mse_loss(o, o * 0)),
        Verdict.SKIPPED, "not one loss function",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "verdict", "told"), PENALTIES.values(), ids=PENALTIES)
def test_what_is_added_to_a_loss(make, verdict, told):
    seen = found("dominant-penalty", make())
    assert (seen.verdict, told in seen.message) == (verdict, True), seen.message
