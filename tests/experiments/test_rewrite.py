"""A loop and its rewrite: right ones raise no alarm, wrong ones are found, and nothing of the user's is changed."""

from __future__ import annotations

import importlib.util
import itertools
import random
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nbrecipe.checks.notebook.unequal_rewrite import judge
from nbrecipe.experiments.rewrite import Rewrite, compare
from nbrecipe.finding import Verdict

g = torch.Generator().manual_seed(0)


def draw(*shape):
    return torch.randn(*shape, generator=g)


def found(old, new, *args, **kwargs):
    return judge(compare(Rewrite(old, new, args, kwargs, old_name="slow", new_name="fast")))


# ---- loops ---------------------------------------------------------------------------------------------------------


def distances(a, b):
    out = torch.zeros(len(a), len(b))
    for i in range(len(a)):
        for j in range(len(b)):
            out[i, j] = (a[i] - b[j]).pow(2).sum()
    return out


def masked_mean(x, mask):
    rows = []
    for row, keep in zip(x, mask, strict=True):
        total = row.new_zeros(())
        for value, on in zip(row, keep, strict=True):
            if on:
                total = total + value
        rows.append(total / max(1, int(keep.sum())))
    return torch.stack(rows)


def softmax(x):
    return torch.stack([row.exp() / row.exp().sum() for row in x])


def attention(q, k, v):
    out = torch.zeros(q.shape[0], q.shape[1], v.shape[2])
    for b in range(q.shape[0]):
        for t in range(q.shape[1]):
            scores = torch.stack([(q[b, t] * k[b, s]).sum() for s in range(t + 1)]) / q.shape[2] ** 0.5
            out[b, t] = (scores.softmax(0)[:, None] * v[b, : t + 1]).sum(0)
    return out


def attention_at_once(q, k, v):
    scores = q @ k.transpose(1, 2) / q.shape[2] ** 0.5
    late = torch.ones(scores.shape[1:]).triu(1).bool()
    return scores.masked_fill(late, -torch.inf).softmax(-1) @ v


def gather_loss(logits, labels):
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        total = total - row.log_softmax(0)[label]
    return total / len(labels)


def moving(x):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[i] = np.mean(x[max(0, i - 2) : i + 1])
    return out


def moving_at_once(x):
    sums = np.concatenate([[0.0], np.cumsum(x)])
    at = np.arange(len(x))
    low = np.maximum(0, at - 2)
    return (sums[at + 1] - sums[low]) / (at + 1 - low)


def counts(labels):
    table = {}
    for label in labels.tolist():
        table[label] = table.get(label, 0) + 1
    return [table.get(c, 0) for c in range(5)]


def nearest(a, b):
    return [min(range(len(b)), key=lambda j: float((row - b[j]).pow(2).sum())) for row in a]


def patches(x):
    return torch.stack([x[i : i + 2].flatten() for i in range(0, x.shape[0] - 1, 2)])


def boxes(a, b):
    out = torch.zeros(len(a), len(b))
    for i, p in enumerate(a):
        for j, q in enumerate(b):
            wide = (torch.minimum(p[2], q[2]) - torch.maximum(p[0], q[0])).clamp(min=0)
            high = (torch.minimum(p[3], q[3]) - torch.maximum(p[1], q[1])).clamp(min=0)
            both = wide * high
            area = (p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1])
            out[i, j] = both / (area - both)
    return out


def boxes_at_once(a, b):
    low, high = torch.maximum(a[:, None, :2], b[None, :, :2]), torch.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    area = (a[:, 2:] - a[:, :2]).prod(-1)[:, None] + (b[:, 2:] - b[:, :2]).prod(-1)[None]
    return both / (area - both)


def box(n):
    low = torch.rand(n, 2, generator=g)
    return torch.cat([low, low + 0.1 + torch.rand(n, 2, generator=g)], 1)


X, Y = draw(6, 4), draw(5, 4)
MASK = torch.arange(4) < torch.tensor([[1], [2], [3], [4], [2], [1]])
LABELS = torch.randint(4, (6,), generator=g)
WEIGHT = draw(4, 3)
NORM = nn.BatchNorm1d(4)
QKV = tuple(draw(2, 5, 4) for _ in range(3))

RIGHT = {
    "all pairs": (distances, lambda a, b: (a[:, None] - b[None]).pow(2).sum(-1), X, Y),
    "masked mean": (masked_mean, lambda x, m: (x * m).sum(1) / m.sum(1).clamp(min=1), X, MASK),
    "stable softmax": (softmax, lambda x: x.softmax(-1), X),
    "causal attention": (attention, attention_at_once, *QKV),
    "fused attention": (attention, lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), *QKV),
    "cross-entropy": (gather_loss, F.cross_entropy, X, LABELS),
    "running means of numpy": (moving, moving_at_once, np.random.default_rng(0).standard_normal(20)),
    "a list against a tensor": (counts, lambda y: torch.bincount(y, minlength=5), LABELS),
    "nearest neighbours": (nearest, lambda a, b: torch.cdist(a.float(), b.float()).argmin(1), X, Y),
    "intersection over union": (boxes, boxes_at_once, box(5), box(4)),
    "einsum": (lambda a, b: torch.stack([a[i] @ b.T for i in range(len(a))]),
               lambda a, b: torch.einsum("ik,jk->ij", a, b), X, Y),
    "weights from outside": (lambda x: torch.stack([sum(x[i, j] * WEIGHT[j] for j in range(4)) for i in range(len(x))]),
                             lambda x: x @ WEIGHT, X),
    "a module from outside": (lambda x: torch.stack([NORM.eval()(row[None])[0] for row in x]),
                              lambda x: NORM.eval()(x), X),
    "cumulative sums": (lambda x: torch.stack([x[: i + 1].sum(0) for i in range(len(x))]), lambda x: x.cumsum(0), X),
    "one-hot": (lambda y: [[float(c == label) for c in range(4)] for label in y.tolist()],
                lambda y: F.one_hot(y, 4).float(), LABELS),
    "tuples": (lambda x: (max(x.flatten().tolist()), [row.sum() for row in x]), lambda x: (x.max(), x.sum(1)), X),
    "dicts": (lambda x: {"mean": sum(x) / len(x), "n": len(x)}, lambda x: {"mean": x.mean(0), "n": x.shape[0]}, X),
    "numbers alone": (lambda n: sum(range(n)), lambda n: n * (n - 1) // 2, 10),
    "half precision": (lambda x: torch.stack([sum(row) for row in x]), lambda x: x.sum(1), X.half()),
    "float64": (lambda x: torch.stack([sum(row) for row in x]), lambda x: x.sum(1), X.double()),
    "complex numbers": (lambda x: torch.stack([sum(row) for row in x]), lambda x: x.sum(1), torch.complex(X, X + 1)),
    "strings and flags": (lambda x, how: torch.stack([getattr(row, how)() for row in x]),
                          lambda x, how: getattr(x, how)(1), X, "sum"),
    "ragged": (lambda rows: [float(row.mean()) for row in rows],
               lambda rows: [float(row.sum() / len(row)) for row in rows], [X[0], X[1, :2], X[2, :3]]),
    "both in place": (lambda x: [x[i].mul_(2) for i in range(len(x))] and x, lambda x: x.mul_(2), X),
    "seeded alike": (lambda x: x + torch.randn(x.shape), lambda x: torch.randn_like(x) + x, X),
    "large sums that cancel": (lambda x: sum(x.flatten()), lambda x: x.sum(), 1e4 * draw(40, 40)),
    "points of two numbers": (
        lambda a, b: torch.stack([torch.stack([(p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 for q in b]) for p in a]),
        lambda a, b: (a[:, None] - b).pow(2).sum(-1), X[:, :2], Y[:, :2]),
    "matrix from a matrix": (lambda a: torch.stack([a[i, i] for i in range(len(a))]).sum(), torch.trace, draw(5, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_rewrite_raises_no_alarm(name):
    finding = found(*RIGHT[name])
    assert finding.verdict is Verdict.OK, finding
    assert "gives what `slow` gives on" in finding.message


def late(q, k, v):
    scores = q @ k.transpose(1, 2) / q.shape[2] ** 0.5
    return scores.masked_fill(torch.ones(scores.shape[1:]).triu(2).bool(), -torch.inf).softmax(-1) @ v


def keeps_first(x):
    x[0] = 0
    return x.sum(1)


WRONG = {
    "wrong axis": (softmax, lambda x: x.softmax(0), "values", X),
    "sum over rows": (distances, lambda a, b: (a[:, None] - b[None]).pow(2).sum(1)[:, : len(b)], "", X, Y),
    "last one left out": (lambda x: x.sum(0), lambda x: x[:-1].sum(0), "values", X),
    "mask of one too late": (attention, late, "values", *QKV),
    "not divided": (masked_mean, lambda x, m: (x * m).sum(1), "values", X, MASK),
    "mean over all": (masked_mean, lambda x, m: (x * m).mean(1), "values", X, MASK),
    "view of what may be strided": (lambda x: torch.stack([v for row in x for v in row]),
                                    lambda x: x.view(-1), "raises", X),
    "squeeze": (lambda x: torch.stack([row.sum(0, keepdim=True) for row in x]),
                lambda x: x.sum(1, keepdim=True).squeeze()[:, None] if len(x) > 1 else x.sum(), "shape", X),
    "pairs of rows": (patches, lambda x: x.view(-1, 2 * x.shape[1]), "raises", X),
    "biased variance": (lambda x: x.var(0), lambda x: ((x - x.mean(0)) ** 2).mean(0), "values", X),
    "gradient cut": (lambda x: sum(row.sum() for row in x), lambda x: x.detach().sum() + 0 * x.sum(), "gradient", X),
    "gradient gone": (lambda x: sum(row.sum() for row in x), lambda x: x.detach().sum(), "gradient", X),
    "input changed": (lambda x: torch.cat([0 * x[:1], x[1:]]).sum(1), keeps_first, "changes", X),
    "square root of a square": (lambda x: torch.stack(list(x)), lambda x: x.pow(2).sqrt(), "values", X),
    "broadcast of pairs": (lambda a, b: torch.stack([p - q for p, q in zip(a, b, strict=True)]),
                           lambda a, b: (a[:, None] - b).sum(1), "values", X[:, 0], Y[:, 0].repeat(2)[:6]),
    "label of the wrong row": (gather_loss, lambda x, y: F.cross_entropy(x, y.flip(0)), "values", X, LABELS),
    "numpy axis": (lambda x: [float(row.max()) for row in x], lambda x: x.max(0)[: len(x)], "", X.numpy()),
    "number": (lambda n: sum(range(n)), lambda n: n * (n + 1) // 2, "values", 10),
}  # fmt: skip


def one_pass(x):
    return (x**2).mean(0) - x.mean(0) ** 2


HINTS = {
    "digits lost": (lambda x: ((x - x.mean(0)) ** 2).mean(0), one_pass, "digits", X + 3000),
    "empty mask": (masked_mean, lambda x, m: (x * m).sum(1) / m.sum(1), "values", X, MASK),
    "another type": (lambda x: torch.stack([row.sum() for row in x]), lambda x: x.sum(1).double(), "type", X),
    "not changed": (keeps_first, lambda x: torch.cat([0 * x[:1], x[1:]]).sum(1), "spares", X),
    "other random numbers": (lambda x: torch.stack([row + torch.randn(4) for row in x]),
                             lambda x: x + torch.randn(4, len(x)).T, "values", X),
    "variance of no rows": (lambda x: x.var(0), lambda x: ((x - x.mean(0)) ** 2).sum(0) / (len(x) - 1), "values", X),
    "empty rows": (lambda x: torch.stack([r.sum() for r in x]) if len(x) else torch.zeros(0),
                   lambda x: x.sum(1) if len(x) else torch.zeros(1), "shape", X),
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        *(pytest.param(case, Verdict.BAD, id=f"a fault: {name}") for name, case in WRONG.items()),
        *(pytest.param(case, Verdict.HINT, id=f"not proved: {name}") for name, case in HINTS.items()),
    ],
)
def test_a_wrong_rewrite_is_found_and_what_no_fault_can_be_proved_of_is_a_hint(case, verdict):
    old, new, what, *args = case
    finding = found(old, new, *args)
    assert finding.verdict is verdict, finding
    assert not what or finding.seen["what"] == what


def test_the_smallest_input_is_shown_with_both_values_and_lines_to_paste():
    finding = found(lambda x: x.sum(0), lambda x: x[:-1].sum(0), X)
    assert finding.message.startswith("`fast` gives **0** at [0] where `slow` gives **1.000**")
    assert finding.message.endswith("for x (1, 1)")
    assert finding.code == "x = torch.tensor([[1.]])\nslow(x), fast(x)"


def test_lines_to_paste_give_the_same_difference():
    finding = found(softmax, lambda x: x.softmax(0), X)
    space = {"torch": torch, "slow": softmax, "fast": lambda x: x.softmax(0)}
    *lines, call = finding.code.splitlines()
    exec("\n".join(lines), space)
    old, new = eval(call, space)
    index = tuple(finding.seen["index"])
    assert (old[index].item(), new[index].item()) == (finding.seen["old"], finding.seen["new"])


def test_hypothesis_finds_small_numbers_where_it_is_installed():
    finding = found(lambda x: x.sum(1), lambda x: x.sum(1) + (x.shape[0] > 2), X)
    assert finding.message.endswith("for x (3, 1)")
    if importlib.util.find_spec("hypothesis") is not None:
        assert finding.code.startswith("x = torch.tensor([[0.], [0.], [0.]])")


def test_nothing_is_left_in_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert found(lambda x: x.sum(1), lambda x: x.sum(1) + (x.shape[0] > 2), X).verdict == "bad"
    assert not list(tmp_path.iterdir())


def test_nothing_of_the_users_is_changed():
    def slow(x, layer):
        x += 1
        layer.weight.data.zero_()
        NORM.train()(x)
        return x.sum() + torch.rand(())

    x, layer = X.clone().requires_grad_(), nn.Linear(2, 2)
    before = {key: value.clone() for key, value in NORM.state_dict().items()}
    weight, rng = layer.weight.clone(), (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy())
    found(slow, slow, x, layer)
    assert torch.equal(x, X)
    assert x.grad is None
    assert torch.equal(layer.weight, weight)
    assert all(torch.equal(value, before[key]) for key, value in NORM.state_dict().items())
    assert torch.equal(torch.get_rng_state(), rng[0])
    assert random.getstate() == rng[1]
    assert (np.random.get_state()[1] == rng[2]).all()


def test_an_interrupt_keeps_what_was_seen():
    calls = itertools.count()

    def interrupted(x):
        if next(calls) > 8:
            raise KeyboardInterrupt
        return x.sum(0)

    outcome = compare(Rewrite(lambda x: x.sum(0), interrupted, (X,)))
    assert outcome.stopped == "user"
    assert outcome.looks
    assert "interrupted" in judge(outcome).why


def test_the_budget_ends_it():
    def slow(x):
        time.sleep(0.05)
        return x.sum(0)

    start = time.monotonic()
    outcome = compare(Rewrite(slow, lambda x: x.sum(0), (X,)), budget=0.3)
    assert outcome.stopped == "budget"
    assert time.monotonic() - start < 3
    assert "the budget ended it" in judge(outcome).why


@pytest.mark.parametrize(
    ("slow", "told"),
    [
        (lambda x: 1 / 0, "nothing to compare: `slow` itself raises ZeroDivisionError: division by zero"),
        (lambda x, rng=np.random.default_rng(): x + float(rng.random()),  # noqa: B008
         "nothing to compare: `slow` gives another result each time it is called"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said(slow, told):
    finding = found(slow, lambda x: x, X)
    assert finding.verdict is Verdict.SKIPPED
    assert finding.message == told


def turned(x):
    """Pairs of columns turned by their row's number; of a column without a partner it says nothing."""
    out = torch.zeros_like(x)
    for t in range(x.shape[0]):
        c, s = np.cos(t), np.sin(t)
        for k in range(x.shape[1] // 2):
            a, b = x[t, 2 * k], x[t, 2 * k + 1]
            out[t, 2 * k], out[t, 2 * k + 1] = a * c - b * s, a * s + b * c
    return out


def turned_at_once(x):
    angle = torch.arange(len(x), dtype=x.dtype)[:, None]
    half = x[:, : x.shape[1] // 2 * 2]
    a, b, c, s = half[:, ::2], half[:, 1::2], angle.cos(), angle.sin()
    return torch.stack([a * c - b * s, a * s + b * c], -1).flatten(1)


def test_a_width_that_nobody_meant_proves_no_fault():
    finding = found(turned, turned_at_once, X)
    assert finding.verdict is Verdict.HINT
    assert finding.seen["what"] == "shape"


def test_a_slow_loop_is_asked_the_small_questions_on_shorter_axes():
    def slow(x):
        time.sleep(0.02 * len(x))
        return x.sum(0)

    start = time.monotonic()
    outcome = compare(Rewrite(slow, lambda x: x.sum(0), (draw(40, 3),)), budget=2.0)
    assert outcome.worst is None
    assert time.monotonic() - start < 8
