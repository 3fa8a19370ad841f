"""The layers that read the input: found through views, norms and products, and laid out as the input is."""

import pytest
import torch
from torch import nn

from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.probes.passes.activity import activity
from nbrecipe.probes.weights.filters import filters, state_of
from nbrecipe.probes.weights.first_layer import examples, first_layers


def bench(net, *inputs, **more):
    return Bench(model=net, batch=(*inputs, torch.zeros(len(inputs[0])).long()), loss_fn=nn.CrossEntropyLoss(), **more)


def only(net, *inputs):
    given = bench(net, *inputs)
    with given.untouched():
        (layer,) = first_layers(given)
    return layer


def images(channels=3, side=8, rows=6):
    return torch.randn(rows, channels, side, side, generator=torch.Generator().manual_seed(0))


class Through(nn.Module):
    """A linear layer behind whatever moves the input."""

    def __init__(self, move, inputs, norm=False):
        super().__init__()
        self.move, self.norm, self.layer = move, nn.LayerNorm(inputs) if norm else nn.Identity(), nn.Linear(inputs, 5)

    def forward(self, x):
        out = self.layer(self.norm(self.move(x)))
        return out if out.ndim == 2 else out.mean(1)


def patches(x):
    rows = x.reshape(len(x), 3, 2, 4, 2, 4).permute(0, 2, 4, 3, 5, 1)
    return rows.reshape(len(x), 4, 48)


MOVES = {
    "flat": (lambda x: x.flatten(1), 192, (3, 8, 8)),
    "scaled": (lambda x: ((x.float() - 0.5) / 0.2).view(len(x), -1), 192, (3, 8, 8)),
    "patches, colours last": (patches, 48, (3, 4, 4)),
    "rows": (lambda x: x[:, 0], 8, (1, 1, 8)),
    "a crop": (lambda x: x[:, :, 2:6, 1:7].flatten(1), 72, (3, 4, 6)),
}


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("name", MOVES)
def test_columns_of_a_linear_layer_are_laid_out_as_the_pixels_they_multiply(name, norm):
    move, inputs, shape = MOVES[name]
    net = Through(move, inputs, norm)
    layer = only(net, images())
    assert layer.weight.shape == (5, *shape)
    assert layer.path == "layer"
    # a column's place in the picture is where its pixel is
    x = torch.zeros(1, 3, 8, 8)
    top, left = (2, 1) if name == "a crop" else (0, 0)
    channel, row, column = shape[0] - 1, shape[1] - 1, shape[2] - 2
    x[0, channel, top + row, left + column] = 1
    given = move(x).reshape(-1, inputs)[0] if name != "scaled" else x.flatten(1)[0]
    assert torch.allclose(net.layer.weight.detach() @ given, layer.weight[:, channel, row, column])


def test_channels_last_are_moved_to_the_front():
    layer = only(nn.Sequential(nn.Flatten(), nn.Linear(192, 5)), images().permute(0, 2, 3, 1))
    assert layer.weight.shape == (5, 3, 8, 8)


def test_vectors_and_latent_noise_are_no_pictures():
    assert only(nn.Linear(64, 5), torch.randn(6, 64)).columns is None
    assert only(nn.Linear(64, 5), torch.randn(6, 64)).patches is None


@pytest.mark.parametrize(
    ("net", "x", "kind", "shape"),
    [
        (nn.Conv2d(3, 4, 5), images(), "conv2d", (4, 3, 5, 5)),
        (nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, (3, 5))), images(), "conv2d", (4, 3, 3, 5)),
        (nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 5)), images(), "conv2d", (4, 3, 5, 5)),
        (nn.Conv2d(3, 6, 5, groups=3), images(), "conv2d", (6, 1, 5, 5)),
        (nn.Conv1d(2, 4, 7), torch.randn(6, 2, 20), "conv1d", (4, 2, 1, 7)),
        (nn.Conv3d(1, 4, 3), torch.randn(6, 1, 5, 5, 5), "conv3d", (4, 3, 3, 3)),
        (nn.Embedding(9, 4), torch.randint(9, (6, 5)), "embedding", (9, 4)),
        (nn.EmbeddingBag(9, 4), torch.randint(9, (6, 5)), "embedding_bag", (9, 4)),
    ],
)
def test_every_kind_of_first_layer_is_found(net, x, kind, shape):
    layer = only(net, x)
    assert (layer.kind, tuple(layer.weight.shape)) == (kind, shape)
    if kind.startswith("conv"):
        assert layer.patches.shape[1:] == shape[1:]


def test_a_layer_for_each_input_and_none_behind_them():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.image, self.words, self.head = nn.Conv2d(3, 8, 8), nn.Embedding(9, 8), nn.Linear(8, 3)

        def forward(self, image, words):
            return self.head(self.image(image).flatten(1) + self.words(words).mean(1))

    given = bench(Two(), images(), torch.randint(9, (6, 4)))
    with given.untouched():
        assert [layer.path for layer in first_layers(given)] == ["image", "words"]


def test_only_a_few_of_many_large_examples_run_through_the_whole_net():
    given = bench(nn.Conv2d(3, 4, 5), torch.randn(64, 3, 128, 128))
    assert len(examples(given)[0]) == 5
    assert len(examples(bench(nn.Linear(4, 2), torch.randn(64, 4)))[0]) == 32


def test_nothing_of_the_users_changes_after_an_exception_either():
    class Fails(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.layer = nn.BatchNorm2d(3), nn.Conv2d(3, 4, 5)

        def forward(self, x):
            self.layer(self.norm(x))
            raise ValueError("no")

    net = Fails().train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    given, rng = bench(net, images()), torch.get_rng_state()
    with pytest.raises(BadInput, match="no"), given.untouched():
        first_layers(given)
    assert net.training
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert torch.equal(rng, torch.get_rng_state())
    assert not net._forward_hooks


def test_before_is_laid_out_alike_and_may_stand_under_a_prefix():
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
    start = {f"module.{key}": value + 1 for key, value in net.state_dict().items()}
    given = bench(net, images().permute(0, 2, 3, 1), pretrained=start)
    with given.untouched():
        seen = filters(given)
    (layer,) = seen.shown.layers
    assert seen.moved[0] > 0.9
    assert torch.allclose(torch.tensor(layer.before), torch.tensor(layer.weights) + 1)


def test_what_holds_no_weights_is_refused_in_one_sentence():
    said = "`start` is of type int; give the model or the state dict kept from before training"
    with pytest.raises(BadInput, match=said):
        state_of(3, "start")
    assert "0.weight" in state_of(nn.Sequential(nn.Linear(2, 2)), "start")
    assert "w" in state_of({"epoch": 3, "model": {"w": torch.zeros(2)}}, "start")


def test_a_map_names_rows_by_the_tokenizer_and_leaves_random_numbers_alone():
    class Words:
        def decode(self, ids):
            return f"word {ids[0]}"

    given = bench(nn.EmbeddingBag(2000, 16), torch.randint(50, (6, 5)), tokenizer=Words())
    rng = torch.get_rng_state()
    seen = filters(given)
    assert torch.equal(rng, torch.get_rng_state())
    (layer,) = seen.shown.layers
    assert layer.names[int(layer.seen.argmax())].startswith("word ")
    assert (len(layer.weights), layer.total) == (600, 2000)
    assert layer.seen.sum() == 30  # those of the batch are all among them


class Masked(nn.Module):
    """Tokens, and a mask that joins in behind their table."""

    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(30, 8), nn.Linear(8, 3)

    def forward(self, tokens, mask):
        kept = mask.unsqueeze(-1).float()
        return self.out((self.table(tokens) * kept).sum(1) / kept.sum(1))


class Conditioned(nn.Module):
    """Numbers beside the row of a table."""

    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(30, 8), nn.Linear(14, 3)

    def forward(self, kind, x):
        return self.out(torch.cat([x, self.table(kind)], 1))


def test_a_mask_that_joins_hidden_values_is_not_read_there():
    given = bench(Masked(), torch.randint(1, 30, (6, 5)), torch.ones(6, 5).long())
    with given.untouched():
        assert [layer.path for layer in first_layers(given)] == ["table"]


def test_numbers_beside_hidden_values_are_read():
    given = bench(Conditioned(), torch.randint(1, 30, (6,)), torch.randn(6, 6))
    with given.untouched():
        assert [layer.path for layer in first_layers(given)] == ["table", "out"]


def test_a_tokenizer_of_another_table_names_no_row():
    class Words:
        def encode(self, text):
            return []

        def decode(self, ids):
            return ["a", "b", "c"][ids[0]]

    given = bench(nn.EmbeddingBag(30, 16), torch.tensor([[1, 2, 17]]), tokenizer=Words())
    with given.untouched():
        assert filters(given).shown.layers[0].names == tuple(map(str, range(30)))
    given = given.replace(batch=(torch.tensor([[1, 2, 2]]), torch.zeros(1).long()))
    with given.untouched():
        assert filters(given).shown.layers[0].names[:4] == ("a", "b", "c", "3")


def test_a_graph_that_cannot_be_cut_is_read_whole():
    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(12, 16)
            self.register_buffer("edges", torch.eye(40))

        def forward(self, x):
            return self.edges @ self.first(x)

    given = bench(Graph(), torch.randn(40, 12))
    (layer,) = first_layers(given)
    assert layer.path == "first"
    assert activity(given).size == 40
    with pytest.raises(BadInput, match="whose input is \\(8, 12\\) float32"):
        first_layers(bench(Graph(), torch.randn(8, 12)))
