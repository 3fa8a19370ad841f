"""The lowest loss that targets allow, against closed forms and against a search over free predictions."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from nbrecipe.batches import Feed
from nbrecipe.experiments.overfit.floor import best_values, lowest
from nbrecipe.experiments.overfit.groups import groups_of
from nbrecipe.task import LossCall

G = torch.Generator().manual_seed(7)
CLASS = torch.tensor([0, 1, 1, 2, 2, 2, 0, 3])
APART, TOGETHER = torch.arange(8), torch.zeros(8, dtype=torch.long)
IN_THREES = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2])


def call(name, target, classes=None, **options):
    shape = (len(target), classes, *target.shape[1:]) if classes else target.shape
    given = torch.zeros(shape)
    if name in ("nll_loss", "kl_div"):
        given = torch.full(target.shape if name == "kl_div" else shape, -math.log(classes or target.shape[1]))
    return LossCall(name, given, target, options)


def searched(one, groups, rows):
    """The lowest loss that a search over one free prediction for each group finds."""
    size = int(groups.max()) + 1
    width = one.input.shape[1:] if one.input.ndim > 1 and rows else ()
    free = torch.zeros(size, *width, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([free], max_iter=2000, tolerance_grad=1e-12, line_search_fn="strong_wolfe")
    target = one.target.double() if one.target.is_floating_point() else one.target
    options = {k: v.double() if isinstance(v, torch.Tensor) else v for k, v in one.options.items()}
    logs = one.name in ("nll_loss", "kl_div")

    def loss():
        scores = free[groups]
        scores = scores.log_softmax(1) if logs else scores
        return getattr(F, one.name)(scores.reshape(one.input.shape), target, **options)

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    return float(loss().detach())


def test_hard_labels_can_be_learned_to_zero():
    assert lowest(call("cross_entropy", CLASS, 4), APART) == 0
    assert lowest(call("binary_cross_entropy_with_logits", (CLASS > 1).float()), APART) == 0
    assert lowest(call("mse_loss", CLASS.float()), APART) == 0


def test_one_group_of_everything_costs_the_entropy_of_the_labels():
    shares = torch.tensor([2, 2, 3, 1]) / 8
    assert lowest(call("cross_entropy", CLASS, 4), TOGETHER) == pytest.approx(float(-(shares * shares.log()).sum()))


def test_two_equal_inputs_with_two_labels_cost_log_two_each():
    groups = torch.tensor([0, 0, 2, 3, 4, 5, 6, 7])
    assert lowest(call("cross_entropy", CLASS, 4), groups) == pytest.approx(2 * math.log(2) / 8)
    assert lowest(call("cross_entropy", CLASS, 4, reduction="sum"), groups) == pytest.approx(2 * math.log(2))


WEIGHT = torch.tensor([1.0, 3.0, 0.5, 2.0])
SOFT = torch.rand(8, 4, generator=G).softmax(1)
YES = (torch.rand(8, generator=G) < 0.4).float()
CLASS_CASES = [
    call("cross_entropy", CLASS, 4, label_smoothing=0.1),
    call("cross_entropy", CLASS, 4, weight=WEIGHT),
    call("cross_entropy", CLASS, 4, weight=WEIGHT, label_smoothing=0.2),
    call("cross_entropy", CLASS, 4, ignore_index=2),
    call("cross_entropy", CLASS, 4, weight=WEIGHT, ignore_index=0, reduction="sum"),
    LossCall("cross_entropy", torch.zeros(8, 4), SOFT, {}),
    LossCall("cross_entropy", torch.zeros(8, 4), SOFT, {"weight": WEIGHT, "label_smoothing": 0.1}),
    call("nll_loss", CLASS, 4, weight=WEIGHT),
    call("kl_div", SOFT, reduction="batchmean"),
    call("kl_div", SOFT, reduction="sum"),
    call("kl_div", SOFT.log(), reduction="mean", log_target=True),
]
VALUE_CASES = [
    call("binary_cross_entropy_with_logits", YES),
    call("binary_cross_entropy_with_logits", YES, pos_weight=torch.tensor(4.0)),
    call("binary_cross_entropy_with_logits", YES * 0.8 + 0.1, weight=torch.rand(8, generator=G)),
    call("mse_loss", torch.randn(8, generator=G)),
    call("mse_loss", torch.randn(8, generator=G), reduction="sum"),
    call("huber_loss", 3 * torch.randn(8, generator=G), delta=0.7),
    call("smooth_l1_loss", 3 * torch.randn(8, generator=G), beta=0.5),
]


@pytest.mark.parametrize("groups", [APART, IN_THREES, TOGETHER], ids=["apart", "threes", "together"])
@pytest.mark.parametrize("one", CLASS_CASES + VALUE_CASES, ids=lambda c: f"{c.name}-{'-'.join(c.options)}")
def test_no_search_over_scores_or_values_undercuts_the_floor_and_one_comes_to_it(one, groups):
    found, floor = searched(one, groups, rows=any(one is case for case in CLASS_CASES)), lowest(one, groups)
    assert floor is not None
    assert found >= floor - 1e-6
    assert found == pytest.approx(floor, abs=2e-5)


def test_l1_costs_the_deviation_about_the_median():
    target = torch.tensor([0.0, 1.0, 10.0, 5.0, 5.0, 6.0, 2.0, 4.0])
    one = call("l1_loss", target)
    assert lowest(one, IN_THREES) == pytest.approx((1 + 9 + 0 + 0 + 1 + 2) / 8)
    assert best_values(one, IN_THREES)[:6].tolist() == pytest.approx([1, 1, 1, 5, 5, 5])


def test_scores_that_are_no_log_probabilities_have_no_floor():
    one = LossCall("nll_loss", torch.randn(8, 4, generator=G), CLASS, {})
    assert lowest(one, APART) is None


def test_pixels_are_counted_one_by_one():
    target = torch.randint(3, (2, 4, 4), generator=G)
    one = LossCall("cross_entropy", torch.zeros(2, 3, 4, 4), target, {})
    shares = target.flatten().bincount(minlength=3) / 32
    assert lowest(one, torch.zeros(32, dtype=torch.long)) == pytest.approx(
        float(torch.special.entr(shares).sum()), 1e-6
    )


def test_a_loss_averaged_by_hand_counts_what_is_ignored():
    one = call("cross_entropy", CLASS, 4, ignore_index=2, reduction="none")
    kept = CLASS[CLASS != 2].bincount(minlength=4) / 5
    assert lowest(one, TOGETHER) == pytest.approx(float(torch.special.entr(kept).sum()) * 5 / 8, 1e-6)


def fed(*inputs, target=None, **named):
    return Feed(inputs, named, target, (*inputs, target))


def partition(groups):
    return sorted(sorted((groups == g).nonzero().flatten().tolist()) for g in groups.unique())


def test_equal_inputs_form_a_group():
    x = torch.randn(4, 3, generator=G)
    x[2] = x[0]
    assert partition(groups_of(fed(x), torch.arange(4))) == [[0, 2], [1], [3]]
    mask = torch.tensor([1, 1, 0, 1])
    assert partition(groups_of(fed(x, mask=mask), torch.arange(4))) == [[0], [1], [2], [3]]


def test_places_of_equal_inputs_are_apart_but_for_the_same_place():
    x = torch.ones(2, 3)
    assert partition(groups_of(fed(x), torch.zeros(2, 2))) == [[0, 2], [1, 3]]


def test_next_tokens_are_grouped_by_equal_beginnings():
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 9, 9], [2, 2, 3, 4]])
    target = torch.cat([ids[:, 1:], torch.zeros(3, 1, dtype=torch.long)], dim=1)
    groups = groups_of(fed(ids), target).reshape(3, 4)
    assert partition(groups.flatten()) == [[0, 4], [1, 5], [2], [3], [6], [7], [8], [9], [10], [11]]
    inside = groups_of(fed(ids), ids[:, 1:].clone())
    assert partition(inside) == [[0, 3], [1, 4], [2], [5], [6], [7], [8]]


def test_tags_of_a_sequence_are_not_grouped_by_beginnings():
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 9, 9]])
    assert len(groups_of(fed(ids), torch.tensor([[0, 1, 0, 1], [1, 0, 1, 0]])).unique()) == 8


def test_what_is_shared_between_examples_makes_no_groups():
    x, edges = torch.ones(4, 3), torch.tensor([[0, 1, 2], [1, 2, 3]])
    assert len(groups_of(fed(x, edges), torch.arange(4)).unique()) == 4
