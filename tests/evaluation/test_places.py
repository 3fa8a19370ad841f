"""The loss at each position of texts, against the same worked out over all of them at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from models import VOCABULARY, classes, masks, tokens, whole

from nbrecipe.evaluation.passing import passed
from nbrecipe.evaluation.places import Places


def test_it_is_the_mean_over_the_tokens_that_count():
    bench = tokens(rows=70)
    output, target = whole(bench)
    each = F.cross_entropy(output.reshape(-1, VOCABULARY), target.reshape(-1), ignore_index=0, reduction="none")
    counted = target != 0
    found = passed(bench).places
    assert found.first.tolist() == list(range(1, 10))
    assert found.mean == pytest.approx((each.reshape(target.shape).sum(0) / counted.sum(0)).numpy(), rel=1e-5)
    assert found.tokens.tolist() == counted.sum(0).tolist()


def test_other_tasks_have_none():
    assert passed(classes()).places is None
    assert passed(masks()).places is None


def test_many_positions_share_bins_and_no_token_is_lost():
    torch.manual_seed(0)
    kept = Places()
    for _ in range(100):
        loss = torch.rand(4, 150)
        kept.add((loss.reshape(-1), torch.ones(600)), 4)
    found = kept.placed()
    assert len(found.first) == 64
    assert found.tokens.sum() == 400 * 150
    assert found.last == 150
    assert found.mean == pytest.approx(np.full(64, 0.5), abs=0.06)


def test_batches_of_other_lengths_are_kept():
    kept = Places()
    kept.add((torch.ones(20 * 3), torch.ones(20 * 3)), 20)
    kept.add((torch.full((20 * 5,), 2.0), torch.ones(20 * 5)), 20)
    found = kept.placed()
    assert found.mean.tolist() == [1.5, 1.5, 1.5, 2, 2]
    assert found.tokens.tolist() == [40, 40, 40, 20, 20]
    assert Places().placed() is None


def test_intervals_hold_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    held = total = 0
    for _ in range(200):
        kept = Places()
        loss = torch.tensor(rng.gamma(4.0, 0.25, (60, 8)))
        kept.add((loss, torch.ones_like(loss)), 60)
        found = kept.placed()
        held += int((np.abs(found.mean - 1.0) <= found.half).sum())
        total += 8
    assert 0.92 < held / total < 0.98
