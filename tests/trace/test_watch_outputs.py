"""What becomes of a model's outputs, what was answered, and where a value that is not finite was born."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from nbrecipe.trace import watch
from nbrecipe.trace.looks.births import replay


def last_pass(program, **named):
    with watch(named, every=1) as watcher:
        program()
    return watcher.trace, watcher.trace.models[0].passes[-1]


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))


X, Y = torch.randn(12, 4), torch.arange(12) % 3


@pytest.mark.parametrize(
    ("score", "how"),
    [
        (lambda out: nn.functional.cross_entropy(out, Y), "loss"),
        (lambda out: (out.softmax(1).argmax(1) == Y).float().mean(), "match"),
        (lambda out: (out.cpu().max(1).indices.float() - Y).abs().mean(), "difference"),
        (lambda out: out.argmax(1).tolist(), "decision"),
        (lambda out: out.cpu().numpy(), ""),
    ],
)
def test_what_an_output_meets_is_told(score, how):
    model = net()

    def program():
        with torch.no_grad():
            score(model(X))

    _, seen = last_pass(program, model=model)
    assert (seen.scored, seen.used, seen.taught, seen.grad) == (how, True, False, False)


def test_an_output_that_nobody_takes_is_not_used_and_a_list_keeps_them():
    model, kept = net().eval(), []

    def left():
        with torch.no_grad():
            for _ in range(5):
                out = model(X)  # noqa: F841

    def collected():
        with torch.no_grad():
            for _ in range(5):
                kept.append(model(X))

    assert not last_pass(left, model=model)[1].used
    assert last_pass(collected, model=model)[1].used


def test_a_teacher_teaches_and_a_student_is_trained():
    teacher, student = net(), net()

    def program():
        with torch.no_grad():
            aim = teacher(X).softmax(1)
        (student(X).softmax(1) - aim).square().mean().backward()

    trace, _ = last_pass(program, teacher=teacher, student=student)
    first, second = (model.passes[0] for model in trace.models)
    assert (first.taught, first.trained, second.taught, second.trained) == (True, False, False, True)


def test_comparisons_know_the_model_whose_own_values_they_are_given():
    model = net().eval()

    def program():
        with torch.no_grad():
            out = model(X)
            _ = out[:, 0].squeeze() > 0.5
            _ = out.sigmoid()[:, 0] > 0.5
            _ = out.argmax(1) == out.argmin(1)

    trace, _ = last_pass(program, model=model)
    assert [(op.name, op.source, op.both) for op in trace.ops if op.from_model] == [
        ("gt", "model", True),
        ("gt", "", True),
        ("eq", "", True),
    ]


def test_answers_are_counted_once_a_batch_and_small():
    model = net().eval()
    wide = nn.Linear(4, 100)

    def program():
        with torch.no_grad():
            for _ in range(3):
                _ = model(X).argmax(1) == Y
            _ = wide(X).argmax(1) == torch.full((12,), 99)

    trace, _ = last_pass(program, model=model, wide=wide)
    (answers,) = trace.answers
    assert {target: sum(row.values()) for target, row in answers.table.items()} == {0: 4, 1: 4, 2: 4}
    assert answers.batches == [(12, sum(answers.table[c].get(c, 0) for c in range(3)))]
    assert (answers.model, answers.grad) == ("model", False)


def test_validation_is_told_by_the_step_it_was_seen_at_and_apart_from_training_rows():
    model = nn.Linear(4, 3)
    opt = torch.optim.SGD(model.parameters(), 0.1)
    data = torch.utils.data.TensorDataset(X, Y)
    train, val = (torch.utils.data.DataLoader(data, batch_size=size) for size in (6, 12))
    values = []

    def program():
        for _ in range(2):
            for x, y in train:
                opt.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                opt.step()
            with torch.no_grad():
                for x, y in train:
                    nn.functional.cross_entropy(model(x), y)
                for x, y in val:
                    values.append(nn.functional.cross_entropy(model(x), y).item())

    trace, _ = last_pass(program, model=model, opt=opt, train=train, val=val)
    assert trace.validation.points() == [(2, pytest.approx(values[0])), (4, pytest.approx(values[1]))]


class Root(nn.Module):
    def forward(self, x):
        return x.sqrt()


def test_a_call_made_again_names_the_module_and_leaves_everything_as_it_was():
    model = nn.Sequential(net(), Root(), nn.Linear(3, 1)).train()
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert replay(model, (X,), {}) == "1"
    assert replay(model[0], (X,), {}) is None
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(part._forward_hooks for part in model.modules())


def weights_lost(model):
    with torch.no_grad():
        model[0].weight[0, 0] = torch.nan


def inputs_lost(model):
    X_[0, 0] = torch.inf


X_ = X.clone()


@pytest.mark.parametrize(("lose", "born"), [(weights_lost, "weights model.0.weight"), (inputs_lost, "inputs")])
def test_the_first_loss_that_is_not_finite_is_traced_to_its_cause(lose, born):
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3))
    opt = torch.optim.SGD(model.parameters(), 0.1)
    X_.copy_(X)

    def program():
        for step in range(6):
            if step == 2:
                lose(model)
            opt.zero_grad()
            nn.functional.cross_entropy(model(X_), Y).backward()
            opt.step()

    trace, _ = last_pass(program, model=model, opt=opt)
    assert trace.nonfinite == (2, born)


class Unit(nn.Module):
    def forward(self, x):
        return x / x.norm(dim=1, keepdim=True)


def test_a_step_that_was_not_looked_at_is_traced_by_what_its_graph_has_saved():
    model = nn.Sequential(nn.Linear(4, 8, bias=False), Unit(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    opt = torch.optim.SGD(model.parameters(), 0.1)
    rows = torch.randn(400, 4)
    rows[350] = 0
    with watch({"model": model, "opt": opt}) as watcher:
        for i in range(0, 400, 2):
            opt.zero_grad()
            nn.functional.cross_entropy(model(rows[i : i + 2]), Y[:2]).backward()
            opt.step()
    assert watcher.trace.looks < 100
    assert watcher.trace.nonfinite == (175, "before model.2")


def test_minus_infinity_is_a_mask_and_no_birth():
    class Masked(nn.Module):
        def forward(self, x):
            return x.masked_fill(torch.tensor([False, False, True]), -torch.inf)

    model = nn.Sequential(nn.Linear(4, 3), Masked())

    def program():
        nn.functional.cross_entropy(model(X), Y.clamp(max=1)).backward()

    trace, seen = last_pass(program, model=model)
    assert (trace.nonfinite, seen.nonfinite) == (None, "")
