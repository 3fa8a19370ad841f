"""The signal, measured: known sizes come out, every kind of model is watched, nothing stays behind."""

import math

import pytest
import torch
from torch import nn
from torch.utils import checkpoint

from nbrecipe import toys
from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.probes.passes.flow import flow, line_for
from nbrecipe.probes.passes.passage import Layer
from nbrecipe.probes.passes.signal import is_fresh, quiet_units, signal
from nbrecipe.probes.passes.statistics import ENOUGH, thinned

ROWS = torch.randn(256, 20, generator=toys.seeded(3))


def bench(model, x=ROWS, size=64, **more):
    y = torch.arange(len(x)) % 5
    return toys.bench(model, x, y, nn.CrossEntropyLoss(), size=size, **more)


def seen(model, x=ROWS, **more):
    made = bench(model, x, **more)
    with made.untouched():
        return made.once(signal)


def normal(layer, std, seed=0):
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=toys.seeded(seed)) * std)
        layer.bias.zero_()
    return layer


def test_a_linear_layer_multiplies_the_variance_by_fan_in_and_weight_variance():
    net = nn.Sequential(normal(nn.Linear(20, 2000), 0.3), nn.ReLU(), normal(nn.Linear(2000, 5), math.sqrt(2 / 2000)))
    first, last = seen(net, size=256).layers
    assert first.variance_in == pytest.approx(1, rel=0.1)
    assert first.variance / first.variance_in == pytest.approx(20 * 0.09, rel=0.1)
    assert last.moment_in == pytest.approx(first.moment / 2, rel=0.05)  # ReLU halves the second moment
    assert last.variance_in == pytest.approx(first.variance * (0.5 - 1 / (2 * math.pi)), rel=0.05)


def test_fans_and_the_sizes_of_xavier_and_he():
    layers = seen(nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 5))).layers
    assert [(layer.path, layer.kind, layer.fan_in, layer.fan_out) for layer in layers] == [
        ("0", "linear", 20, 32),
        ("2", "linear", 32, 5),
    ]
    assert layers[0].he_std == pytest.approx(math.sqrt(2 / 20))
    assert layers[0].xavier_std == pytest.approx(math.sqrt(2 / 52))
    assert layers[0].weight_std == pytest.approx(1 / math.sqrt(3 * 20), rel=0.1)  # torch's own: uniform ± 1/sqrt(n)
    conv = Layer("c", "conv2d", fan_in=9 * 3, fan_out=9 * 8)
    watched = seen(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 5)), torch.randn(64, 3, 8, 8))
    assert (watched.layers[0].fan_in, watched.layers[0].fan_out) == (conv.fan_in, conv.fan_out)


def test_gradients_are_those_of_the_loss_by_each_output():
    net = toys.mlp()
    kept = {}

    def keep(name):
        return lambda module, args, out: out.retain_grad() or kept.setdefault(name, out)

    handles = [net[i].register_forward_hook(keep(i)) for i in (0, 2, 4)]
    given = bench(net)
    nn.functional.cross_entropy(net(given.batch[0]), given.batch[1]).backward()
    for handle in handles:
        handle.remove()
    net.zero_grad()
    measured = [layer.gradient for layer in seen(net).layers]
    assert measured == pytest.approx([float(out.grad.square().sum()) for out in kept.values()], rel=1e-4)


def test_units_are_named_and_shares_counted():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(20, 40), nn.Linear(40, 40), nn.Linear(40, 5)
            nn.init.constant_(self.b.bias[:10].detach(), -50.0)

        def forward(self, x):
            return torch.softmax(self.c(self.b(torch.tanh(100 * self.a(x))).relu()), 1)

    tanh, relu = seen(Net()).units
    assert (tanh.kind, tanh.after, relu.kind, relu.after) == ("tanh", "a", "relu", "b")
    assert tanh.share_saturated > 0.9
    assert int(relu.off.sum()) == 10
    assert not tanh.final


@pytest.mark.parametrize("size", [ENOUGH // 2, 8 * ENOUGH])
def test_thinning_keeps_every_example_and_the_mean(size):
    values = torch.randn(64, 16, size // 1024, generator=toys.seeded()) + torch.linspace(0, 1, size // 1024)
    few = thinned(values, 0)
    assert few.shape[0] == 64
    assert few.numel() <= max(4 * ENOUGH, ENOUGH)
    assert float(few.mean()) == pytest.approx(float(values.mean()), abs=0.02)


def test_units_off_in_one_batch_are_looked_at_in_more():
    x = torch.ones(256, 4)
    x[64:] = -1  # the first batch is one side only
    net = nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Linear(40, 5))
    nn.init.zeros_(net[0].bias)
    given = bench(net, x)
    with given.untouched():
        alone = given.once(signal)
        more, examples = quiet_units(given)
    assert alone.units[0].share_off > 0.2
    assert more.units[0].share_off == 0
    assert examples == 256


def test_the_model_is_measured_in_train_mode_without_dropout_and_frozen_parts_as_they_are():
    modes = {}

    class Spy(nn.Identity):
        def forward(self, x):
            modes.update({name: module.training for name, module in net.named_modules()})
            return x

    net = nn.Sequential(nn.Linear(20, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.BatchNorm1d(8), Spy(), nn.Linear(8, 5))
    net.eval()
    net[3].requires_grad_(False)
    seen(net)
    assert modes["1"]
    assert not modes["2"]
    assert not modes["3"]
    assert not any(module.training for module in net.modules())


def test_nothing_stays_behind():
    net = toys.mlp()
    seen(net)
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in net.modules())
    assert all(p.grad is None for p in net.parameters())


class Recurrent(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell, self.head = cell(20, 12, batch_first=True), nn.Linear(12, 5)

    def forward(self, x):
        return self.head(self.cell(x.unsqueeze(1))[0][:, -1])


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(20, 2, batch_first=True), nn.Linear(20, 5)

    def forward(self, x):
        x = x.unsqueeze(1)
        return {"logits": self.head(self.attention(x, x, x)[0][:, 0]), "extra": None}


class Raw(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Parameter(torch.randn(20, 16) / 4)
        self.outer = nn.Parameter(torch.randn(16, 5) / 4)

    def forward(self, x):
        return torch.relu(x @ self.inner) @ self.outer


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(20, 8, dtype=torch.complex64)
        self.b = nn.Linear(8, 5, dtype=torch.complex64)

    def forward(self, x):
        return self.b(torch.tanh(self.a(x.to(torch.complex64)))).abs()


class Mapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = toys.mlp((20, 8, 5))

    def forward(self, x):
        return torch.func.vmap(self.inner)(x) + self.inner(x)


class Checkpointed(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.head = nn.Linear(20, 8), nn.Linear(8, 5)

    def forward(self, x):
        return self.head(checkpoint.checkpoint(lambda x: self.inner(x).relu(), x, use_reentrant=False))


@pytest.mark.parametrize(
    ("make", "paths"),
    [
        (lambda: Recurrent(nn.LSTM), ["cell", "head"]),
        (lambda: Recurrent(nn.GRU), ["cell", "head"]),
        (Attending, ["attention", "head"]),
        (Raw, ["inner", "outer"]),
        (Complex, ["a", "b"]),
        (Checkpointed, ["inner", "head"]),
        (lambda: nn.DataParallel(toys.mlp((20, 8, 5))), ["0", "2"]),
        (lambda: torch.compile(toys.mlp((20, 8, 5)), backend="eager"), ["0", "2"]),
        (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(20, 5)), [""]),
        (lambda: nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(20, 8)), nn.Linear(8, 5)), ["0", "1"]),
    ],
)
def test_models_of_every_kind_are_watched(make, paths):
    torch.manual_seed(0)
    measured = seen(make())
    assert [layer.path for layer in measured.weighted] == paths
    assert measured.no_gradient == ""
    assert all(math.isfinite(layer.moment) for layer in measured.layers)


def test_values_inside_vmap_are_left_alone():
    assert [layer.path for layer in seen(Mapped()).layers]


def test_tied_weights_and_token_inputs():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(30, 16), nn.Linear(16, 30, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, ids):
            return self.head(self.embed(ids))[:, :5]

    ids = torch.randint(30, (256,), generator=toys.seeded())
    assert [layer.kind for layer in seen(Tied(), ids).layers] == ["embedding"]  # one weight, measured at its first call


def test_sparse_embeddings_and_frozen_models():
    net = nn.Sequential(nn.EmbeddingBag(30, 8, sparse=True), nn.Linear(8, 5))
    assert seen(net, torch.randint(30, (256, 4)), optimizer=None).no_gradient == ""
    assert seen(toys.mlp().requires_grad_(False)).no_gradient == "no parameter is trainable"


def test_without_a_loss_the_gradient_is_that_of_a_random_projection():
    given = Bench(model=toys.mlp(), batch=(ROWS[:64], torch.zeros(64)))
    with given.untouched():
        assert all(layer.gradient for layer in given.once(signal).layers)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(5)),
            "the lazy layer `1` of the model has no weights yet; pass one batch through it first",
        ),
        (lambda: torch.jit.script(toys.mlp((20, 8, 5))), "`net` ran no layer that can be watched"),
    ],
)
def test_what_cannot_be_watched_is_told_in_one_sentence(make, told):
    given = bench(make())
    with pytest.raises(BadInput) as error, given.untouched():
        given.once(signal)
    assert str(error.value) == told


def test_a_model_that_an_optimizer_has_moved_is_not_fresh():
    given = bench(toys.mlp())
    assert is_fresh(given)
    given.loss_fn(given.model(given.batch[0]), given.batch[1]).backward()
    given.optimizer.step()
    assert not is_fresh(given)
    assert not is_fresh(given.replace(optimizer=None, pretrained={"a": torch.ones(1)}))


def test_the_flow_starts_anew_behind_a_normalisation():
    deep = [layer for _ in range(4) for layer in (nn.Linear(20, 20), nn.ReLU())]
    plain = flow(seen(nn.Sequential(*deep, nn.Linear(20, 5))))
    normed = flow(seen(nn.Sequential(*deep, nn.LayerNorm(20), nn.Linear(20, 5))))
    assert plain.hidden < 0.05
    assert len(plain.layers) == 5
    assert normed.normed
    assert len(normed.layers) == 1
    assert flow(seen(nn.Linear(20, 5))) is None


def test_the_lines_to_paste_name_the_layer_or_the_kind_of_layers():
    layers = [Layer("0", "linear", "0.weight"), Layer("body.2", "conv2d", "body.2.weight")]
    assert line_for("net", layers[:1], []) == 'nn.init.kaiming_normal_(net[0].weight, nonlinearity="relu")'
    assert line_for("net", layers[1:], ["tanh"]) == (
        'nn.init.xavier_normal_(net.body[2].weight, gain=nn.init.calculate_gain("tanh"))'
    )
    assert line_for("net", layers, ["relu"]) == (
        "for layer in net.modules():\n"
        "    if isinstance(layer, (nn.Conv2d, nn.Linear)):\n"
        '        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")'
    )
