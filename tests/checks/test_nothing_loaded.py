"""State dicts against models: what matches, under which prefix, and the line that loads it."""

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("nothing-loaded")


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.head = toys.mlp((20, 32, 16)), nn.Linear(16, 5)

    def forward(self, x):
        return self.head(self.backbone(x))


def trained(model):
    return {key: torch.randn(value.shape, generator=toys.seeded(1)) for key, value in model.state_dict().items()}


def judged(model, state):
    return run(CHECK, toys.classify(model, pretrained=state, names={"model": "net", "pretrained": "state"})).finding


def prefixed(state, prefix):
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "model.encoder."])
def test_a_prefix_too_many_is_named_and_the_line_takes_it_off(prefix):
    net = toys.mlp()
    state = prefixed(trained(net), prefix)
    told = judged(net, state)
    assert told.verdict is Verdict.BAD
    assert told.message == (
        f'**none** of the 6 tensors of `state` has a name that `net` knows; **6** would, without "{prefix}"'
    )
    exec(told.code, {"net": net, "state": state})
    assert judged(net, state).verdict is Verdict.OK


def test_a_prefix_too_few_is_put_before():
    net = Wrapped()
    state = trained(net.backbone)
    told = judged(net, state)
    assert '**4** would, with "backbone." before them' in told.message
    assert told.code == 'net.load_state_dict({"backbone." + k: v for k, v in state.items()}, strict=False)'
    exec(told.code, {"net": net, "state": state})
    assert torch.equal(net.backbone[0].weight, state["0.weight"])


def test_one_prefix_for_another():
    net = Wrapped()
    told = judged(net, prefixed(trained(net.backbone), "encoder."))
    assert 'with "backbone." in place of "encoder."' in told.message


def test_a_checkpoint_is_opened():
    net = toys.mlp()
    told = judged(net, {"epoch": 3, "model_state_dict": trained(net), "optimizer": {"state": {}}})
    assert told.verdict is Verdict.OK
    assert told.message == (
        '6 of the 6 pretrained tensors, which stand under "model_state_dict", fit `net`, which has 6'
    )


def test_a_replaced_head_and_a_part_hold():
    net = toys.mlp()
    assert judged(net, trained(toys.mlp((20, 32, 32, 11)))).message == (
        "4 of the 6 pretrained tensors fit `net`, which has 6; 2 differ in shape"
    )
    assert judged(net, {"0.weight": torch.randn(32, 20)}).verdict is Verdict.OK
    more = trained(net) | {f"decoder.{i}.weight": torch.ones(3, 3) for i in range(40)}
    assert judged(net, more).verdict is Verdict.OK


def test_shapes_that_differ_are_told():
    told = judged(toys.mlp(), trained(toys.mlp((20, 99, 99, 5))))
    assert told.verdict in (Verdict.BAD, Verdict.HINT)
    assert told.why == "5 names fit but not their shapes: `0.weight` is (32, 20) here and (99, 20) there"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("weights.pt", "`state` is a str, not a state dict; give what `torch.load` returned"),
        ({"epoch": 3}, "`state` holds no weights; give the state dict that you loaded"),
    ],
)
def test_what_is_no_state_dict_is_told_in_one_sentence(state, told):
    finding = judged(toys.mlp(), state)
    assert (finding.verdict, finding.message) == (Verdict.SKIPPED, told)
