"""Small batches are judged together: bit for bit what each says by itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.evaluation import together
from nbrecipe.evaluation.passing import Passed, passed

ROWS, WIDTH, CLASSES = 997, 6, 5
X = torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(0))
PLACES = torch.arange(ROWS) % CLASSES
IGNORED = torch.where(torch.arange(ROWS) % 7 == 0, -100, PLACES)
WEIGHT = torch.arange(1, CLASSES + 1) / 3
SHARES = torch.rand(ROWS, CLASSES, generator=torch.Generator().manual_seed(1)).softmax(1)
FLAGS = (SHARES > 0.2).float()


def given(loss_fn, target, x=X, model=None, size=13):
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(WIDTH, CLASSES)) if model is None else model
    return Bench(model=model, loss_fn=loss_fn, val_loader=DataLoader(TensorDataset(x, target), batch_size=size))


def columns(found: Passed):
    return {f.name: getattr(found.answers, f.name) for f in dataclasses.fields(found.answers)}


CASES = {
    "classes": (nn.CrossEntropyLoss(), PLACES),
    "ignored, weighted, smoothed": (nn.CrossEntropyLoss(weight=WEIGHT, label_smoothing=0.1), IGNORED),
    "soft": (nn.CrossEntropyLoss(), SHARES),
    "summed": (nn.CrossEntropyLoss(reduction="sum"), PLACES),
    "several yes or no": (nn.BCEWithLogitsLoss(pos_weight=WEIGHT), FLAGS),
    "numbers": (nn.MSELoss(), SHARES),
    "smooth": (nn.SmoothL1Loss(), SHARES),
    "divergence": (nn.KLDivLoss(reduction="batchmean"), SHARES),
}


@pytest.mark.parametrize("name", CASES)
def test_together_is_bit_for_bit_each_by_itself(name, monkeypatch):
    several = passed(given(*CASES[name]))
    monkeypatch.setattr(together, "BYTES", 0)  # none may wait
    each = passed(given(*CASES[name]))
    assert several.sizes == each.sizes == (13,) * 76 + (9,)
    for key, value in columns(each).items():
        np.testing.assert_array_equal(columns(several)[key], value, err_msg=key, strict=isinstance(value, np.ndarray))


def test_small_batches_are_judged_together(monkeypatch):
    sizes = []
    judge = together.Reader.judged
    monkeypatch.setattr(together.Reader, "judged", lambda self, o, t: sizes.append(len(o)) or judge(self, o, t))
    passed(given(*CASES["classes"]))
    assert sizes == [64 * 13, ROWS - 65 * 13]


def test_weights_of_rows_and_answers_that_spread_are_judged_batch_by_batch():
    weighted = nn.BCEWithLogitsLoss(weight=torch.arange(13.0)[:, None])
    loss = passed(given(weighted, FLAGS[: 13 * 70], X[: 13 * 70])).answers.loss
    assert [row for row in range(13 * 70) if loss[row] == 0] == list(range(0, 13 * 70, 13))
    one = nn.Linear(WIDTH, 1)
    x, y = X[:91], SHARES[:91, 0]
    with pytest.warns(UserWarning, match="target size"):  # (13, 1) and (13,) spread to (13, 13)
        found = passed(given(nn.MSELoss(), y, x, one))
    with torch.no_grad():
        told = torch.stack([(one(x[i : i + 13]) - y[i : i + 13]).square().mean() for i in range(0, 91, 13)])
    np.testing.assert_allclose(found.means, told, rtol=1e-5)


def test_a_model_that_writes_its_answers_to_one_place():
    class Reuses(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.room = nn.Linear(WIDTH, CLASSES), {}

        def forward(self, x):
            room = self.room.setdefault(len(x), torch.empty(len(x), CLASSES))
            return room.copy_(self.inner(x))

    model = Reuses()
    answers = passed(given(nn.CrossEntropyLoss(), PLACES, model=model)).answers
    with torch.no_grad():
        np.testing.assert_allclose(answers.probabilities, model.inner(X).softmax(1), atol=1e-6)


@pytest.mark.parametrize("place", [3, 300, ROWS - 1])
def test_a_label_outside_the_outputs_is_told_as_in_the_first_batch(place):
    wrong = PLACES.clone()
    wrong[place] = CLASSES
    with pytest.raises(BadInput, match="5"):
        passed(given(nn.CrossEntropyLoss(), wrong))
    alone = torch.cat([wrong[place : place + 1]] * 13)
    with pytest.raises(BadInput) as first:
        passed(given(nn.CrossEntropyLoss(), alone, X[:13]))
    with pytest.raises(BadInput) as later:
        passed(given(nn.CrossEntropyLoss(), wrong))
    assert str(later.value) == str(first.value)


def test_an_interrupt_keeps_what_waited():
    def stop(rows, total):
        if rows == 130:
            raise KeyboardInterrupt

    found = passed(given(*CASES["classes"]), seen=stop)
    assert found.stopped == "interrupted"
    assert found.answers.rows.tolist() == list(range(130))
    assert found.sizes == (13,) * 10


def test_batches_of_another_shape_keep_their_order():
    batches = [(X[i : i + n], PLACES[i : i + n]) for i, n in ((0, 4), (4, 9), (13, 3000), (901, 7))]
    batches[2] = (X[13:901].repeat(9, 1), PLACES[13:901].repeat(9))
    torch.manual_seed(2)
    model = nn.Linear(WIDTH, CLASSES)
    found = passed(Bench(model=model, loss_fn=nn.CrossEntropyLoss(), val_loader=batches))
    assert found.sizes == (4, 9, 888 * 9, 7)
    whole = torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])
    with torch.no_grad():
        np.testing.assert_allclose(found.answers.probabilities, model(whole[0]).softmax(1), atol=1e-6)
    np.testing.assert_array_equal(found.answers.target, whole[1])
