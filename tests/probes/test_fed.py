"""What goes into a model is taken where it enters, and everything of the user's stays as it was."""

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.probes.batch.fed import fed, take


class Sees(nn.Module):
    """Takes an image and, by name, a number."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 2)

    def forward(self, image, age=None):
        return self.body(image.flatten(1)) + (0 if age is None else age)


class WritesInto(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(3, 2)

    def forward(self, x):
        x.div_(255)
        return self.body(x)


def taken(model, batch, loss_fn=None, **more):
    bench = Bench(model=model, batch=batch, loss_fn=loss_fn, **more)
    with bench.untouched():
        return fed(bench)


def test_arguments_carry_their_names():
    batch = {"image": torch.rand(5, 2, 2), "age": torch.rand(5, 1), "target": torch.zeros(5, 2)}
    seen = taken(Sees(), batch, nn.MSELoss())
    assert [name for name, _ in seen.tensors()] == ["image", "age"]
    assert (seen.size, seen.calls, seen.failed, seen.finite) == (5, 1, "", True)


def test_what_a_hook_of_the_users_makes_of_it_is_seen():
    model = nn.Sequential(nn.Linear(3, 2))
    model.register_forward_pre_hook(lambda module, args: (args[0] * 10,))
    seen = taken(model, (torch.ones(4, 3), torch.zeros(4, 2)), nn.MSELoss())
    assert dict(seen.tensors())["input"].max() == 10
    assert len(model._forward_pre_hooks) == 1


def test_a_model_that_writes_into_its_input_does_not_reach_the_batch():
    batch = (torch.full((4, 3), 255.0), torch.zeros(4, 2))
    seen = taken(WritesInto(), batch, nn.MSELoss())
    assert dict(seen.tensors())["x"].max() == 255
    assert batch[0].min() == 255


def test_a_step_that_fails_is_told_and_what_entered_is_kept():
    seen = taken(nn.Linear(3, 2), (torch.ones(4, 5), torch.zeros(4, 2)), nn.MSELoss())
    assert "mat1 and mat2 shapes cannot be multiplied" in seen.failed
    assert dict(seen.tensors())["input"].shape == (4, 5)


def test_a_model_that_cannot_be_called_with_the_batch_is_refused_in_one_sentence():
    with pytest.raises(BadInput, match="the model cannot be called with this batch: "):
        taken(Sees(), {"pixels": "none"}, lambda model, batch: {}["x"])


def test_the_hook_goes_after_an_error_too():
    model = nn.Linear(3, 2)
    taken(model, (torch.ones(4, 5), torch.zeros(4, 2)), nn.MSELoss())
    assert not model._forward_pre_hooks


def test_a_lazy_model_gets_no_weights():
    model = nn.Sequential(nn.LazyLinear(4))
    seen = taken(model, (torch.ones(4, 5), torch.zeros(4)), nn.MSELoss())
    assert isinstance(model[0].weight, nn.parameter.UninitializedParameter)
    assert seen.size == 4


def test_a_scripted_model_shows_what_it_is_called_with():
    model = torch.jit.script(nn.Linear(3, 2))
    seen = taken(model, (torch.ones(4, 3), torch.zeros(4, 2)), nn.MSELoss())
    assert seen.unseen.startswith("a scripted model takes no hook")
    assert [tensor.shape for _, tensor in seen.tensors()] == [(4, 3)]


def test_a_loss_that_runs_the_model_twice_is_said():
    def loss(model, batch):
        return (model(batch[0]) - model(batch[0] * 2)).square().mean()

    seen = taken(nn.Linear(3, 2), (torch.ones(4, 3), torch.zeros(4)), loss)
    assert seen.calls == 2


def test_without_whole_the_model_does_not_run():
    ran = []
    model = nn.Linear(3, 2)
    model.register_forward_hook(lambda *_: ran.append(1))
    bench = Bench(model=model, batch=None, loss_fn=nn.MSELoss())
    take(bench, (torch.ones(4, 3), torch.zeros(4, 2)), whole=False)
    assert ran == []


class Graph:
    """As a library for graphs has it."""

    def __init__(self):
        self.x, self.edge_index, self.y = torch.ones(6, 3), torch.zeros(2, 9, dtype=torch.long), torch.zeros(6)


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(3, 2)

    def forward(self, data):
        data.x = self.body(data.x)
        return data.x


def test_an_object_of_its_own_kind_is_given_whole_and_not_written_to():
    batch = Graph()
    seen = taken(Conv(), batch, lambda out, y: out.sum())
    assert {name for name, _ in seen.tensors()} == {"data.x", "data.edge_index", "data.y"}
    assert batch.x.shape == (6, 3)


# ---- where inputs meet weights -------------------------------------------------------------------------------------


class Divides(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(1, 4, 3), nn.LayerNorm(36), nn.Linear(144, 2)

    def forward(self, x):
        x = self.conv(x / 255)
        return self.head(self.norm(x.flatten(2)).flatten(1))


@pytest.mark.parametrize(
    ("model", "shape", "kind", "path", "normed"),
    [
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)), (4, 1, 8, 8), "conv2d", "0", True),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)), (4, 1, 8, 8), "conv2d", "0", False),
        (nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3)), (4, 1, 8, 8), "norm", "", False),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), (4, 1, 8, 8), "linear", "1", False),
        (nn.LSTM(3, 5, batch_first=True), (4, 7, 3), "lstm", "", False),
        (Divides(), (4, 1, 8, 8), "conv2d", "conv", True),
    ],
)
def test_the_first_layer_is_named_with_what_comes_behind(model, shape, kind, path, normed):
    seen = taken(model, (torch.rand(shape), torch.zeros(4)), lambda out, target: 0)
    entry = seen.entries[0]
    assert (entry.kind, entry.path, entry.normed) == (kind, path, normed)


def test_an_entry_has_the_values_after_the_models_own_division():
    x = torch.full((4, 1, 8, 8), 255.0)
    seen = taken(Divides(), (x, torch.zeros(4)), lambda out, target: out.sum())
    assert torch.equal(seen.entries[0].values, x / 255)


def test_ids_meet_a_table():
    given = toys.next_token()
    with given.untouched():
        entry = fed(given).entries[0]
    assert (entry.source, entry.kind, entry.path) == ("ids", "embedding", "tokens")
