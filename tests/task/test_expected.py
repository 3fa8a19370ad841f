"""Each closed form against a computation of its own: plain python sums, and a minimisation in float64."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nbrecipe import batches, toys
from nbrecipe.task import Kind, expected, read_task

CLASSES = torch.tensor([0] * 50 + [1] * 30 + [2] * 15 + [3] * 5)
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 7.0])


class Given(nn.Module):
    """Answers with fixed numbers, whatever comes in."""

    def __init__(self, *shape, squash=None):
        super().__init__()
        self.answer = nn.Parameter(0.3 * torch.randn(*shape, generator=toys.seeded(1)))
        self.squash = squash or (lambda x: x)

    def forward(self, x):
        return self.squash(self.answer)


def task_of(target, loss_fn, *shape, squash=None):
    net = Given(*shape, squash=squash)
    return read_task(net, batches.feed(net, (torch.zeros(len(target), 3), target), loss_fn), loss_fn)


def lowest(loss_of, width):
    """The least value of a smooth convex function of `width` numbers, searched in float64."""
    point = torch.zeros(width, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS(
        [point], max_iter=400, tolerance_grad=1e-9, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        search.zero_grad()
        loss = loss_of(point)
        loss.backward()
        return loss

    search.step(closure)
    return loss_of(point).item()


def entropy(counts):
    total = sum(counts)
    return -sum(n / total * math.log(n / total) for n in counts if n)


def test_uniform_classes_lose_log_c():
    found = expected(task_of(torch.arange(40) % 4, nn.CrossEntropyLoss(), 40, 4))
    assert found.best == pytest.approx(math.log(4), rel=1e-9)
    assert found.uniform == pytest.approx(math.log(4), rel=1e-9)


def test_imbalanced_classes_lose_the_entropy_of_their_frequencies():
    found = expected(task_of(CLASSES, nn.CrossEntropyLoss(), 100, 4))
    assert found.best == pytest.approx(entropy([50, 30, 15, 5]), rel=1e-9)
    assert found.uniform == pytest.approx(math.log(4), rel=1e-9)
    assert found.constant.softmax(0).tolist() == pytest.approx([0.5, 0.3, 0.15, 0.05])


def test_a_class_without_labels_costs_nothing_and_keeps_a_finite_logit():
    found = expected(task_of(torch.tensor([0, 0, 2, 2]), nn.CrossEntropyLoss(), 4, 3))
    assert found.best == pytest.approx(math.log(2), rel=1e-9)
    assert found.constant.isfinite().all()


@pytest.mark.parametrize("smooth", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("weight", [None, WEIGHTS])
@pytest.mark.parametrize("ignored", [-100, 3])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_cross_entropy_with_every_option(smooth, weight, ignored, reduction):
    loss_fn = nn.CrossEntropyLoss(weight, label_smoothing=smooth, ignore_index=ignored, reduction=reduction)
    found = expected(task_of(CLASSES, loss_fn, 100, 4))
    exact = nn.CrossEntropyLoss(
        None if weight is None else weight.double(), label_smoothing=smooth, ignore_index=ignored, reduction=reduction
    )
    assert found.best == pytest.approx(lowest(lambda z: exact(z.expand(100, 4), CLASSES), 4), rel=1e-6)
    assert found.uniform == pytest.approx(exact(torch.zeros(100, 4).double(), CLASSES).item(), rel=1e-9)


def test_weighted_cross_entropy_by_hand():
    found = expected(task_of(CLASSES, nn.CrossEntropyLoss(WEIGHTS), 100, 4))
    masses = [0.5 * 50, 1.0 * 30, 2.0 * 15, 7.0 * 5]
    assert found.best == pytest.approx(entropy(masses), rel=1e-9)


def test_unreduced_cross_entropy_counts_as_its_plain_mean():
    loss_fn = nn.CrossEntropyLoss(WEIGHTS, ignore_index=0, reduction="none")
    task = task_of(CLASSES, loss_fn, 100, 4)
    assert task.loss.item() == pytest.approx(loss_fn(task.output, CLASSES).mean().item())
    best = lowest(
        lambda z: F.cross_entropy(z.expand(100, 4), CLASSES, WEIGHTS.double(), ignore_index=0, reduction="none").mean(),
        4,
    )
    assert expected(task).best == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("smooth", [0.0, 0.2])
@pytest.mark.parametrize("weight", [None, WEIGHTS])
def test_soft_targets(smooth, weight):
    soft = torch.rand(30, 4, generator=toys.seeded(2)).softmax(1) ** 2
    loss_fn = nn.CrossEntropyLoss(weight, label_smoothing=smooth)
    found = expected(task_of(soft, loss_fn, 30, 4))
    exact = nn.CrossEntropyLoss(None if weight is None else weight.double(), label_smoothing=smooth)
    assert found.best == pytest.approx(lowest(lambda z: exact(z.expand(30, 4), soft.double()), 4), rel=1e-6)


def test_pixels_in_classes():
    target = torch.randint(3, (5, 8, 9), generator=toys.seeded(3)).clamp_max(1)
    task = task_of(target, nn.CrossEntropyLoss(), 5, 3, 8, 9)
    assert task.kind is Kind.SEGMENTATION
    assert expected(task).best == pytest.approx(entropy(torch.bincount(target.flatten()).tolist()), rel=1e-9)


@pytest.mark.parametrize("weight", [None, WEIGHTS])
@pytest.mark.parametrize("ignored", [-100, 1])
def test_negative_log_likelihood(weight, ignored):
    loss_fn = nn.NLLLoss(weight, ignore_index=ignored)
    found = expected(task_of(CLASSES, loss_fn, 100, 4, squash=nn.LogSoftmax(1)))
    exact = nn.NLLLoss(None if weight is None else weight.double(), ignore_index=ignored)
    best = lowest(lambda z: exact(z.log_softmax(0).expand(100, 4), CLASSES), 4)
    assert found.best == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("reduction", ["batchmean", "mean", "sum"])
@pytest.mark.parametrize("log_target", [False, True])
def test_kullback_leibler(reduction, log_target):
    share = torch.randn(30, 4, generator=toys.seeded(4)).softmax(1)
    target = share.log() if log_target else share
    loss_fn = nn.KLDivLoss(reduction=reduction, log_target=log_target)
    found = expected(task_of(target, loss_fn, 30, 4, squash=nn.LogSoftmax(1)))
    best = lowest(lambda z: loss_fn(z.log_softmax(0).expand(30, 4), target.double()), 4)
    assert found.best == pytest.approx(best, rel=1e-5)


def test_next_token_with_ignored_positions():
    net, ids = toys.lm(), torch.randint(24, (6, 17), generator=toys.seeded(5)).clamp_max(9)
    target = ids[:, 1:].clone()
    target[:, -4:] = -100
    task = read_task(net, batches.feed(net, (ids[:, :-1], target), toys.token_loss), toys.token_loss)
    assert task.kind is Kind.NEXT_TOKEN
    counts = torch.bincount(target[target >= 0], minlength=24).tolist()
    assert expected(task).best == pytest.approx(entropy(counts), rel=1e-9)
    assert expected(task).uniform == pytest.approx(math.log(24), rel=1e-9)


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.02])
@pytest.mark.parametrize("shape", [(100,), (100, 1)])
def test_binary(rate, shape):
    target = (torch.arange(100) < 100 * rate).float().reshape(shape)
    found = expected(task_of(target, nn.BCEWithLogitsLoss(), *shape))
    assert found.best == pytest.approx(-rate * math.log(rate) - (1 - rate) * math.log(1 - rate), rel=1e-6)
    assert found.uniform == pytest.approx(math.log(2), rel=1e-9)
    assert found.constant.sigmoid().item() == pytest.approx(rate, rel=1e-6)


def test_binary_with_pos_weight_by_hand():
    target = (torch.arange(100) < 20).float()
    found = expected(task_of(target, nn.BCEWithLogitsLoss(pos_weight=torch.tensor(4.0)), 100))
    assert found.best == pytest.approx((80 + 80) * math.log(2) / 100, rel=1e-9)
    assert found.constant.item() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 3.0, 0.2]), torch.rand(60, 1, generator=toys.seeded(6))])
@pytest.mark.parametrize("pos_weight", [None, torch.tensor([5.0, 1.0, 0.3])])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_multilabel_with_every_option(weight, pos_weight, soft, reduction):
    target = torch.rand(60, 3, generator=toys.seeded(7))
    target = target if soft else (target < torch.tensor([0.1, 0.4, 0.8])).float()
    loss_fn = nn.BCEWithLogitsLoss(weight, pos_weight=pos_weight, reduction=reduction)
    task = task_of(target, loss_fn, 60, 3)
    best = lowest(lambda z: loss_fn(z.expand(60, 3), target.double()), 3)
    assert task.kind is Kind.MULTILABEL
    assert expected(task).best == pytest.approx(best, rel=1e-6)
    assert expected(task).uniform == pytest.approx(loss_fn(torch.zeros(60, 3), target).item(), rel=1e-6)


def test_binary_cross_entropy_on_probabilities():
    target = torch.rand(40, 3, generator=toys.seeded(8)).round()
    found = expected(task_of(target, nn.BCELoss(), 40, 3, squash=torch.sigmoid))
    best = lowest(lambda z: F.binary_cross_entropy(z.sigmoid().expand(40, 3), target.double()), 3)
    assert found.best == pytest.approx(best, rel=1e-6)
    assert found.constant.tolist() == pytest.approx(target.mean(0).tolist())


VALUES = torch.randn(81, 2, generator=toys.seeded(9)).exp() * torch.tensor([1.0, 20.0]) + torch.tensor([3.0, -7.0])


@pytest.mark.parametrize(
    ("loss_fn", "pointwise"),
    [
        (nn.MSELoss(), lambda e: e * e),
        (nn.L1Loss(), abs),
        (nn.HuberLoss(), lambda e: e * e / 2 if abs(e) < 1 else abs(e) - 0.5),
        (nn.HuberLoss(delta=5.0), lambda e: e * e / 2 if abs(e) < 5 else 5 * (abs(e) - 2.5)),
        (nn.SmoothL1Loss(), lambda e: e * e / 2 if abs(e) < 1 else abs(e) - 0.5),
        (nn.SmoothL1Loss(beta=3.0), lambda e: e * e / 6 if abs(e) < 3 else abs(e) - 1.5),
        (nn.SmoothL1Loss(beta=0.0), abs),
        (nn.MSELoss(reduction="sum"), lambda e: e * e),
        (nn.HuberLoss(reduction="sum"), lambda e: e * e / 2 if abs(e) < 1 else abs(e) - 0.5),
    ],
)
def test_values(loss_fn, pointwise):
    """Golden-section search over a plain python sum, column by column."""
    found = expected(task_of(VALUES, loss_fn, 81, 2))
    total = 0.0
    for column in VALUES.T.tolist():

        def summed(c, column=column):
            return sum(pointwise(t - c) for t in column)

        low, high, golden = min(column), max(column), (math.sqrt(5) - 1) / 2
        for _ in range(200):
            a, b = high - golden * (high - low), low + golden * (high - low)
            low, high = (low, b) if summed(a) < summed(b) else (a, high)
        total += summed((low + high) / 2)
    assert found.best == pytest.approx(total / (1 if loss_fn.reduction == "sum" else VALUES.numel()), rel=1e-6)
    assert found.uniform is None


def test_squared_error_loses_the_variance():
    found = expected(task_of(VALUES, nn.MSELoss(), 81, 2))
    assert found.best == pytest.approx(VALUES.double().var(0, unbiased=False).mean().item(), rel=1e-6)
    assert found.constant.tolist() == pytest.approx(VALUES.mean(0).tolist(), rel=1e-5)


def test_images_have_one_constant_a_channel():
    target = torch.rand(6, 3, 8, 8, generator=toys.seeded(10)) * torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1)
    task = task_of(target, nn.MSELoss(), 6, 3, 8, 8)
    assert task.kind is Kind.RECONSTRUCTION
    assert expected(task).constant.tolist() == pytest.approx(target.mean((0, 2, 3)).tolist(), rel=1e-5)


def by_hand_mse(p, t):
    return ((p - t) ** 2).mean()


def by_hand_l1_sum(p, t):
    return (p - t).abs().sum()


def by_hand_cross_entropy(p, t):
    return -p.log_softmax(-1).gather(1, t[:, None]).mean()


def by_hand_focal(p, t):
    likelihood = F.cross_entropy(p, t, reduction="none")
    return ((1 - (-likelihood).exp()) ** 2 * likelihood).mean()


@pytest.mark.parametrize(
    ("loss_fn", "target", "width"),
    [
        (by_hand_mse, VALUES, 2),
        (by_hand_l1_sum, VALUES[:, :1], 1),
        (by_hand_cross_entropy, CLASSES, 4),
        (by_hand_focal, CLASSES, 4),
        (nn.PoissonNLLLoss(), VALUES.abs(), 2),
        (nn.MultiLabelSoftMarginLoss(), VALUES.gt(5).float(), 2),
    ],
)
def test_a_loss_written_by_hand_is_searched(loss_fn, target, width):
    task = task_of(target, loss_fn, len(target), width)
    assert task.call is None
    best = lowest(
        lambda z: loss_fn(z.expand(len(target), width), target if target.dtype is torch.int64 else target.double()),
        width,
    )
    assert expected(task).best == pytest.approx(best, rel=2e-3)


def test_a_loss_without_lower_end_has_no_expected_value():
    assert expected(task_of(CLASSES, lambda p, t: -F.cross_entropy(p, t), 100, 4)) is None


def test_more_labels_give_a_better_idea_of_the_frequencies():
    task = task_of(CLASSES[:60], nn.CrossEntropyLoss(), 60, 4)
    assert expected(task, CLASSES).best == pytest.approx(entropy([50, 30, 15, 5]), rel=1e-9)


def test_more_labels_are_left_alone_where_the_loss_changes_the_targets():
    task = task_of(VALUES[:40], lambda p, t: F.mse_loss(p, t / 10), 40, 2)
    assert expected(task, VALUES).best == pytest.approx(
        (VALUES[:40] / 10).var(0, unbiased=False).mean().item(), rel=1e-5
    )
