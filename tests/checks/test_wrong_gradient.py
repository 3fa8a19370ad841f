"""Gradients against finite differences: right ones raise no alarm, wrong ones are named to the element."""

from __future__ import annotations

import warnings

import healthy
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import nbrecipe
from nbrecipe import toys
from nbrecipe.batches import BadInput
from nbrecipe.checks.model import wrong_gradient
from nbrecipe.experiments.gradients import audit_model
from nbrecipe.finding import Verdict
from nbrecipe.runner import run


class Function(torch.autograd.Function):
    """x ↦ x³, whose derivative subclasses write down."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3


class Right(Function):
    @staticmethod
    def backward(ctx, slope):
        return 3 * ctx.saved_tensors[0] ** 2 * slope


class Factor(Function):
    @staticmethod
    def backward(ctx, slope):
        return 2 * ctx.saved_tensors[0] ** 2 * slope


class OneElement(Function):
    @staticmethod
    def backward(ctx, slope):
        out = 3 * ctx.saved_tensors[0] ** 2 * slope
        out[:, 3] *= 1.5
        return out


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, slope):
        return -0.5 * slope


class Signs(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, slope):
        return slope


class Middle(nn.Module):
    """A net with a function of any kind in its middle."""

    def __init__(self, function):
        super().__init__()
        self.first, self.last, self.function = nn.Linear(20, 12), nn.Linear(12, 5), function

    def forward(self, x):
        return self.last(self.function(self.first(x)))


def found(function):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return run(wrong_gradient.check, toys.classify(Middle(function))).finding


def normalised(x):
    with torch.no_grad():
        mean = x.mean(0)
        scale = (x - mean).std()
    return (x - mean) / scale


def hooked(x):
    x = x * 1
    if x.requires_grad:
        x.register_hook(lambda slope: -slope)
    return x


RIGHT = {
    "relu": F.relu, "gelu": F.gelu, "absolute values": torch.abs, "rounded": torch.round,
    "sorted": lambda x: x.sort(1)[0], "a backward of its own": Right.apply, "argmax": lambda x: x * x.argmax(),
    "stopped": lambda x: x * x.detach().norm(), "data": lambda x: x * x.data.norm(), "no_grad": normalised,
    "item": lambda x: x * x.norm().item(), "float32 inside": lambda x: x.float().sin().to(x.dtype),
    "half inside": lambda x: x.half().to(x.dtype), "dropout": lambda x: F.dropout(x, 0.5),
    "noise": lambda x: x + torch.randn_like(x), "straight through": lambda x: x + (x.round() - x).detach(),
    "checkpoint": lambda x: checkpoint(F.gelu, x, use_reentrant=False), "norm": lambda x: F.layer_norm(x, (12,)),
    "max-pool": lambda x: F.max_pool1d(x, 3, 1, 1), "in place": lambda x: x.clone().mul_(2).relu_(),
    "zeros": lambda x: (x * 0).abs() + x, "clamped": lambda x: x.clamp(0, 1), "tiny": lambda x: (1e-8 * x).relu(),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.filterwarnings("ignore")
def test_a_right_gradient_raises_no_alarm(name):
    finding = found(RIGHT[name])
    assert finding.verdict is Verdict.OK, finding.message


def rows_of_a_table(seed):
    net = nn.Sequential(nn.Embedding(30, 8, sparse=True), nn.Flatten(), nn.Linear(96, 3))
    ids = torch.randint(30, (64, 12), generator=toys.seeded(seed))
    return toys.bench(net, ids, ids[:, 0] % 3, nn.CrossEntropyLoss(), optimizer=None)


def slopes_in_the_loss(seed):
    """A penalty on the slope of the output, which the loss differentiates itself."""

    def loss_fn(model, batch):
        x = batch[0].clone().requires_grad_(True)
        out = model(x)
        slope = torch.autograd.grad(out.sum(), x, create_graph=True)[0]
        return F.mse_loss(out, batch[1]) + (slope.norm(dim=1) - 1).square().mean()

    return toys.regress(toys.mlp((10, 16, 1), act=nn.Tanh, seed=seed), loss_fn)


NETS = [
    slopes_in_the_loss,
    rows_of_a_table,
    healthy.he_mlp_of_eight_layers, healthy.convnet_with_batch_norm_and_dropout, healthy.lstm_over_tokens,
    healthy.tied_language_model, healthy.weighted_smoothed_summed, healthy.many_labels, healthy.contrastive,
]  # fmt: skip


@pytest.mark.parametrize("make", NETS, ids=lambda make: make.__name__)
def test_a_healthy_net_raises_no_alarm(make):
    finding = wrong_gradient.judge(audit_model(make(0), budget=1.0))
    assert finding.verdict is Verdict.OK, finding.message


@pytest.mark.parametrize("function", [Factor, OneElement])
def test_a_wrong_backward_is_named(function):
    finding = found(function.apply)
    assert finding.verdict is Verdict.BAD
    assert finding.where == f"`{function.__name__}.backward`"
    assert "by finite differences, at [" in finding.message


def test_one_wrong_element_among_many_is_found():
    answer = nbrecipe.check_grad(OneElement.apply, inputs=torch.randn(30, 20), elements=2)
    (wrong,) = answer.gradients.wrong
    assert wrong.worst.index[1] == 3
    assert wrong.worst.backward == pytest.approx(1.5 * wrong.worst.numeric, rel=1e-3)


@pytest.mark.parametrize(("function", "why"), [
    (Reverse.apply, "`Reverse` looks as if it were to change gradients on purpose"),
    (Signs.apply, "the loss does not move at all there: backward passes a gradient straight through"),
    (hooked, "a hook changes gradients on their way"),
    (lambda x: F.gumbel_softmax(x, hard=True), "the loss does not move at all there"),
])  # fmt: skip
def test_what_may_be_meant_is_a_hint(function, why):
    finding = found(function)
    assert finding.verdict is Verdict.HINT
    assert finding.why.startswith(why)


def test_what_hides_its_graph_is_not_judged():
    finding = found(lambda x: checkpoint(F.gelu, x.clone(), use_reentrant=True))
    assert finding.verdict is Verdict.SKIPPED
    assert finding.message.endswith("which hides its graph; use `use_reentrant=False`")


def test_regularisation_is_off_and_told():
    finding = run(wrong_gradient.check, toys.images(toys.convnet(dropout=0.5))).finding
    assert finding.why.startswith("off for this test: dropout 0.5 in `net[9]`")


def test_functions_of_several_inputs():
    answer = nbrecipe.check_grad(lambda a, b, n: (a @ b) ** n, inputs=(torch.randn(3, 2), torch.randn(2, 4).T.T, 2))
    assert [one.name for one in answer.gradients.tensors] == ["input 1", "input 2"]
    assert answer.ok
    assert "input 1" in str(answer)
    assert "<table" in answer._repr_html_()


def test_names_of_the_user_are_escaped_and_the_page_stays_small():
    model = toys.mlp((20, *[8] * 120, 5))
    bench = toys.classify(model)
    answer = nbrecipe.check_grad(model, batch=bench.batch, loss=bench.loss_fn, budget=2.0)
    assert len(answer._repr_html_()) < 300_000
    answer = nbrecipe.check_grad(Factor.apply, inputs=torch.randn(2))
    answer = nbrecipe.twins.batch.check_grad.check_function(Factor.apply, torch.randn(2), name="<b>")
    assert "<b>" not in answer._repr_html_()


def test_an_interrupt_keeps_what_was_seen(monkeypatch):
    from nbrecipe.experiments.gradients import audit as gradients

    real, calls = gradients.audit, []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(gradients, "audit", interrupted)
    seen = audit_model(toys.classify())
    assert (len(seen.tensors), seen.left, seen.stopped) == (2, 4, "user")


@pytest.mark.parametrize(("call", "sentence"), [
    (lambda: nbrecipe.check_grad(F.relu),
     "a function needs `inputs`, the tuple of what it takes; a model needs a batch instead"),
    (lambda: nbrecipe.check_grad(F.relu, inputs=torch.arange(3)),
     "none of the inputs holds floats, so there is no gradient to check"),
    (lambda: nbrecipe.check_grad(F.relu, inputs=torch.ones(3), elements=0),
     "the number of elements is a whole number from 1 on; 0 was given"),
    (lambda: nbrecipe.check_grad(lambda x: x.detach(), inputs=torch.ones(3)),
     "the loss has no gradient: nothing trainable is on its way"),
    (lambda: nbrecipe.check_grad(lambda x: x.foo, inputs=torch.ones(3)),
     "the function fails on these inputs in float64: 'Tensor' object has no attribute 'foo'"),
])  # fmt: skip
def test_what_cannot_be_checked_is_one_sentence(call, sentence):
    with pytest.raises(BadInput) as refusal:
        call()
    assert str(refusal.value) == sentence


def test_a_net_that_knows_its_rows_by_heart_has_gradients_too_small_to_measure():
    x, y = torch.randn(16, 4, generator=toys.seeded()), torch.arange(16) % 2
    net = toys.mlp((4, 64, 2))
    for _ in range(600):
        loss = F.cross_entropy(net(x), y)
        net.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in net.parameters():
                p -= 0.5 * p.grad
    with torch.no_grad():
        net[-1].weight *= 12
        net[-1].bias *= 12
    given = toys.bench(net, x, y, nn.CrossEntropyLoss())
    assert F.cross_entropy(net(x), y).item() < 1e-6
    assert run(wrong_gradient.check, given).verdict is Verdict.OK


class Spectral(nn.Module):
    """Multiplies the spectrum of a row by complex weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(11, dtype=torch.cfloat, generator=toys.seeded()))
        self.head = nn.Linear(20, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(torch.fft.irfft(torch.fft.rfft(x) * self.weights, n=20))
        return out


def test_complex_weights_keep_their_imaginary_part():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen = audit_model(toys.classify(Spectral()))
    assert [one.name for one in seen.tensors] == ["net.head.weight", "net.head.bias"]
    assert (seen.wrong, seen.left, seen.precision) == ((), 1, "float64")
