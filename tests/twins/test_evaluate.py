"""`evaluate`: what is shown, what is told of the loader, and that bad input is one sentence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

import nbrecipe
from nbrecipe.batches import BadInput
from nbrecipe.finding import Verdict


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """The journal lies in the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return TensorDataset(torch.tensor(x[:300], dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(y[:300]))


LOSS = nn.CrossEntropyLoss()
NAMES = {"model": "net", "val": "val_dl", "against": "old"}


def test_everything_is_shown(net, digits):
    answer = nbrecipe.evaluate(net, DataLoader(digits, 64), loss=LOSS, names=NAMES)
    text, page = str(answer), answer._repr_html_()
    for told in ("accuracy", "balanced accuracy", "loss", "is taken for", "in the mean", "the rows that cost most"):
        assert told.lower() in text.lower()
        assert told.lower() in page.lower()
    assert "`net` on 300 rows of `val_dl`" in answer.shown.place
    assert answer.score("accuracy").value == pytest.approx(answer.answers.right.mean())
    assert len(answer.shown.worst) == 12
    assert answer.shown.kind == "image"
    assert answer.shown.worst[0].card.pixels is not None


def test_what_it_saves_is_what_it_shows(net, digits, tmp_path):
    answer = nbrecipe.evaluate(net, DataLoader(digits, 64), loss=LOSS)
    assert "balanced accuracy" in answer.save_html(tmp_path / "page.html").read_text("utf-8")


def test_a_second_model(net, digits):
    old = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    answer = nbrecipe.evaluate(net, DataLoader(digits, 64), loss=LOSS, against=old, names=NAMES)
    assert len(answer.compared) == 2
    assert "`net` against `old`" in answer.shown.against[0]
    same = nbrecipe.evaluate(net, DataLoader(digits, 64, shuffle=True), loss=LOSS, against=net)
    assert all("could be chance, p = 1" in line for line in same.shown.against)


def test_slices_of_values_of_several_and_of_a_column(net, digits):
    loader = DataLoader(digits, 64, shuffle=True)
    by = {"half": np.arange(300) % 2, "third": np.arange(300) % 3}
    shown = nbrecipe.evaluate(net, loader, loss=LOSS, by=by).shown
    assert [parts.by for parts in shown.slices] == ["half", "third"]
    assert sum(one.rows for one in shown.slices[0].rows) == 300


def test_a_column_of_the_data_by_name():
    rows = [{"x": torch.randn(4), "place": i % 3, "label": i % 2} for i in range(90)]

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            return self.layer(x)

    answer = nbrecipe.evaluate(Model(), DataLoader(rows, 32), loss=LOSS, by="place")
    assert [one.rows for one in answer.shown.slices[0].rows] == [30, 30, 30]
    with pytest.raises(BadInput, match="has no column `city`"):
        nbrecipe.evaluate(Model(), DataLoader(rows, 32), loss=LOSS, by="city")


def test_names_of_classes_come_from_the_data_where_no_others_are_known(net, digits):
    class Named(TensorDataset):
        classes = tuple(f"<i>digit {k}</i> with a name that is far too long for a column" for k in range(10))

    loader = DataLoader(Named(*digits.tensors), 64)
    answer = nbrecipe.evaluate(net, loader, loss=LOSS, against=net)
    assert answer.shown.confusions.names == Named.classes
    page = answer._repr_html_()
    assert "<i>digit" not in page
    assert "&lt;i&gt;digit" in page
    assert len(page.encode()) < 300_000
    assert max(map(len, str(answer).splitlines())) <= 88
    assert answer.picture().startswith(b"\x89PNG")
    trained = DataLoader(digits, 64)
    assert nbrecipe.evaluate(net, loader, loss=LOSS, train=trained).shown.confusions.names != Named.classes


def notes(net, loader, loss=LOSS):
    return " ".join(nbrecipe.evaluate(net, loader, loss=loss, names=NAMES).shown.notes)


def test_a_ragged_last_batch_is_told_where_it_changes_the_digits(net):
    x, y = torch.zeros(66, 1, 8, 8), torch.zeros(66).long()
    x[64:], y[64:] = 100.0, 1
    with torch.no_grad():
        net[1].weight.copy_(torch.linspace(-0.01, 0.01, 10)[:, None].expand(10, 64))
    told = notes(net, DataLoader(TensorDataset(x + torch.randn(x.shape), y), 64))
    assert "the mean of batch means is" in told
    assert "the last batch has 2 rows and the others 64" in told


def test_even_batches_say_nothing(net, digits):
    assert notes(net, DataLoader(digits, 60)) == ""


def findings(net, loader, loss=LOSS, **given):
    found = nbrecipe.evaluate(net, loader, loss=loss, names=NAMES, **given).results
    return {name: result.finding for name, result in found.items()}


def test_a_loader_that_leaves_rows_out_or_repeats_them_is_told(net, digits):
    found = findings(net, DataLoader(digits, 64, drop_last=True))["partial-evaluation"]
    assert "`val_dl` leaves out **44** of 300 rows (14.7 %): `drop_last=True`" in found.message
    torch.manual_seed(0)
    sampler = WeightedRandomSampler(torch.ones(300), 300)
    found = findings(net, DataLoader(digits, 60, sampler=sampler))["partial-evaluation"]
    assert "leaves out" in found.message
    assert "rows again" in found.message
    assert findings(net, DataLoader(digits, 60, shuffle=True))["partial-evaluation"].verdict is Verdict.OK


def test_nan_and_one_class_are_told(net, digits):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return torch.where(x.flatten(1).mean(1, keepdim=True) > 5, torch.nan, self.net(x))

    assert "answered with NaN: they count as wrong" in notes(Broken(), DataLoader(digits, 60))
    one = TensorDataset(digits.tensors[0][:60], torch.full((60,), 3))
    assert "**one class**" in notes(net, DataLoader(one, 60))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"val": None}, "no validation data here"),
        ({"val": "frame.csv"}, "`val_dl` is of type str"),
        ({"against": "old"}, "a second model is an nn.Module; a str was given"),
        ({"by": [1, 2, 3]}, "one value for each of the 300 rows; `by` is 3"),
        ({"metrics": "f2"}, "`f2` is no metric here"),
        ({"loss": nn.CrossEntropyLoss}, "is the class CrossEntropyLoss"),
    ],
)
def test_bad_input_is_one_sentence(net, digits, given, sentence):
    known = {"val": DataLoader(digits, 64), "loss": LOSS, "names": NAMES, **given}
    with pytest.raises(BadInput, match=sentence):
        nbrecipe.evaluate(net, **known)


def test_string_labels_are_one_sentence(net):
    rows = [(torch.randn(1, 8, 8), "cat" if i % 2 else "dog") for i in range(40)]
    with pytest.raises(BadInput, match="the labels of `val` are strings, such as 'dog'"):
        nbrecipe.evaluate(net, DataLoader(rows, 20), loss=LOSS)


def test_unlabelled_data_is_one_sentence(net, digits):
    with pytest.raises(BadInput, match="`val` gives inputs alone, without labels"):
        nbrecipe.evaluate(net, DataLoader(TensorDataset(digits.tensors[0]), 20), loss=LOSS)


def test_no_model_is_one_sentence():
    with pytest.raises(BadInput, match="no model here"):
        nbrecipe.evaluate(val=[(torch.randn(2, 4), torch.tensor([0, 1]))], loss=LOSS)


def test_test_data_that_are_used_again_are_told(net, digits):
    def told(model, name="test_dl"):
        shown = nbrecipe.evaluate(model, DataLoader(digits, 60), loss=LOSS, names={**NAMES, "val": name}).shown
        return " ".join(shown.notes)

    assert told(net) == told(net) == ""
    with torch.no_grad():
        net[1].bias += 0.01
    assert "one other model was evaluated on `test_dl` before" in told(net)
    with torch.no_grad():
        net[1].bias += 0.01
    assert "**2** other models" in told(net)
    assert told(net, "val_dl") == ""


def test_answers_that_collapse_are_told_unless_the_prior_explains_them(net, digits):
    with torch.no_grad():
        net[1].weight.zero_()
        net[1].bias.copy_(torch.eye(10)[3])
    found = findings(net, DataLoader(digits, 60))["collapsed-predictions"]
    assert found.verdict is Verdict.HINT
    assert "answers `3` for **100.0 %** of 300 rows" in found.message
    y = torch.full((100,), 3)
    y[:3] = 1
    rare = DataLoader(TensorDataset(torch.randn(100, 1, 8, 8), y), 50)
    assert findings(net, rare)["collapsed-predictions"].verdict is Verdict.OK


def test_findings_are_shown_and_stand_on_the_board(digits):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    x, y = digits.tensors
    opt = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(150):
        opt.zero_grad()
        LOSS(net(x), y).backward()
        opt.step()
    val = DataLoader(TensorDataset(x, (y + 1) % 10), 64)
    answer = nbrecipe.evaluate(net, val, loss=LOSS, train=DataLoader(digits, 64), names=NAMES)
    assert answer.results["label-mapping-mismatch"].verdict is Verdict.BAD
    assert "once classes are renamed (0 → 9" in str(answer)
    assert "once classes are renamed (" in answer._repr_html_()
    assert nbrecipe.report().results["label-mapping-mismatch"].verdict is Verdict.BAD
