"""What is learned is read off the call that reaches the loss, however the loss is written."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbrecipe import batches, toys
from nbrecipe.task import Kind, read_task


def read(net, batch, loss_fn):
    return read_task(net, batches.feed(net, batch, loss_fn), loss_fn)


def rows(*shape, seed=0):
    return torch.randn(*shape, generator=toys.seeded(seed))


def ids(*shape, high=5, seed=0):
    return torch.randint(high, shape, generator=toys.seeded(seed))


class Into(nn.Module):
    """A linear layer into this shape."""

    def __init__(self, *shape, size=6, then=None):
        super().__init__()
        self.layer, self.shape, self.then = nn.Linear(size, torch.Size(shape).numel()), shape, then or (lambda x: x)

    def forward(self, x):
        return self.then(self.layer(x.flatten(1)).reshape(len(x), *self.shape))


def flat(p, t):
    return F.cross_entropy(p.reshape(-1, p.shape[-1]), t.reshape(-1))


X = rows(8, 6)

CASES = {
    "class indices": (Into(5), ids(8), nn.CrossEntropyLoss(), Kind.CLASSES, 5),
    "class indices by the functional": (Into(5), ids(8), F.cross_entropy, Kind.CLASSES, 5),
    "class indices by a function": (Into(5), ids(8), lambda p, t: F.cross_entropy(p, t), Kind.CLASSES, 5),
    "class indices in a column": (Into(5), ids(8, 1), lambda p, t: F.cross_entropy(p, t.squeeze(1)), Kind.CLASSES, 5),
    "a mean taken by hand": (
        Into(5), ids(8), lambda p, t: F.cross_entropy(p, t, reduction="none").mean(), Kind.CLASSES, 5),
    "log-probabilities": (Into(5, then=nn.LogSoftmax(1)), ids(8), nn.NLLLoss(), Kind.CLASSES, 5),
    "soft targets": (Into(5), rows(8, 5).softmax(1), nn.CrossEntropyLoss(), Kind.CLASSES, 5),
    "distillation": (
        Into(5, then=nn.LogSoftmax(1)), rows(8, 5).softmax(1), nn.KLDivLoss(reduction="batchmean"), Kind.CLASSES, 5),
    "yes or no": (Into(1), ids(8, 1, high=2).float(), nn.BCEWithLogitsLoss(), Kind.BINARY, 1),
    "yes or no, squeezed": (
        Into(1), ids(8, high=2).float(), lambda p, t: F.binary_cross_entropy_with_logits(p[:, 0], t), Kind.BINARY, 1),
    "yes or no, a vector": (Into(), ids(8, high=2).float(), nn.BCEWithLogitsLoss(), Kind.BINARY, 1),
    "probabilities": (Into(1, then=nn.Sigmoid()), ids(8, 1, high=2).float(), nn.BCELoss(), Kind.BINARY, 1),
    "several labels": (Into(4), ids(8, 4, high=2).float(), nn.BCEWithLogitsLoss(), Kind.MULTILABEL, 4),
    "a number": (Into(1), rows(8, 1), nn.MSELoss(), Kind.REGRESSION, 1),
    "three numbers": (Into(3), rows(8, 3), nn.HuberLoss(), Kind.REGRESSION, 3),
    "short series": (Into(4, 3), rows(8, 4, 3), nn.L1Loss(), Kind.REGRESSION, 12),
    "a number by hand": (Into(1), rows(8, 1), lambda p, t: ((p - t) ** 2).mean(), Kind.REGRESSION, 1),
    "another loss of torch": (Into(1), rows(8, 1).abs(), nn.PoissonNLLLoss(), Kind.REGRESSION, 1),
    "class indices by hand": (
        Into(5), ids(8), lambda p, t: -p.log_softmax(-1).gather(1, t[:, None]).mean(), Kind.CLASSES, 5),
    "tokens, flattened": (Into(7, 5), ids(8, 7), flat, Kind.NEXT_TOKEN, 5),
    "tokens, classes in the middle": (Into(5, 7), ids(8, 7), nn.CrossEntropyLoss(), Kind.NEXT_TOKEN, 5),
    "tokens, classes turned": (Into(7, 5), ids(8, 7), lambda p, t: F.cross_entropy(p.mT, t), Kind.NEXT_TOKEN, 5),
    "pixels in classes": (Into(3, 4, 4), ids(8, 4, 4, high=3), nn.CrossEntropyLoss(), Kind.SEGMENTATION, 3),
    "pixels yes or no": (Into(1, 9, 9), ids(8, 1, 9, 9, high=2).float(), nn.BCEWithLogitsLoss(), Kind.SEGMENTATION, 81),
    "an image": (Into(3, 8, 8), rows(8, 3, 8, 8), nn.MSELoss(), Kind.RECONSTRUCTION, 192),
    "the input": (Into(6), X, nn.MSELoss(), Kind.RECONSTRUCTION, 6),
    "the input by BCE": (Into(6), X, lambda p, t: F.binary_cross_entropy_with_logits(p, t), Kind.RECONSTRUCTION, 6),
    "nothing to see": (
        Into(5), ids(8), lambda p, t: F.triplet_margin_loss(p, p.roll(1, 0), p.roll(2, 0)), Kind.CLASSES, 5),
}  # fmt: skip


@pytest.mark.parametrize(("net", "target", "loss_fn", "kind", "classes"), CASES.values(), ids=CASES.keys())
def test_kind_and_width(net, target, loss_fn, kind, classes):
    task = read(net, (X, target), loss_fn)
    assert (task.kind, task.classes) == (kind, classes)
    assert task.loss.ndim == 0
    assert task.loss_of(task.output).item() == pytest.approx(task.loss.item(), rel=1e-5)
    assert task.output.shape == net(X).shape


def test_options_are_read_off_the_call():
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    loss_fn = nn.CrossEntropyLoss(weight, ignore_index=4, label_smoothing=0.1, reduction="sum")
    call = read(Into(5), (X, ids(8)), loss_fn).call
    assert (call.name, call.reduction) == ("cross_entropy", "sum")
    assert call.options["ignore_index"] == 4
    assert call.options["label_smoothing"] == 0.1
    assert torch.equal(call.options["weight"], weight)


def test_the_old_way_to_sum_is_understood():
    with pytest.warns(UserWarning, match="size_average"):
        loss_fn = nn.MSELoss(size_average=False)
    assert read(Into(1), (X, rows(8, 1)), loss_fn).call.reduction == "sum"


def test_a_sum_of_two_losses_has_no_single_call_and_can_still_be_asked():
    task = read(Into(5), (X, ids(8)), lambda p, t: F.cross_entropy(p, t) + 0.1 * p.square().mean())
    assert task.call is None
    assert task.kind is Kind.CLASSES
    assert task.loss_of(task.output).item() == pytest.approx(task.loss.item())


def test_a_loss_that_adds_nothing_yet_is_its_main_call():
    task = read(Into(5), (X, ids(8)), lambda p, t: F.cross_entropy(p, t) + 0.0 * p.sum())
    assert task.call.name == "cross_entropy"


class OwnLoss(nn.Module):
    """Returns (logits, loss) or a dict, as language models do."""

    def __init__(self, answer, shift):
        super().__init__()
        self.answer, self.shift, self.tokens = answer, shift, nn.Embedding(9, 9)

    def forward(self, input_ids, labels=None):
        logits = self.tokens(input_ids)
        if self.shift:
            loss = F.cross_entropy(logits[:, :-1].reshape(-1, 9), labels[:, 1:].reshape(-1))
        else:
            loss = F.cross_entropy(logits.view(-1, 9), labels.view(-1))
        return self.answer(logits, loss)


@dataclass
class Output:
    loss: torch.Tensor
    logits: torch.Tensor


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize(
    "answer",
    [lambda p, v: (p, v), lambda p, v: (v, p), lambda p, v: {"logits": p, "loss": v}, lambda p, v: Output(v, p)],
)
def test_a_model_with_its_own_loss(answer, shift):
    given = ids(4, 6, high=9)
    task = read(OwnLoss(answer, shift), {"input_ids": given, "labels": given}, None)
    assert task.kind is Kind.NEXT_TOKEN
    assert task.classes == 9
    assert task.output.shape == (4, 6, 9)
    assert task.loss_of(task.output).item() == pytest.approx(task.loss.item(), rel=1e-5)
    assert task.loss_of(torch.zeros(4, 6, 9)).item() == pytest.approx(torch.tensor(9.0).log().item())


def test_a_model_with_its_own_loss_that_is_not_understood():
    class Energy(nn.Module):
        def forward(self, x):
            return x.square().mean()

    task = read(Energy(), X, None)
    assert (task.kind, task.call, task.loss_of) == (Kind.OWN, None, None)
    assert task.loss.item() == pytest.approx(X.square().mean().item())


@pytest.mark.parametrize(
    "loss_fn",
    [
        lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]),
        lambda net, x, y: F.cross_entropy(net(x), y),
    ],
)
def test_a_loss_function_that_runs_the_model_itself(loss_fn):
    net = Into(5)
    task = read(net, (X, ids(8)), loss_fn)
    assert task.kind is Kind.CLASSES
    assert torch.equal(task.output, net(X))
    assert not net._forward_hooks
    assert task.loss_of(torch.zeros(8, 5)).item() == pytest.approx(torch.tensor(5.0).log().item())


def test_an_answer_of_several_parts_goes_to_the_loss_that_takes_it_apart():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 5)

        def forward(self, x):
            return self.layer(x), x.mean()

    def apart(answer, target):
        logits, extra = answer
        return F.cross_entropy(logits, target) + extra * 0

    for loss_fn in (apart, nn.CrossEntropyLoss(), lambda p, t: F.cross_entropy(p.float(), t)):
        task = read(Both(), (X, ids(8)), loss_fn)
        assert task.call.name == "cross_entropy"
        assert task.loss_of(torch.zeros(8, 5)).item() == pytest.approx(torch.tensor(5.0).log().item())


def test_dropout_makes_no_noise_and_modes_come_back():
    net = nn.Sequential(nn.Linear(6, 64), nn.Dropout(0.9), nn.Linear(64, 5))
    one, two = (read(net, (X, ids(8)), nn.CrossEntropyLoss()).loss for _ in range(2))
    assert torch.equal(one, two)
    assert all(module.training for module in net.modules())


def test_batch_norm_that_never_saw_a_batch_takes_the_batchs_statistics_even_in_eval_mode():
    net = nn.Sequential(nn.BatchNorm1d(6), nn.Identity()).eval()
    for _ in range(2):
        assert read(net, (1000 + X, X), nn.MSELoss()).output.abs().max() < 5
    assert not any(module.training for module in net.modules())
    assert net[0].running_mean.tolist() == [0.0] * 6
    net[0].num_batches_tracked += 1  # now it has seen some, and its statistics are those to use
    assert read(net, (1000 + X, X), nn.MSELoss()).output.min() > 900


def test_a_model_that_differentiates_in_its_forward_pass():
    class Force(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 1)

        def forward(self, x):
            x = x.clone().requires_grad_(True)
            return torch.autograd.grad(self.layer(x).square().sum(), x, create_graph=True)[0]

    assert read(Force(), (X, X.roll(1)), nn.MSELoss()).kind is Kind.REGRESSION


def test_a_compiled_model_is_read_like_any_other():
    net = torch.compile(Into(5), backend="eager")
    assert read(net, (X, ids(8)), nn.CrossEntropyLoss()).kind is Kind.CLASSES


def test_autocast_is_respected():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        task = read(Into(5), (X, ids(8)), nn.CrossEntropyLoss())
    assert task.output.dtype is torch.bfloat16
    assert task.call.name == "cross_entropy"
