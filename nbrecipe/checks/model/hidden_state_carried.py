"""The state of one batch does not leak into the next.

A recurrent net that is given the state of the batch before goes on with the sequences that stood there. Where the
loader shuffles, these are other sequences: the state is noise, and rows depend on what happened to come before them.
State that a module keeps to itself is seen without a loop too: the same batch is answered otherwise after another one.
Where nothing shuffles, or a method starts the state afresh, that may be truncated backpropagation, and where the state
has no row for each row of the batch, a queue or a running average: these are hints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.rows.carried import ROUNDING, carried
from ...trace import Trace

check = Check(__name__, tip="wrong indexing")

#: passes seen closely that took a state from before
PASSES = 2
#: what torch says where the state brings its graph along
TWICE = "backward through the graph a second time"


@check.run
def run(bench: Bench, trace: Trace | None = None) -> Finding:
    return _in_itself(bench) if trace is None else _in_a_loop(trace)


def _in_itself(bench: Bench) -> Finding:
    """State that a module keeps, on one batch and another."""
    bench.get("model")
    bench.get("batch")
    seen = bench.once(carried)
    if seen is None:
        return skipped("two passes on the same batch cannot be compared")
    if seen.apart <= ROUNDING or not seen.states:
        return ok("a batch is answered alike before and after another one, in eval mode", apart=seen.apart)
    name, place = bench.name("model"), next(iter((*seen.by_row, *seen.states)))
    shuffled = isinstance(getattr(bench.train_loader, "sampler", None), RandomSampler)
    told = f"; `{bench.name('train_loader')}` shuffles, so that it is the state of other rows" if shuffled else ""
    told = told if seen.by_row else "; it holds nothing row by row, as a queue or an average does"
    reset = f"{name}.{seen.resets[0]}()" if seen.resets else f"{place.partition('[')[0]} = None"
    sure = shuffled and not seen.resets and bool(seen.by_row)
    return (bad if sure else hint)(
        f"in eval mode the same batch is answered otherwise after another one, by **{number(seen.apart, 2)}** of the "
        f"largest output: `{place}` keeps what the batch before left{told}",
        fix="Start each batch with a fresh state, or hand the state in and out.",
        code=f"{reset}  # at the top of the loop over batches",
        where=f"`{place.rpartition('.')[0]}`",
        apart=seen.apart,
        states=list(dict.fromkeys((*seen.by_row, *seen.states)))[:8],
    )


def _in_a_loop(trace: Trace) -> Finding:
    """State that a watched loop hands from pass to pass."""
    trained = [(model, p) for model in trace.models for p in model.passes if p.grad]
    if not trained:
        return skipped("no model was called with gradients")
    carried = [(model, p) for model, p in trained if p.carried]
    if carried and TWICE in trace.error:
        model, p = carried[-1]
        return bad(
            f"`{model.name}` was given the state of the batch before with its graph, whose backward had been called",
            fix="Cut the state from its graph between batches, or start each batch afresh.",
            code="state = state.detach()",
            where=str(p.place),
            passes=len(carried),
        )
    shuffling = {loader.name for loader in trace.loaders if loader.shuffles}
    mixed = [(model, p) for model, p in carried if p.loader in shuffling]
    if len(mixed) < PASSES:
        told = f"{len(carried) or 'none'} took a state from an earlier batch"
        return ok(f"of {len(trained)} passes that were looked at, {told}", passes=len(trained), carried=len(carried))
    model, p = mixed[0]
    return bad(
        f"**{len(mixed)}** of {len(trained)} passes of `{model.name}` took the state that the batch before had left, "
        f"and `{p.loader}` shuffles: its rows belong to other sequences",
        fix="Start each batch with a state of zeros, or keep the rows of successive batches in order.",
        code="state = None  # at the top of the loop over batches",
        where=str(p.place),
        passes=len(trained),
        carried=len(mixed),
    )


class _Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 1)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        out, state = self.cell(x, state)
        return self.head(out[:, -1]), state


def _loop(shuffle: bool, carry: bool = True) -> Bench:
    g = toys.seeded()
    x_all = torch.randn(64, 6, 3, generator=g)
    loader = DataLoader(TensorDataset(x_all, x_all.sum((1, 2))[:, None]), batch_size=16, shuffle=shuffle)
    net = _Recurrent()
    opt = torch.optim.Adam(net.parameters(), 1e-2)

    def program() -> None:
        state = None
        for x, y in loader:
            out, left = net(x, state)
            loss = nn.functional.mse_loss(out, y)
            opt.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()
            state = left.detach() if carry else None

    return toys.watched(program, net=net, opt=opt, loader=loader)


@check.breaks
def carried_over_shuffled_rows() -> Bench:
    """The state goes from batch to batch, and the loader shuffles."""
    return _loop(shuffle=True)


@check.holds
def truncated_backpropagation() -> Bench:
    """The state goes from batch to batch, and the rows go on in order."""
    return _loop(shuffle=False)


@check.holds
def started_afresh() -> Bench:
    """Each batch starts with a state of zeros."""
    return _loop(shuffle=True, carry=False)


@check.holds
def several_passes_of_one_step() -> Bench:
    """A net refines its own answer three times for each batch."""
    given = toys.regress(toys.mlp((11, 16, 1)))
    net, opt = given.get("model"), given.optimizer
    loader = DataLoader(given.train_data, batch_size=64, shuffle=True)

    class Refined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor, guess: Tensor) -> Tensor:
            out: Tensor = self.net(torch.cat([x, guess], 1))
            return out

    refined = Refined()

    def program() -> None:
        for x, y in loader:
            guess = torch.zeros_like(y)
            for _ in range(3):
                guess = refined(x, guess)
            loss = nn.functional.mse_loss(guess, y)
            opt.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            opt.step()

    return toys.watched(program, refined=refined, opt=opt, loader=loader)


class _Keeping(nn.Module):
    """A recurrent net that keeps its state to itself."""

    def __init__(self, keeps: bool) -> None:
        super().__init__()
        self.cell, self.head, self.keeps = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 1), keeps
        self.hidden: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        out, left = self.cell(x, self.hidden if self.keeps else None)
        self.hidden = left.detach()
        score: Tensor = self.head(out[:, -1])
        return score


def _batch(keeps: bool, shuffle: bool) -> Bench:
    x = torch.randn(32, 6, 3, generator=toys.seeded())
    y = x.sum((1, 2))[:, None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        bench = toys.bench(_Keeping(keeps), x, y, nn.MSELoss(), size=16)
    return bench.replace(train_loader=DataLoader(TensorDataset(x, y), batch_size=16, shuffle=shuffle))


@check.breaks
def kept_by_the_module() -> Bench:
    """The module goes on with its last state, and the loader shuffles."""
    return _batch(keeps=True, shuffle=True)


@check.holds
def kept_for_a_look() -> Bench:
    """The module keeps its last state for people to look at, and starts afresh."""
    return _batch(keeps=False, shuffle=True)


@check.holds
def goes_on_in_order() -> Bench:
    """The state is kept, and the rows go on in order: it may be meant."""
    return _batch(keeps=True, shuffle=False)
