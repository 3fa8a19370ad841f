"""Weights that are put aside, and what is loaded back."""

from __future__ import annotations

import pytest
from checks.loops import cell

from nbrecipe.finding import Finding
from nbrecipe.registry import get_check
from nbrecipe.runner import run


def found(source: str, setup: str = "", every: int | None = None) -> Finding:
    return run(get_check("aliased-checkpoint"), cell(source, setup, every=every)[0]).finding


LOOP = """
import copy
best = math.inf
for epoch in range(4):
    for xb, yb in train_dl:
        opt.zero_grad(); loss = loss_fn(net(xb), yb); loss.backward(); opt.step()
    val = loss.item() + epoch
    if val < best:
        best, state = val, {taken}
{after}
"""
ALIASES = [
    "net.state_dict()",
    "net.state_dict().copy()",
    "copy.copy(net.state_dict())",
    "dict(net.state_dict())",
    "{k: v for k, v in net.state_dict().items()}",
    "{k: v.cpu() for k, v in net.state_dict().items()}",
]
COPIES = ["copy.deepcopy(net.state_dict())", "{k: v.clone() for k, v in net.state_dict().items()}"]


@pytest.mark.parametrize("taken", ALIASES)
@pytest.mark.parametrize("after", ["net.load_state_dict(state)", ""], ids=["loaded", "kept"])
def test_aliases(taken, after):
    finding = found(LOOP.format(taken=taken, after=after))
    assert finding.verdict == "bad"
    assert finding.code == "state = copy.deepcopy(net.state_dict())"


@pytest.mark.parametrize("taken", COPIES)
@pytest.mark.parametrize("after", ["net.load_state_dict(state)", ""], ids=["loaded", "kept"])
def test_copies(taken, after):
    assert found(LOOP.format(taken=taken, after=after)).verdict == ("ok" if after else "skipped")


def test_local_variables_of_a_function_count():
    body = LOOP.format(taken="net.state_dict()", after="net.load_state_dict(state)").replace("\n", "\n    ")
    assert found(f"def fit():{body}\nfit()").verdict == "bad"


def test_the_state_of_an_object():
    source = """
class Stopper:
    best, state = math.inf, None
    def __call__(self, val):
        if val < self.best:
            self.best, self.state = val, net.state_dict()
stop = Stopper()
for epoch in range(4):
    for xb, yb in train_dl:
        opt.zero_grad(); loss = loss_fn(net(xb), yb); loss.backward(); opt.step()
    stop(loss.item() + epoch)
"""
    assert found(source).verdict == "hint"
    assert found(source + "net.load_state_dict(stop.state)").verdict == "bad"


def test_what_is_saved_on_the_spot_is_no_fault():
    source = LOOP.format(taken="net.state_dict()", after="").replace(
        "net.state_dict()\n", "net.state_dict(); torch.save(state, io.BytesIO())\n"
    )
    assert found(source, "import io").verdict == "hint"


def test_a_cell_that_loads_what_an_earlier_one_kept_is_a_hint():
    assert found("net.load_state_dict(best)", "best = net.state_dict()").verdict == "hint"


def test_a_load_from_the_model_itself_is_left_alone():
    assert found("net.load_state_dict(net.state_dict())").verdict == "ok"
