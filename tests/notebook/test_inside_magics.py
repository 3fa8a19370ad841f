"""`%filters` and `%activations`: what they return, what they refuse in one sentence, and that nothing changes."""

import pytest
import torch
from shells import do, refused

import nbrecipe
from nbrecipe.batches import BadInput

CELL = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
x = nn.functional.avg_pool2d(torch.randn(96, 1, 16, 16), 5, stride=1)
y = torch.randint(3, (96,))
train_dl = DataLoader(TensorDataset(x, y), batch_size=32)
criterion = nn.CrossEntropyLoss()
net = nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 64, 3))
"""
TRAINING = """
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for xb, yb in train_dl:
    optimizer.zero_grad()
    criterion(net(xb), yb).backward()
    optimizer.step()
"""


def test_filters_are_shown_and_returned(notebook):
    answer, said = do(notebook, "%filters")
    assert str(answer).startswith("Filters of `net`: ")
    assert "net[0]: 16 filters of 5 × 5, norms " in str(answer)
    assert said.outputs or said.stdout
    (result,) = answer
    assert (result.id, result.verdict.value) == ("noisy-filters", "skipped")
    assert answer.shown.layers[0].weights.shape == (16, 1, 5, 5)


def test_what_was_seen_before_training_is_shown_beside_what_came_of_it(notebook):
    first, _ = do(notebook, "%filters net")
    do(notebook, TRAINING)
    second, _ = do(notebook, "%filters net")
    assert (first.shown.before, second.shown.before) == ("", "as first seen")
    then = first.shown.layers[0].weights[first.shown.layers[0].rows.argsort()]
    assert (second.shown.layers[0].before == then[second.shown.layers[0].rows]).all()


def test_another_init_in_between_is_no_training(notebook):
    do(notebook, "%filters net")
    do(notebook, "nn.init.normal_(net[0].weight);")
    answer, _ = do(notebook, "%filters net")
    assert answer.shown.before == ""
    assert answer.ok


def test_before_takes_a_model_or_a_state_dict(notebook):
    do(notebook, "import copy\nold = copy.deepcopy(net)\nstate = {k: v.clone() for k, v in net.state_dict().items()}")
    do(notebook, TRAINING)
    for name in ("old", "state"):
        answer, _ = do(notebook, f"%filters net --before {name}")
        assert answer.shown.before == name
        assert answer.shown.layers[0].before is not None


def test_activations_are_shown_for_the_examples_chosen(notebook):
    answer, _ = do(notebook, "%activations net --examples 4,1")
    assert answer.seen.examples == (4, 1)
    assert [layer.kind for layer in answer.seen.layers] == ["conv2d → relu", "linear"]
    assert [result.id for result in answer] == ["dead-units", "saturated-units", "activation-artifacts"]
    assert "net[0]" in str(answer)


def test_activations_take_a_batch_as_the_second_word(notebook):
    answer, _ = do(notebook, "%activations net (x[:5],y[:5])")
    named, _ = do(notebook, "%activations net --batch (x[:5],y[:5])")
    whole, _ = do(notebook, "%activations net")
    rows = [str(one).partition("\n")[2] for one in (answer, named, whole)]
    assert rows[0] == rows[1] != rows[2]


def test_a_semicolon_silences_and_out_assigns(notebook):
    for magic in ("filters", "activations"):
        answer, said = do(notebook, f"%{magic} net -o kept;")
        assert (answer, said.outputs) == (None, [])
        assert notebook.user_ns["kept"].seconds > 0


REFUSED = {
    "%filters --before 3": "`3` is of type int; give the model or the state dict kept from before training",
    "%filters --before nothing": "there is no `nothing` here",
    "%filters nn.Flatten()": "no layer of `model` multiplies this batch by weights, so there are no filters",
    "%activations nn.Flatten()": "`model` ran no layer with weights on this batch, so there is nothing to show",
    "%activations --examples 0,x": "--examples takes rows of the batch, as in 0,3,5; `0,x` is none",
    "%activations --examples 99": (
        "examples are rows of the batch from 0 to 31 (the first 32 are read); 99 is none of them"
    ),
    "%filters net --shape 8": "--shape takes height and width, or channels before them, as in 8x8; `8` is neither",
    "%filters net --shape 9x9": "no first layer of `net` reads flat rows of 9 × 9 = 81 numbers",
    "%activations --layers 3": "%activations has no --layers; %activations? shows what it has",
}


@pytest.mark.parametrize("line", [line for line in REFUSED if "Flatten" not in line])
def test_errors_of_use_are_one_sentence(notebook, line):
    assert refused(notebook, line) == REFUSED[line]


def test_a_model_that_fails_on_the_batch_is_one_sentence(notebook):
    do(notebook, "wrong = nn.Linear(3, 3)")
    for magic in ("filters", "activations"):
        assert "\n" not in refused(notebook, f"%{magic} wrong")


def test_the_twins_say_the_same(notebook):
    net, x, y = (notebook.user_ns[name] for name in ("net", "x", "y"))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    rng = torch.get_rng_state()
    shown = nbrecipe.filters(net, batch=(x, y), loss=torch.nn.CrossEntropyLoss())
    seen = nbrecipe.activations(net, batch=(x, y), loss=torch.nn.CrossEntropyLoss(), examples=[7])
    assert (shown.title, seen.title) == ("Filters of `model`", "Activations of `model`")
    assert seen.note == "the first 32 of 96 examples; your model is as it was"
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert torch.equal(rng, torch.get_rng_state())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    with pytest.raises(BadInput, match="give the model or the state dict kept"):
        nbrecipe.filters(net, batch=(x, y), before=7)
    with pytest.raises(BadInput, match="none was given"):
        nbrecipe.activations(net, batch=(x, y), examples=[])
    with pytest.raises(BadInput, match="no model here"):
        nbrecipe.filters(batch=(x, y))


def test_what_has_no_weights_is_refused(notebook):
    x, y = notebook.user_ns["x"], notebook.user_ns["y"]
    for verb, line in (
        (nbrecipe.filters, "%filters nn.Flatten()"),
        (nbrecipe.activations, "%activations nn.Flatten()"),
    ):
        with pytest.raises(BadInput) as told:
            verb(torch.nn.Flatten(), batch=(x, y))
        assert str(told.value) == REFUSED[line]


def test_a_handful_of_examples_does_not_call_units_of_a_trained_net_dead(notebook):
    net, x, y = (notebook.user_ns[name] for name in ("net", "x", "y"))
    loss, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters())
    loss(net(x), y).backward()
    optimizer.step()
    few = nbrecipe.activations(net, batch=(x[:4], y[:4]), loss=loss, optimizer=optimizer)
    many = nbrecipe.activations(net, batch=(x, y), loss=loss, optimizer=optimizer)
    assert [result.id for result in few] == ["saturated-units", "activation-artifacts"]
    assert [result.id for result in many] == ["dead-units", "saturated-units", "activation-artifacts"]


def test_flat_rows_are_laid_out_as_the_images_that_they_are(notebook):
    do(notebook, "flat = nn.Linear(256, 20)\nrows = (x[:, 0].repeat(1, 2, 2)[:, :16, :16].flatten(1), y)")
    plain, _ = do(notebook, "%filters flat --batch rows")
    folded, _ = do(notebook, "%filters flat --batch rows --shape 16x16")
    assert plain.shown.layers[0].form == "curve"
    (layer,) = folded.shown.layers
    assert layer.weights.shape == (20, 1, 16, 16)
    assert (layer.weights.reshape(20, -1) == notebook.user_ns["flat"].weight.detach().numpy()[layer.rows]).all()
