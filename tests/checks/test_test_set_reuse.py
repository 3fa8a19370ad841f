"""Which names say test, and which loops look at a test set again and again."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.checks.evaluation.test_set_reuse import check
from nbrecipe.evaluation.tested import says_test
from nbrecipe.runner import run


@pytest.mark.parametrize(
    "name",
    ["test_loader", "testloader", "test_dataloader", "loaders['test']", "dl_test", "TestLoader", "test", "test_dl"],
)
def test_a_name_says_test(name):
    assert says_test(name)


@pytest.mark.parametrize(
    "name",
    ["val_loader", "valloader", "latest_loader", "contest", "attested", "val_test_loader", "dev_test", "train_test",
     "loader", "eval_loader", "a DataLoader", "loaders['val']", "protestloader", "validloader", "fastest"],
)  # fmt: skip
def test_a_name_does_not_say_test(name):
    assert not says_test(name)


def parts(rows=64):
    given = toys.images(rows=rows)
    return (*toys.parts(given), given, DataLoader(given.train_data, 32))


def judged(program, **named):
    return run(check, toys.watched(program, **named))


def test_the_hint_says_how_often():
    net, loss_fn, opt, given, held = parts()

    def program():
        for _ in range(5):
            for x, y in given.train_loader:
                opt.zero_grad()
                loss_fn(net(x), y).backward()
                opt.step()
            with torch.inference_mode():
                sum((net(x).argmax(1) == y).sum() for x, y in held)

    found = judged(program, net=net, opt=opt, test_loader=held)
    assert found.finding.verdict.value == "hint"
    assert "`test_loader` was evaluated again and again" in found.finding.message
    assert "**5** different weights" in found.finding.message


def test_several_models_that_are_tested_once_each_are_no_habit():
    _, loss_fn, _, given, held = parts()

    def program():
        for seed in range(4):
            net = toys.convnet(seed=seed)
            opt = torch.optim.SGD(net.parameters(), 0.1)
            for x, y in given.train_loader:
                opt.zero_grad()
                loss_fn(net(x), y).backward()
                opt.step()
            with torch.no_grad():
                for x, y in held:
                    (net(x).argmax(1) == y).sum()

    assert judged(program, test_loader=held).finding.verdict.value != "hint"


def test_a_model_that_does_not_train_is_no_choice():
    net, loss_fn, opt, given, held = parts()
    teacher = toys.convnet(seed=7)

    def program():
        for _ in range(4):
            for x, y in given.train_loader:
                opt.zero_grad()
                loss_fn(net(x), y).backward()
                opt.step()
            with torch.no_grad():
                for x, y in held:
                    (teacher(x).argmax(1) == y).sum()

    assert judged(program, net=net, opt=opt, teacher=teacher, test_loader=held).finding.verdict.value == "ok"


def test_training_on_what_is_called_test_is_another_matter():
    net = nn.Linear(4, 2)
    opt = torch.optim.SGD(net.parameters(), 0.1)
    test_loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.arange(32) % 2), 8)

    def program():
        for _ in range(4):
            for x, y in test_loader:
                opt.zero_grad()
                nn.functional.cross_entropy(net(x), y).backward()
                opt.step()

    assert judged(program, net=net, opt=opt, test_loader=test_loader).finding.verdict.value == "skipped"


def test_an_evaluation_alone_is_skipped():
    net, _, _, _, held = parts()

    def program():
        with torch.no_grad():
            for x, y in held:
                (net(x).argmax(1) == y).sum()

    assert judged(program, net=net, test_loader=held).finding.verdict.value == "skipped"
