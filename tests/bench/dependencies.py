"""Which rows depend on which: the certificate against one backward pass for each example, as the essay has it.

Over rows both look in eval mode and in train mode, and must come to the same verdict.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from nbrecipe.bench import Bench
from nbrecipe.probes.rows.causality import Order, order
from nbrecipe.probes.rows.dependency import Rows
from nbrecipe.probes.rows.dependency import rows as certificate

from .init import _highest, train_step
from .nets import token_loss
from .paired import ratio

#: rows of a batch, positions of a sequence, and how many times faster the certificate must be than a pass for each
BATCHES = ((64, 0.0), (256, 10.0), (1024, 40.0))
LENGTHS = (64, 512, 2048)
#: sequences of these lengths come in batches of so many
SEQUENCES = 16
ROUNDS = 3  # of each pair; one where a pair takes a minute


def rows() -> list[tuple[str, str, str]]:
    """(what, figure, limit); times are of one thread, memory is of a fresh process."""
    torch.set_num_threads(1)
    return [row for count, least in BATCHES for row in _batch(count, least)] + [_sequence(length) for length in LENGTHS]


def _batch(count: int, least: float) -> Iterator[tuple[str, str, str]]:
    sound, leaking = images(count, leaking=False), images(count, leaking=True)
    same = all(bool(_certified(bench).leak) == per_example(bench) for bench in (sound, leaking))
    speed, slow, fast = ratio(partial(per_example, sound), partial(_certified, sound), ROUNDS if count < 1024 else 1)
    told = f"{speed:.1f} x faster ({1e3 * fast:.0f} ms, one by one {1e3 * slow:.0f}); {_agree(same)}"
    yield f"batch-leak, {count} images: time", told, f"at least {least:g}" if least else ""
    step, peak = (_peak(count, what) for what in ("step", "certificate"))
    yield f"batch-leak, {count} images: memory", f"{peak / step:.2f} x a step ({peak:.0f} MiB)", "1"


def _sequence(length: int) -> tuple[str, str, str]:
    bench = sequences(length)
    same = bool(_ordered(bench).ahead) == per_position(bench)
    speed, slow, fast = ratio(partial(per_position, bench), partial(_ordered, bench), 1 if length > 512 else ROUNDS)
    told = f"{speed:.1f} x faster ({1e3 * fast:.0f} ms, one by one {1e3 * slow:.0f}); {_agree(same)}"
    return f"future-leak, {length} positions, {SEQUENCES} rows: time", told, ""


def _agree(same: bool) -> str:
    return "the same verdict" if same else "ANOTHER VERDICT"


def images(count: int, leaking: bool) -> Bench:
    """A convnet on so many images of 12 x 12; with a leak, one row hears a little of another."""
    torch.manual_seed(0)
    x, y = torch.randn(count, 1, 12, 12), torch.randint(10, (count,))
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), *([Leak(count // 2)] if leaking else []), nn.Linear(64, 10),
    )  # fmt: skip
    return Bench(model=net, batch=(x, y), loss_fn=nn.CrossEntropyLoss(), declared=frozenset({"whole"}))


class Leak(nn.Module):
    """Adds a millionth of the row so many before."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, x: Tensor) -> Tensor:
        return x + 1e-6 * x.roll(self.shift, 0)


class Causal(nn.Module):
    """An embedding, convolutions that look back ever further, and a head."""

    def __init__(self, vocabulary: int = 50, width: int = 16) -> None:
        super().__init__()
        self.tokens, self.head = nn.Embedding(vocabulary, width), nn.Linear(width, vocabulary)
        self.convs = nn.ModuleList(nn.Conv1d(width, width, 2, dilation=2**i) for i in range(4))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids).mT
        for i, conv in enumerate(self.convs):
            x = x + torch.relu(conv(nn.functional.pad(x, (2**i, 0))))
        return self.head(x.mT)


def sequences(length: int) -> Bench:
    """Sequences of token ids, and the next one for a target."""
    torch.manual_seed(0)
    ids = torch.randint(50, (SEQUENCES, length + 1))
    given = (ids[:, :-1], ids[:, 1:])
    return Bench(model=Causal(), batch=given, loss_fn=token_loss, declared=frozenset({"whole"}))


def _certified(bench: Bench) -> Rows:
    with bench.untouched():
        return certificate(bench.replace())


def _ordered(bench: Bench) -> Order:
    with bench.untouched():
        return order(bench.replace())


def per_example(bench: Bench) -> bool:
    """Whether some output depends on another row, by a backward pass for each example, in eval and in train mode."""
    x, net = bench.get("batch")[0].clone().requires_grad_(), bench.get("model")
    found = False
    for mode in (False, True):
        net.train(mode)
        out = net(x)
        for row in range(len(x)):
            (grad,) = torch.autograd.grad(out[row].sum(), x, retain_graph=True)
            heard = grad.flatten(1).abs().amax(1) > 0
            heard[row] = False
            found |= bool(heard.any())
            if found:
                return found
    return found


def per_position(bench: Bench) -> bool:
    """Whether some position hears of a later one, by a backward pass for each position."""
    net, ids = bench.get("model").eval(), bench.get("batch")[0]
    given: list[Tensor] = []
    handle = net.tokens.register_forward_hook(lambda *seen: given.append(seen[2].detach().requires_grad_()) or given[0])
    out = net(ids)
    handle.remove()
    return any(_later(out, given[0], place) for place in range(ids.shape[1] - 1))


def _later(out: Tensor, given: Tensor, place: int) -> bool:
    (grad,) = torch.autograd.grad(out[:, place].sum(), given, retain_graph=True)
    return bool((grad[:, place + 1 :] != 0).any())


def _peak(count: int, what: str) -> float:
    """MiB that one training step, or one certificate, adds to the peak of a fresh process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_grown, (count, what))


def _grown(count: int, what: str) -> float:
    bench = images(count, leaking=False)
    with torch.no_grad():  # what torch allocates once for itself counts for neither side
        bench.model(bench.get("batch")[0][:2])
    before = _highest()
    train_step(bench) if what == "step" else _certified(bench)
    return _highest() - before
