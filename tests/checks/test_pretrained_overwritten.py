"""Loaded weights: still there, moved by training, rounded, or replaced."""

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("pretrained-overwritten")


def state_of(model):
    return {key: value.clone() for key, value in model.state_dict().items()}


def judged(model, state, **more):
    return run(CHECK, toys.images(model, pretrained=state, **more)).finding


def reset(model):
    torch.manual_seed(5)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()


def test_a_second_init_is_named_with_its_modules():
    net = toys.convnet()
    state = state_of(net)
    reset(net)
    told = judged(net, state)
    assert told.verdict is Verdict.BAD
    assert told.message == (
        "**none** of the 3 pretrained weights that fit `net` is in it; "
        "the others have nothing in common with those of `pretrained`"
    )
    assert told.why.startswith("replaced: `")
    exec(told.code, {"net": net, "pretrained": state})
    assert judged(net, state).verdict is Verdict.OK


def test_statistics_of_batch_norm_may_move():
    net = toys.convnet()
    state = state_of(net)
    net(torch.randn(8, 1, 8, 8))
    assert judged(net, state).verdict is Verdict.OK


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_another_precision_on_either_side_is_rounding(dtype):
    net = toys.convnet()
    assert judged(net, {key: value.to(dtype) for key, value in state_of(net).items()}).verdict is Verdict.OK
    state = state_of(net)
    assert judged(net.to(dtype), state).verdict is Verdict.OK


def test_training_that_the_optimizer_remembers_and_training_it_does_not():
    net = toys.convnet()
    state = state_of(net)
    bench = toys.trained(toys.images(net, pretrained=state))
    told = run(CHECK, bench).finding
    assert told.verdict is Verdict.OK
    bench.loss_fn(net(bench.batch[0]), bench.batch[1]).backward()
    bench.optimizer.step()
    assert run(CHECK, bench).finding.message == (
        "`opt` has taken steps: the pretrained weights are meant to have moved"
    )


def test_a_new_head_holds_and_one_new_layer_of_several_is_a_hint():
    net = nn.Sequential(*[layer for _ in range(5) for layer in (nn.Linear(20, 20), nn.ReLU())], nn.Linear(20, 5))
    state = state_of(net)
    reset(net[-1])
    verdicts = [run(CHECK, toys.classify(net, pretrained=state)).finding.verdict]
    reset(net[4])
    verdicts.append(run(CHECK, toys.classify(net, pretrained=state)).finding.verdict)
    assert verdicts == [Verdict.OK, Verdict.HINT]
