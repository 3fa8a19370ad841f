"""Batches of every kind are read back: what each input is, how it is drawn, what its targets say."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import toys
from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.decoding.normalisation import KNOWN, scale_of
from nbrecipe.pictures.batch import Images, Series, Table, Texts, Token
from nbrecipe.probes.batch.decoded import page
from nbrecipe.probes.batch.fed import fed

G = torch.Generator().manual_seed(0)
CE, MSE = nn.CrossEntropyLoss(), nn.MSELoss()


class Any(nn.Module):
    """Takes whatever comes, and answers a number for each example."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x


class Ids(nn.Module):
    def __init__(self, vocabulary=20):
        super().__init__()
        self.table = nn.Embedding(vocabulary, 4, padding_idx=0)

    def forward(self, input_ids, attention_mask=None, labels=None):
        return self.table(input_ids).mean(1)


class Tok:
    words = ("<pad>", "<unk>", "<s>", "</s>", "the", "film", "<b>fun</b>")
    pad_token_id, unk_token_id = 0, 1

    def encode(self, text):
        return [self.words.index(word) for word in text.split()]

    def decode(self, ids):
        return " ".join(self.words[i] for i in ids)


def read(model, batch, loss_fn=CE, mean=None, std=None, **more):
    bench = Bench(model=model, batch=batch, loss_fn=loss_fn, **more)
    with bench.untouched():
        return page(bench, fed(bench), scale_of(bench, mean, std))


def smooth(*shape):
    return F.avg_pool2d(torch.rand(*shape[:-2], shape[-2] + 4, shape[-1] + 4, generator=G), 5, stride=1)


def loss_of_any(out, target):
    return torch.zeros(())


@dataclasses.dataclass
class Example:
    x: torch.Tensor
    target: torch.Tensor


IMAGES, LABELS = smooth(6, 3, 16, 16), torch.arange(6) % 3
KINDS = {
    "grey images": (nn.Conv2d(1, 2, 3), (smooth(6, 1, 16, 16), LABELS), Images),
    "colour images": (nn.Conv2d(3, 2, 3), (IMAGES, LABELS), Images),
    "bytes": (Any(), ((IMAGES * 255).byte(), LABELS), Images),
    "channels last": (Any(), (IMAGES.permute(0, 2, 3, 1), LABELS), Images),
    "thirteen bands": (nn.Conv2d(13, 2, 3), (smooth(6, 13, 16, 16), LABELS), Images),
    "no channel axis": (nn.Sequential(nn.Flatten(), nn.Linear(144, 3)), (smooth(6, 12, 12), LABELS), Images),
    "laid flat": (nn.Linear(256, 3), (smooth(6, 16, 16).flatten(1), LABELS), Images),
    "images read row by row": (
        nn.Sequential(nn.Flatten(1, 2), nn.GRU(16, 3, batch_first=True)), (smooth(6, 1, 16, 16), LABELS), Images
    ),
    "video": (nn.Conv3d(3, 2, 3), (torch.rand(4, 3, 5, 16, 16), torch.arange(4)), Images),
    "video, time first": (Any(), (torch.rand(4, 9, 3, 16, 16), torch.arange(4)), Images),
    "audio": (nn.Conv1d(1, 2, 9), (torch.randn(4, 1, 900), torch.arange(4)), Series),
    "raw audio": (
        nn.Sequential(nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 2, 9)), (torch.randn(4, 900), torch.arange(4)), Series
    ),
    "time series": (nn.LSTM(3, 5, batch_first=True), (torch.randn(4, 30, 3), torch.rand(4, 1)), Series),
    "channels of a signal": (nn.Conv1d(6, 2, 3), (torch.randn(4, 6, 100), torch.arange(4)), Series),
    "rows": (nn.Linear(10, 3), (torch.randn(6, 10), LABELS), Table),
    "one number": (nn.Linear(1, 1), (torch.randn(6, 1), torch.rand(6, 1)), Table),
    "many columns": (nn.Linear(400, 3), (torch.randn(6, 400), LABELS), Table),
    "ids": (Ids(), (torch.randint(1, 20, (6, 9)), LABELS), Texts),
    "one-hot ids": (
        nn.LSTM(12, 5, batch_first=True), (F.one_hot(torch.randint(12, (4, 7)), 12).float(), torch.rand(4, 1)), Texts
    ),
    "a dict": (
        Ids(), {"input_ids": torch.randint(1, 20, (6, 9)), "attention_mask": torch.ones(6, 9), "labels": LABELS}, Texts
    ),
    "a dataclass": (Any(), Example(IMAGES, LABELS), Images),
    "a list": (Any(), [IMAGES, LABELS], Images),
    "a tensor alone": (Any(), IMAGES, Images),
    "complex numbers": (Any(), (torch.randn(6, 4, dtype=torch.complex64), LABELS), Table),
}  # fmt: skip


@pytest.mark.parametrize(("model", "batch", "kind"), KINDS.values(), ids=KINDS)
def test_every_kind_of_batch_has_its_view_and_its_targets(model, batch, kind):
    loss_fn = None if isinstance(batch, torch.Tensor) else loss_of_any
    seen = read(model, batch, loss_fn)
    assert [type(view) for view in seen.views] == [kind]
    assert seen.tensors[0].role == "input"
    if loss_fn is not None:
        assert seen.tensors[-1].name == "target"
        assert len(seen.views[0].captions) > 0
        assert all(seen.views[0].captions)


def test_lists_of_images_with_boxes():
    images = [torch.rand(3, 40 + 2 * i, 60) for i in range(3)]
    targets = [{"boxes": torch.tensor([[0.0, 10.0, 30.0, 20.0]]), "labels": torch.tensor([i])} for i in range(3)]
    seen = read(Any(), (images, targets), loss_of_any)
    view = seen.views[0]
    assert isinstance(view, Images)
    assert view.captions == ("1 × class 0", "1 × class 1", "1 × class 2")
    box = view.boxes[1][0]
    assert (box.left, box.right, box.label) == (0.0, 0.5, "1")
    assert box.top == pytest.approx(10 / 42)
    assert [line.shape for line in seen.tensors] == ["3 × (3, 40 to 44, 60)", "3 × (1, 4)", "3 × (1,)"]


@pytest.mark.parametrize(
    "mask",
    [
        torch.eye(16).long().expand(6, 16, 16) * 2,
        torch.eye(16).expand(6, 1, 16, 16) * 2,
        F.one_hot(torch.eye(16).long() * 2, 3).permute(2, 0, 1).expand(6, 3, 16, 16).float(),
    ],
)
def test_masks_lie_on_the_images(mask):
    view = read(nn.Conv2d(3, 3, 3), (IMAGES, mask), loss_of_any).views[0]
    assert view.masks[0].shape == view.pixels[0].shape[:2]
    assert (view.masks[0].diagonal() == 2).all()
    assert set(view.classes) == {2}
    assert view.captions[0] == "mask 6%"


def test_an_image_as_target_stands_beside_the_input():
    first, second = read(nn.Conv2d(3, 3, 3), (IMAGES, IMAGES * 0.5), loss_of_any).views
    assert (first.name, second.name) == ("input", "target")


def test_graphs_are_tensors_and_rows_of_nodes():
    class Nodes(nn.Module):
        def forward(self, x, edge_index):
            return x

    seen = read(Nodes(), ((torch.randn(9, 4), torch.zeros(2, 20, dtype=torch.long)), torch.zeros(9)), loss_of_any)
    assert [line.name for line in seen.tensors] == ["x", "edge_index", "target"]
    assert [view.name for view in seen.views] == ["x"]


def test_small_inputs_share_a_table_with_their_names():
    class Two(nn.Module):
        def forward(self, age, income):
            return age + income

    view = read(Two(), ((torch.ones(5), torch.full((5, 1), 2.5)), torch.zeros(5)), loss_of_any).views[0]
    assert view.columns == ("age", "income")
    assert view.rows[0] == ("1", "2.50")


# ---- text ----------------------------------------------------------------------------------------------------------


def test_tokens_show_special_ones_padding_and_unknown():
    ids = torch.tensor([[2, 4, 1, 3, 0, 0], [2, 4, 5, 6, 5, 3]])
    view = read(Ids(), (ids, torch.tensor([0, 1])), tokenizer=Tok()).views[0]
    assert [(t.text, t.kind, t.count) for t in view.rows[0]] == [
        ("<s>", "special", 1), ("the", "word", 1), ("<unk>", "unknown", 1), ("</s>", "special", 1),
        ("<pad>", "padding", 2),
    ]  # fmt: skip
    assert view.rows[1][3] == Token("<b>fun</b>", "word")


def test_padding_is_known_from_the_embedding_and_from_a_mask():
    ids = torch.tensor([[3, 4, 0, 0], [3, 4, 5, 6]])
    view = read(Ids(), (ids, torch.tensor([0, 1]))).views[0]
    assert view.rows[0][-1] == Token("0", "padding", 2)
    assert view.told.endswith("no tokenizer was found, `--tokenizer` gives it")
    batch = {"input_ids": ids + 7, "attention_mask": (ids != 0).long(), "labels": torch.tensor([0, 1])}
    assert read(Ids(), batch).views[0].rows[0][-1] == Token("7", "padding", 2)


def test_targets_that_are_tokens_stand_below_and_ignored_ones_are_dashes():
    given = toys.next_token()
    ids, target = given.batch
    target = target.clone()
    target[:, :3] = -100
    view = read(given.model, (ids, target), given.loss_fn).views[0]
    assert view.targets[0][0] == Token("–", "ignored", 3)
    assert view.captions == ()


def test_a_table_of_letters_that_the_data_set_keeps_is_a_tokenizer():
    data = TensorDataset(torch.tensor([[1, 0, 2]] * 4), torch.zeros(4))
    data.itos = {0: "a", 1: "b", 2: "\n"}
    loader = DataLoader(data, batch_size=4)
    view = read(Ids(), next(iter(loader)), loss_of_any, train_loader=loader).views[0]
    assert [token.text for token in view.rows[0]] == ["b", "a", "\n"]


def test_long_texts_are_cut_and_say_by_how_much():
    view = read(Ids(), (torch.randint(1, 20, (2, 200)), torch.tensor([0, 1]))).views[0]
    assert view.rows[0][-1] == Token("… 136 more", "more")


# ---- colours and names ---------------------------------------------------------------------------------------------


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = mean, std


class Photos(TensorDataset):
    classes = ("cat", "dog", "ship")

    def __init__(self, *tensors):
        super().__init__(*tensors)
        self.transform = [str, [Normalize(*KNOWN["ImageNet"])]]


def normalised(images):
    mean, std = (torch.tensor(each)[:, None, None] for each in KNOWN["ImageNet"])
    return (images - mean) / std


def test_images_are_unnormalised_with_the_normalize_that_is_found_and_labels_named():
    data = torch.utils.data.Subset(Photos(normalised(IMAGES), LABELS), range(6))
    loader = DataLoader(data, batch_size=6)
    view = read(nn.Conv2d(3, 2, 3), next(iter(loader)), loss_of_any, train_loader=loader).views[0]
    assert view.told == "un-normalised with `Normalize` in `train_loader.dataset`"
    assert view.captions[:3] == ("cat", "dog", "ship")
    wanted = np.rint(IMAGES[0].permute(1, 2, 0).numpy() * 255)
    assert np.abs(view.pixels[0].astype(int) - wanted).max() <= 1


def test_given_statistics_win_and_wrong_ones_are_said():
    batch = (normalised(IMAGES), LABELS)
    mean, std = KNOWN["ImageNet"]
    assert read(Any(), batch, loss_of_any, mean, std).views[0].told == "un-normalised with the given mean and std"
    told = read(Any(), batch, loss_of_any, 0.0, 5.0).views[0].told
    assert told.startswith("un-normalising with the given mean and std would give ")
    assert "scaled from " in told


def test_without_statistics_the_ends_become_black_and_white_and_that_is_said():
    view = read(Any(), (normalised(IMAGES), LABELS), loss_of_any).views[0]
    assert view.told.startswith("scaled from -")
    assert view.told.endswith("as white: no normalisation was found, `--mean` and `--std` give it")
    assert max(image.max() for image in view.pixels) == 255


@pytest.mark.parametrize(
    ("mean", "std", "sentence"),
    [
        (0.5, None, "to un-normalise takes both a mean and a std; only one of them was given"),
        (0.5, 0.0, "a std is above 0; 0.0 was given"),
        ("grey", 1.0, "a mean is a number, or one for each channel; 'grey' was given"),
    ],
)
def test_statistics_that_are_none_are_refused(mean, std, sentence):
    with pytest.raises(BadInput) as error:
        scale_of(Bench(), mean, std)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (torch.tensor([0, 2]), ("cat", "ship")),
        (torch.tensor([[0.5], [1.25]]), ("0.500", "1.25")),
        (torch.tensor([[1.0, 0, 0], [0, 0, 0]]), ("cat", "none")),
        (torch.tensor([[1.0, 0, 1], [0, 1, 0]]), ("cat, ship", "dog")),
        (torch.tensor([[0.7, 0.3, 0], [0, 0, 1]]), ("cat 0.70, dog 0.30", "ship 1.00")),
        (torch.tensor([[1.5, 2.5], [3.0, 4.0]]), ("1.50, 2.50", "3.00, 4.00")),
        (["a <b>", "c"], ("a <b>", "c")),
        ({"a": torch.tensor([1, 0]), "b": torch.tensor([0.5, 2.5])}, ("a dog · b 0.500", "a cat · b 2.50")),
    ],
)  # fmt: skip
def test_targets_in_words(target, told):
    from nbrecipe.decoding.worded import captions

    assert captions(target, 2, {0: "cat", 1: "dog", 2: "ship"}, 8) == told


def test_a_line_counts_what_is_not_finite():
    x = torch.zeros(4, 3)
    x[0, 0], x[1, 1] = torch.nan, torch.inf
    line = read(Any(), (x, torch.zeros(4)), loss_of_any).tensors[0]
    assert (line.nan, line.infinite, line.low, line.high) == (1, 1, 0.0, 0.0)
    assert line.zeros == pytest.approx(10 / 12)


def test_labels_that_the_model_takes_itself_are_targets():
    class Own(Ids):
        def forward(self, input_ids, labels):
            return {"loss": self.table(input_ids).sum() + labels.sum(), "logits": self.table(input_ids).mean(1)}

    seen = read(Own(), {"input_ids": torch.randint(1, 20, (6, 9)), "labels": LABELS}, None)
    assert [(line.name, line.role) for line in seen.tensors] == [("input_ids", "input"), ("labels", "target")]
    assert [type(view) for view in seen.views] == [Texts]
    assert seen.views[0].captions[:3] == ("0", "1", "2")


@pytest.mark.parametrize(
    ("shape", "drawn"),
    [
        ((640, 480), (160, 120)),
        ((128, 3000), (128, 157)),
        ((3000, 8), (157, 8)),
        ((8, 8), (8, 8)),
        ((161, 161), (80, 80)),
    ],
)
def test_large_images_are_made_smaller_and_long_ones_keep_their_short_side(shape, drawn):
    view = read(Any(), (torch.rand(2, 1, *shape), torch.ones(2, *shape, dtype=torch.long)), loss_of_any).views[0]
    assert view.pixels[0].shape == drawn
    assert view.masks[0].shape == drawn


@pytest.mark.parametrize(
    ("most", "told"),
    [
        (1, "drawn as they are, from 0 to 1"),
        (255, "drawn as they are, from 0 to 255"),
        (16, "scaled from 0 as black to 16"),
    ],
)
def test_the_range_says_how_values_become_grey(most, told):
    x = torch.linspace(0, most, 256).reshape(1, 1, 16, 16).expand(2, 1, 16, 16)
    view = read(Any(), (x, torch.arange(2)), loss_of_any).views[0]
    assert view.told.startswith(told)
    assert (view.pixels[0].min(), view.pixels[0].max()) == (0, 255)
