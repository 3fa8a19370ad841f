"""Running statistics of frozen layers stay as they are.

Frozen weights were trained with the statistics they came with. In train mode batch norm takes those of the new
batches, and goes on learning them: the layer computes something else than it was trained to. Only ever a hint: there
are papers that adapt the statistics on purpose.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, hint, ok, skipped
from ...trace import Trace
from ...trace.record.data import ModelSeen, NormSeen

check = Check(__name__, tip="train and eval mode")


@check.run
def run(trace: Trace) -> Finding:
    frozen = [(model, norm) for model in trace.models if _fine_tuned(model) for norm in model.norms if norm.frozen]
    if trace.steps == 0 or not frozen:
        return skipped("no model was trained that has frozen batch norm layers")
    drifting = [(m, norm) for m, norm in frozen if (norm.values or norm.moved) and not _averaged(m, norm)]
    if not drifting:
        return ok(f"{len(frozen)} frozen batch norm layers kept their statistics")
    model = drifting[0][0]
    names = [norm.name for other, norm in drifting if other is model]
    told = ", ".join(f"`{model.name}.{name}`" for name in names[:3]) + (", …" if len(names) > 3 else "")
    return hint(
        f"**{len(drifting)}** of {len(frozen)} frozen batch norm layers ran in train mode ({told}): they normalise by "
        "the batch and go on learning its statistics",
        fix="Put frozen batch norm layers into eval mode after each `train()`.",
        code=f"for m in {model.name}.modules(): isinstance(m, nn.modules.batchnorm._BatchNorm) and m.eval()",
        layers=names,
        frozen=len(frozen),
    )


def _fine_tuned(model: ModelSeen) -> bool:
    """Whether some of the model is trained; a teacher that is frozen whole runs as it is meant to."""
    return any(p.trainable and p.gradient for p in model.parameters)


def _averaged(model: ModelSeen, norm: NormSeen) -> bool:
    """Whether the frozen weights move too: a moving average of those that are trained."""
    return any(p.changed for p in model.parameters if p.name.startswith(f"{norm.name}."))


def _backbone() -> nn.Sequential:
    net = toys.convnet()
    net[:8].requires_grad_(False)
    return net


def _loop(net: nn.Sequential, still: Iterable[nn.Module] = ()) -> Bench:
    given = toys.images(net)
    opt = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 1e-3)

    def program() -> None:
        net.train()
        for norm in still:
            norm.eval()
        for x, y in toys.batches(given, 2):
            loss = nn.functional.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def frozen_in_train_mode() -> Bench:
    """The backbone needs no gradient, and `train()` puts its batch norm layers into train mode."""
    return _loop(_backbone())


@check.holds
def frozen_in_eval_mode() -> Bench:
    """Batch norm layers of the backbone are in eval mode."""
    net = _backbone()
    return _loop(net, still=[part for part in net.modules() if isinstance(part, nn.BatchNorm2d)])


@check.holds
def one_frozen_of_two() -> Bench:
    """A frozen layer in eval mode, and another that is trained and learns its statistics."""
    net = toys.convnet()
    net[:2].requires_grad_(False)
    return _loop(net, still=[net[1]])


class _Momentum(nn.Module):
    """An encoder and its moving average in one module, as in momentum contrast."""

    def __init__(self) -> None:
        super().__init__()
        self.query = toys.convnet()
        self.key = copy.deepcopy(self.query).requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            for mine, theirs in zip(self.key.parameters(), self.query.parameters(), strict=True):
                mine.lerp_(theirs, 0.01)
            code = self.key(x)
        loss: torch.Tensor = (self.query(x + 0.1 * torch.randn_like(x)) - code).square().mean()
        return loss


@check.holds
def momentum_encoder() -> Bench:
    """The frozen half is a moving average of the trained one; its statistics are its own."""
    net, given = _Momentum(), toys.images()
    opt = torch.optim.SGD(net.query.parameters(), 0.05)

    def program() -> None:
        for x, _ in toys.batches(given, 2):
            loss = net(x)
            opt.zero_grad()
            loss.backward()
            opt.step()

    return toys.watched(program, net=net, opt=opt)
