"""What each layer puts out: which outputs are a layer's, what is counted, and that nothing of it is kept or changed."""

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.probes.passes.activity import Activity, activity
from nbrecipe.probes.passes.artifacts import odd


def seen(net, x, chosen=(0, 1, 2)):
    given = Bench(model=net, batch=(x, torch.zeros(len(x)).long()), loss_fn=nn.CrossEntropyLoss())
    with given.untouched():
        return Activity(chosen)(given)[0]


class Block(nn.Module):
    """A residual block that adds in place."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.second(self.relu(self.norm(self.first(x))))
        out += x + 100
        return self.relu(out).mean((2, 3))


def test_a_row_is_a_layer_with_what_follows_it_directly_and_not_with_what_is_added_later():
    rows = {layer.path: layer for layer in seen(Block(), torch.randn(8, 3, 9, 9)).layers}
    assert [layer.kind for layer in rows.values()] == ["conv2d → batch_norm → relu", "conv2d", "relu"]
    assert list(rows) == ["first", "second", "relu"]
    assert rows["second"].high < 50 < rows["relu"].low
    assert rows["first"].low == 0


def test_functionals_are_seen_as_modules_are():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 2)

        def forward(self, x):
            return self.b(nn.functional.dropout(torch.tanh(self.a(x)), 0.5, self.training).view(len(x), -1).relu())

    first, second = seen(Functional(), torch.randn(8, 4)).layers
    assert (first.kind, first.units) == ("linear → tanh → relu", 6)
    assert (second.kind, second.shape) == ("linear", (2,))


def test_numbers_are_those_of_the_outputs():
    net, x = toys.convnet(norm=False), torch.randn(16, 1, 8, 8)
    out = torch.relu(net[0](x)).detach()
    layer = seen(net.eval(), x).layers[0]
    assert layer.mean == pytest.approx(float(out.mean()), rel=1e-4)
    assert layer.std == pytest.approx(float(out.std(correction=0)), rel=1e-4)
    assert layer.zeros == pytest.approx(float((out == 0).float().mean()))
    assert (layer.low, layer.high) == (0, pytest.approx(float(out.max())))
    assert layer.counts.sum() == out.numel()
    assert layer.maps.shape == (3, 8, 8, 8)
    assert torch.allclose(torch.tensor(layer.maps).float(), out[:3][:, list(layer.channels)], atol=1e-2)


def test_dead_and_saturated_units_are_counted():
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.Tanh())
    with torch.no_grad():
        net[0].bias[:2] = -100
        net[2].bias.fill_(100)
    first, second = seen(net, torch.randn(32, 4)).layers
    assert (first.off, first.units) == (2, 6)
    assert second.saturated == 1


def test_pictures_fit_what_comes_out():
    lm = toys.next_token()
    with lm.untouched():
        tokens = activity(lm).layers[0]
    assert (tokens.maps.shape, tokens.axes) == ((3, 1, 16, 32), ("position", "unit"))
    rows = seen(nn.Linear(4, 100), torch.randn(40, 4)).layers[0]
    assert (rows.maps.shape, rows.axes) == ((1, 1, 16, 48), ("example", "unit"))
    large = seen(nn.Conv2d(1, 40, 3), torch.randn(4, 1, 120, 60)).layers[0]
    assert large.maps.shape == (3, 12, 24, 12)


def test_recurrent_and_repeated_layers_are_counted_and_the_first_call_is_shown():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(self.layer(x)).relu()

    layer, unit = seen(Twice(), torch.randn(8, 4)).layers
    assert (layer.calls, layer.kind, unit.kind) == (2, "linear", "relu")
    (lstm,) = seen(nn.LSTM(4, 6, batch_first=True), torch.randn(8, 5, 4)).layers
    assert lstm.shape == (5, 6)


def test_what_is_not_finite_is_told_and_drawn():
    (layer,) = seen(nn.Linear(4, 4), torch.full((8, 4), float("nan"))).layers
    assert layer.broken == 1
    assert layer.counts.sum() == 0


def test_batch_norm_without_statistics_takes_those_of_the_batch_and_the_users_stay():
    net = toys.convnet(dropout=0.5).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    shown = seen(net, torch.randn(16, 1, 8, 8) * 5 + 3)
    assert shown.notes == ("batch norm has seen no batch yet: it takes the statistics of this one",)
    assert net.training
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    net(torch.randn(16, 1, 8, 8))
    assert seen(net, torch.randn(16, 1, 8, 8)).notes == ()


def test_an_error_of_the_model_is_one_sentence_and_no_hook_stays():
    net = toys.mlp()
    with pytest.raises(BadInput):
        seen(net, torch.randn(8, 3))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def smooth(count=8, channels=6, side=16):
    noise = torch.randn(count, channels, side + 4, side + 4, generator=torch.Generator().manual_seed(0))
    return nn.functional.avg_pool2d(noise, 5, stride=1) * 5


def counted(maps, inputs=None):
    found = odd(maps, inputs)
    return int(found.constant.sum()), int(found.checkerboard.sum()), int(found.border.sum())


def test_each_kind_of_odd_channel_is_found_and_smooth_ones_are_not_odd():
    maps = smooth()
    assert counted(maps) == (0, 0, 0)
    maps[:, 0] = 0.7
    maps[:, 1, ::2, 1::2] += 2
    maps[:, 2] *= 0.1
    maps[:, 2, 0], maps[:, 2, -1], maps[:, 2, :, 0], maps[:, 2, :, -1] = 3, 3, 3, 3
    assert counted(maps) == (1, 1, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(8, 6, 16, 16),  # dead, for another check
        lambda: torch.randn(8, 6, 16, 16),
        lambda: torch.relu(torch.randn(8, 6, 16, 16) - 2),
        lambda: smooth().repeat_interleave(2, 2).repeat_interleave(2, 3),
        lambda: smooth() + 50,
        lambda: nn.functional.pad(smooth(side=14), (1, 1, 1, 1)),  # a border of nothing, as digits have
        lambda: (
            (torch.arange(16)[:, None] % 2 == torch.randint(2, (8, 6, 1, 1))).float().expand(8, 6, 16, 16)
            * torch.randint(2, (8, 6, 1, 1))
        ),  # stripes that stand elsewhere in every example
    ],
)
def test_maps_that_only_look_odd_are_not(make):
    torch.manual_seed(3)
    assert counted(make())[0] == 0
    assert counted(make())[2] == 0


def test_what_the_inputs_show_is_not_held_against_a_layer():
    board = smooth()
    board[..., ::2, ::2] += 3
    assert counted(board)[1] == 6
    assert counted(board, odd(board))[1] == 0
    assert odd(torch.randn(8, 3, 7, 30)) is None


def test_units_are_counted_before_maps_are_laid_flat():
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 3))
    bench = toys.bench(net, torch.rand(20, 1, 8, 8), torch.arange(20) % 3, nn.CrossEntropyLoss())
    with bench.untouched():
        first, last = activity(bench).layers
    assert (first.kind, first.shape, first.units) == ("conv2d → relu", (8, 6, 6), 8)
    assert (last.kind, last.units) == ("linear", 3)


def test_pictures_keep_the_shape_of_what_they_show():
    net = nn.Conv2d(3, 4, 3, padding=1)
    given = Bench(model=net, batch=(torch.rand(4, 3, 48, 96), torch.zeros(4)), loss_fn=nn.MSELoss())
    with given.untouched():
        seen = activity(given)
    assert seen.layers[0].maps.shape == (3, 4, 12, 24)
    assert seen.inputs.shape == (3, 24, 48, 3)
