"""Asking how far an output sees along the tokens changes nothing, and is not done where the code would notice."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from nbrecipe.trace import watch


class Reader(nn.Module):
    """A recurrent net over tokens that may listen to its own gradients, or compute its forward pass again."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.tokens, self.cells = nn.Embedding(30, 16), nn.GRU(16, 16, batch_first=True)
        self.drop, self.head = nn.Dropout(0.2), nn.Linear(16, 30)
        self.heard: list[float] = []
        if kind == "module hook":
            self.head.register_full_backward_hook(lambda module, given, grads: self.hear(grads[0]))
        if kind == "parameter hook":
            self.tokens.weight.register_post_accumulate_grad_hook(lambda weight: self.hear(weight.grad))

    def hear(self, grad):
        self.heard.append(float(grad.sum()))

    def read(self, x):
        return self.drop(self.cells(x)[0])

    def forward(self, ids):
        x = self.tokens(ids)
        if self.kind == "tensor hook":
            x.register_hook(self.hear)
        if self.kind == "kept gradient":
            x.retain_grad()
            self.kept = x
        if self.kind.startswith("computed again"):
            return self.head(checkpoint(self.read, x, use_reentrant="reentrant" in self.kind))
        return self.head(self.read(x))


def trained(kind, watching):
    torch.manual_seed(0)
    net = Reader(kind)
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    ids = torch.randint(0, 30, (32, 13))
    with watching as watcher:
        for _ in range(8):
            rows = ids[torch.randperm(32)[:8]]
            loss = functional.cross_entropy(net(rows).transpose(1, 2), rows)
            opt.zero_grad()
            loss.backward()
            if kind == "kept gradient":
                net.hear(net.kept.grad)
            opt.step()
    calls = [call for loss in watcher.trace.losses for call in loss.calls] if watcher is not None else []
    return [*net.state_dict().values(), torch.get_rng_state(), torch.tensor(net.heard)], calls


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("plain", True),
        ("parameter hook", True),
        ("module hook", False),
        ("tensor hook", False),
        ("kept gradient", False),
        ("computed again", False),
        pytest.param("computed again, reentrant", False, marks=pytest.mark.filterwarnings("ignore")),
    ],
)
@pytest.mark.parametrize("every", [None, 1])
def test_a_loop_that_copies_its_input_computes_the_same_watched(kind, asked, every):
    bare, _ = trained(kind, nullcontext())
    seen, calls = trained(kind, watch({}, every=every))
    assert all(torch.equal(one, other) for one, other in zip(bare, seen, strict=True))
    assert [call.lags[0] for call in calls] == [1.0] * len(calls)
    reached = [(call.reach, call.past) for call in calls if call.reach is not None]
    assert reached == ([(0, True)] * 4 if asked else [])
