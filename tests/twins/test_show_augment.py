"""`show_augment` draws the same example many times, tells what varies, and leaves everything as it was."""

import random

import augmented
import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset, TensorDataset, default_collate

import nbrecipe
from nbrecipe import verbs
from nbrecipe.batches import BadInput
from nbrecipe.pictures.batch import Images, Series, Table, Texts
from nbrecipe.session import Session


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(verbs, "SESSION", Session())
    torch.manual_seed(0)


def flips(image):
    return image.flip(-1) if augmented.heads() else image


def verdicts(answer):
    return {result.id: str(result.verdict) for result in answer}


def captions(answer):
    return [caption for example in answer.shown.examples for caption in example.views[0].captions]


def parts(answer):
    return {part.name: (part.kind, part.distinct) for part in answer.shown.examples[0].parts}


def test_eight_draws_of_the_first_example_with_its_label():
    answer = nbrecipe.show_augment(augmented.Labelled(flips))
    (example,) = answer.shown.examples
    (view,) = example.views
    assert answer.title == "`data[0]`, drawn 8 times"
    assert (example.draws, example.distinct, len(view.pixels)) == (8, 2, 8)
    assert parts(answer) == {"input": ("image", 2), "target": ("label", 1)}
    assert set(captions(answer)) <= {f"#{k} · cat{move}" for k in range(8) for move in ("", " · mirrored")}
    assert any("mirrored" in caption for caption in captions(answer))
    assert verdicts(answer).pop("frozen-augmentation") == "ok"
    assert verbs.SESSION.report.results.keys() >= answer.results.keys()


def test_several_examples_and_as_many_draws_as_asked_for():
    answer = nbrecipe.show_augment(augmented.Labelled(flips), n=5, index=[3, -1, 3])
    assert answer.title == "`data`, drawn 5 times each"
    assert [(example.name, example.draws) for example in answer.shown.examples] == [("data[3]", 5), ("data[11]", 5)]


def test_a_mask_that_stays_is_a_fault_and_the_picture_says_which_draw():
    answer = nbrecipe.show_augment(augmented.Segmented(lambda x, m: (flips(x), m)))
    assert verdicts(answer).items() >= {"unmoved-target": "bad", "frozen-augmentation": "ok"}.items()
    assert any(caption.endswith("mirrored, its mask not") for caption in captions(answer))
    assert answer.exit_code == 1
    assert answer.shown.examples[0].views[0].classes == {1: "mask"}
    assert len(answer.shown.examples[0].views[0].masks) == 8


def test_boxes_that_follow_are_drawn_with_their_labels():
    def change(x, b):
        return (x.flip(-1), augmented.boxes_moved(b, 4, 0, 0, 24)) if augmented.heads() else (x, b)

    answer = nbrecipe.show_augment(augmented.Detected(change))
    assert verdicts(answer).items() >= {"unmoved-target": "ok", "frozen-augmentation": "ok"}.items()
    assert any("mirrored, and its boxes too" in caption for caption in captions(answer))
    boxes = answer.shown.examples[0].views[0].boxes
    assert [[box.label for box in row] for row in boxes] == [["1", "2"]] * 8
    assert len({row[0].left for row in boxes}) == 2


def test_nothing_varies():
    answer = nbrecipe.show_augment(augmented.Labelled())
    assert parts(answer) == {"input": ("image", 1), "target": ("label", 1)}
    finding = answer.results["frozen-augmentation"].finding
    assert "nothing is augmented: **32** draws of `data` do not vary" in finding.message
    assert "all 8 draws are the same" in str(answer)


def test_one_fixed_seed_is_told():
    class Seeds(augmented.Labelled):
        def __getitem__(self, index):
            torch.manual_seed(7)
            return super().__getitem__(index)

    answer = nbrecipe.show_augment(Seeds(flips))
    finding = answer.results["frozen-augmentation"].finding
    assert str(finding.verdict) == "hint"
    assert finding.message.startswith("reading `data` seeds `torch` every time, and all draws of each of 4 examples")


def test_validation_that_varies_is_told():
    train, val = augmented.Labelled(flips), augmented.Labelled(flips)
    answer = nbrecipe.show_augment(train, val_data=val)
    assert verdicts(answer)["unstable-validation"] in ("bad", "hint")
    own = nbrecipe.show_augment(val, val_data=val)
    assert "frozen-augmentation" not in verdicts(own), "validation need not vary"


def test_a_subset_and_a_concatenation_are_read_through():
    data = augmented.Labelled(flips)
    assert parts(nbrecipe.show_augment(Subset(data, [5, 6])))["input"] == ("image", 2)
    assert captions(nbrecipe.show_augment(ConcatDataset([data, data]), index=13))[0].startswith("#0")


def cut_and_mix(rows):
    x, y = default_collate(rows)
    y = torch.nn.functional.one_hot(y, 3).float()
    at, share = int(torch.randint(0, 18, ())), 0.25
    mixed = x.clone()
    mixed[:, :, :, at : at + 6] = x.roll(1, 0)[:, :, :, at : at + 6]
    return mixed, (1 - share) * y + share * y.roll(1, 0)


def test_what_a_collate_function_changes_is_drawn_too():
    plain = augmented.Labelled()
    assert parts(nbrecipe.show_augment(DataLoader(plain, batch_size=4)))["input"] == ("image", 1)
    mixed = nbrecipe.show_augment(DataLoader(plain, batch_size=5, collate_fn=cut_and_mix))
    assert parts(mixed)["input"][1] > 3
    assert captions(mixed)[0] == "#0 · cat 0.75, dog 0.25"


SINGLE = [{"batch_size": None, "collate_fn": lambda row: row}, {"batch_size": 1, "collate_fn": lambda rows: rows[0]}]


@pytest.mark.parametrize("options", SINGLE)
def test_a_collate_function_of_single_examples(options):
    answer = nbrecipe.show_augment(DataLoader(augmented.Labelled(flips), **options))
    assert parts(answer) == {"input": ("image", 2), "target": ("label", 1)}


def test_detections_in_a_batch_of_lists():
    loader = DataLoader(
        augmented.Detected(lambda x, b: (x, b)), batch_size=4, collate_fn=lambda rows: tuple(zip(*rows, strict=True))
    )
    assert parts(nbrecipe.show_augment(loader))["target.boxes"] == ("boxes", 1)


def test_a_transform_of_the_data_and_of_one_example():
    image = augmented.smooth(1)[0]
    answer = nbrecipe.show_augment(transform=flips, example=image)
    assert answer.title == "`transform`, drawn 8 times"
    assert parts(answer) == {"example": ("image", 2)}
    assert parts(nbrecipe.show_augment(augmented.Labelled(), transform=flips))["input"] == ("image", 2)

    def both(image, mask):
        return (image.flip(-1), mask.flip(-1)) if augmented.heads() else (image, mask)

    paired = nbrecipe.show_augment(augmented.Segmented(lambda x, m: (x, m)), transform=both)
    assert verdicts(paired)["unmoved-target"] == "ok"

    def named(*, image, mask):
        return {"image": flips(image), "mask": mask}

    pair = {"image": image, "mask": (image.mean(0) > 0.5).long()}
    assert verdicts(nbrecipe.show_augment(transform=named, example=pair))["unmoved-target"] == "bad"


def test_a_transform_that_writes_into_its_example_is_given_a_copy():
    image = augmented.smooth(1)[0]
    before = image.clone()
    nbrecipe.show_augment(transform=lambda x: x.mul_(torch.rand(())), example=image)
    assert torch.equal(image, before)


def test_texts_sequences_and_rows_are_shown_as_what_they_are():
    class Waves(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return torch.sin(torch.arange(200.0) / 9) + 0.1 * torch.randn(200), 0.5

    texts, waves, rows = (nbrecipe.show_augment(data) for data in (augmented.Texts(), Waves(), augmented.Noisy()))
    kinds = [type(answer.shown.examples[0].views[0]) for answer in (texts, waves, rows)]
    assert kinds == [Texts, Series, Table]
    assert parts(texts)["input"][0] == "text"
    assert "&lt;b&gt;hello&lt;/b&gt;" in texts._repr_html_()
    assert "<b>hello</b>" not in texts._repr_html_()
    assert captions(texts)[0] == "#0 · good"


def test_images_of_several_sizes_are_drawn_and_told():
    class Crops(augmented.Labelled):
        def __getitem__(self, index):
            return self.images[index][:, : int(torch.randint(12, 24, ()))], 0

    answer = nbrecipe.show_augment(Crops())
    assert isinstance(answer.shown.examples[0].views[0], Images)
    assert len(answer.shown.examples[0].parts[0].shapes) > 1
    assert "shapes (3, 1" in str(answer)


def test_numpy_lists_and_pictures_of_pil():
    from PIL import Image

    pixels = (augmented.smooth(3).permute(0, 2, 3, 1).numpy() * 255).astype("u1")
    pictures = [(Image.fromarray(each), i) for i, each in enumerate(pixels)]
    answer = nbrecipe.show_augment(pictures, transform=lambda image: image.transpose(int(torch.randint(0, 2, ()))))
    assert parts(answer)["input"] == ("image", 2)
    assert parts(nbrecipe.show_augment(pixels)) == {"example": ("image", 1)}


def test_a_hugging_face_data_set_with_a_transform():
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"x": [[float(i)] * 5 for i in range(6)], "label": [0, 1] * 3})
    data.set_transform(
        lambda rows: {"x": [torch.tensor(r) + torch.randn(5) for r in rows["x"]], "label": rows["label"]}
    )
    answer = nbrecipe.show_augment(data)
    assert parts(answer) == {"x": ("values", 8), "label": ("label", 1)}


@pytest.mark.parametrize(
    ("example", "kinds"),
    [
        (None, ["text"]),
        ((), ["values"]),
        (3.5, ["values"]),
        ((torch.rand(4, dtype=torch.cfloat), 1), ["values", "label"]),
        ((torch.eye(4).to_sparse(), 1), ["values", "label"]),
        ((torch.rand(4, 3, 16, 16), 1), ["values", "label"]),
        ((torch.rand(13, 32, 32), torch.zeros(32, 32).long()), ["image", "mask"]),
        ((torch.full((3, 8, 8), torch.inf), 1), ["image", "label"]),
        ({"input_ids": [*range(20)], "attention_mask": [1] * 20, "labels": [*range(20)]}, ["ids", "ids", "label"]),
        ((torch.rand(3, 32, 32), {"boxes": torch.full((2, 4), torch.nan), "labels": ["a", "b"]}), None),
        ((np.arange(5, dtype=">f4"), 1), ["values", "label"]),
        ((np.zeros((16, 16), np.uint16), 1), ["values", "label"]),
        ((np.array(["a", 1], dtype=object), 1), ["text", "label"]),
        (([[1, 2], [3]], 1), ["text", "label"]),
        (("half a pair: \ud800", "<script>alert(1)</script>"), ["text", "text"]),
        ((torch.rand(1, 8, 4000), 1), ["image", "label"]),
        ((object(), 1), ["text", "label"]),
        ((torch.empty(0, 3), 1), ["values", "label"]),
    ],
)
def test_whatever_an_example_is_made_of_is_shown(example, kinds):
    answer = nbrecipe.show_augment([example] * 3, n=2)
    found = [part.kind for part in answer.shown.examples[0].parts]
    assert kinds is None or found == kinds
    assert answer.shown.examples[0].distinct == 1, "an address is no difference"
    assert "<script>alert" not in answer._repr_html_().encode().decode()
    assert str(answer)
    answer.picture()
    assert all(str(result.verdict) != "crashed" for result in answer)


def test_a_seed_gives_the_same_draws_and_without_it_they_go_on_from_here():
    data = augmented.Labelled(lambda x: x * torch.rand(()))
    same = [nbrecipe.show_augment(data, seed=s).shown.examples[0].views[0].pixels[0].sum() for s in (3, 3, 4)]
    assert same[0] == same[1] != same[2]
    before = nbrecipe.show_augment(data).shown.examples[0].views[0].pixels[0]
    torch.rand(1)
    after = nbrecipe.show_augment(data).shown.examples[0].views[0].pixels[0]
    assert not np.array_equal(before, after)


@pytest.mark.parametrize("seed", [None, 5])
def test_everything_is_afterwards_as_it_was(seed):
    data = augmented.Noisy()
    state = (random.getstate(), repr(np.random.get_state()), torch.get_rng_state(), data.own.bit_generator.state)
    nbrecipe.show_augment(data, seed=seed)
    assert data.count == 0
    now = (random.getstate(), repr(np.random.get_state()), torch.get_rng_state(), data.own.bit_generator.state)
    assert state[:2] == now[:2]
    assert torch.equal(state[2], now[2])
    assert state[3] == now[3]


def test_rows_that_reading_changes_are_put_back():
    class Divides(Dataset):
        def __init__(self):
            self.x, self.rows = torch.full((6, 8), 64.0), [[np.full(3, 64.0)] for _ in range(6)]

        def __len__(self):
            return 6

        def __getitem__(self, index):
            self.rows[index][0] /= 2
            return self.x[index].div_(2), index

    data = Divides()
    answer = nbrecipe.show_augment(data)
    assert torch.equal(data.x, torch.full((6, 8), 64.0))
    assert all((row[0] == 64).all() for row in data.rows)
    assert parts(answer)["input"][1] == 1, "each draw is the first"


def test_a_data_set_that_is_slow_or_interrupted_shows_what_was_drawn(monkeypatch):
    class Stops(augmented.Labelled):
        reads = 0

        def __getitem__(self, index):
            Stops.reads += 1
            if Stops.reads == 4:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    answer = nbrecipe.show_augment(Stops(flips))
    assert answer.shown.examples[0].draws == 3
    assert answer.note.startswith("interrupted")
    monkeypatch.setattr("nbrecipe.twins.data.show_augment.PATIENCE", 0.0)
    slow = nbrecipe.show_augment(augmented.Labelled(flips), index=[0, 1])
    assert slow.note.startswith("examples come slowly: 2 of 16 draws")
    monkeypatch.undo()
    monkeypatch.setattr("nbrecipe.probes.augment.draws.LARGEST", 3 * 24 * 24 * 4 * 3)
    assert nbrecipe.show_augment(augmented.Labelled(flips)).note.startswith("examples are large: 3 of 8 draws")


class Stream(IterableDataset):
    def __iter__(self):
        return iter([1, 2])


class Fails(augmented.Labelled):
    def __getitem__(self, index):
        if index == 3:
            raise OSError("image file is truncated (12 bytes not processed). Try again")
        return super().__getitem__(index)


ONLY = (
    "can only be read from the start, so the same example cannot be drawn twice; "
    "give a data set that takes an index, or a transform and an example"
)
REFUSED = [
    ((), {}, "no data here: name a data set or a DataLoader, or give a transform and an example to change"),
    ((Stream(),), {}, f"`data` {ONLY}"),
    ((DataLoader(Stream()),), {}, f"`data.dataset` {ONLY}"),
    ((iter([1, 2]),), {}, f"`data` {ONLY}"),
    ((3,), {}, "`data` is of type int; the same example is drawn from a data set, a DataLoader or a list"),
    (({"train": 1},), {}, "`data` is of type dict; a data set gives an example for each number"),
    (([],), {}, "`data` is empty: it has no example"),
    (([1, 2],), {"index": 2}, "`data` has examples 0 to 1; there is no 2"),
    (([1],), {"index": -2}, "`data` has only example 0; there is no -2"),
    (([1],), {"index": "a"}, "`index` is the number of an example; 'a' was given"),
    (([1],), {"index": []}, "`index` is 1 to 12 examples; 0 were given"),
    (([1],), {"n": 1}, "`n` is a number of draws, from 2 to 64; 1 was given"),
    (([1],), {"n": True}, "`n` is a number of draws, from 2 to 64; True was given"),
    (([1],), {"n": 65}, "`n` is a number of draws, from 2 to 64; 65 was given"),
    (([1],), {"seed": -1}, "a seed is a whole number from 0 to 4294967295; -1 was given"),
    (([1],), {"mean": 0.5}, "to un-normalise takes both a mean and a std; only one of them was given"),
    (([1],), {"transform": 3}, "`transform` is of type int; a transform is a function or an object to call"),
    ((), {"example": 3}, "an example alone does not vary; give the transform that changes it as well"),
    (
        ([1],),
        {"transform": abs, "example": 3},
        "a data set and an example: give one of them to the transform",
    ),
    (
        (Fails(),),
        {"index": 3},
        "reading `data[3]` raises OSError: image file is truncated (12 bytes not processed)",
    ),
    (
        (["a"],),
        {"transform": lambda x: x / 2},
        "reading `transform(data)[0]` raises TypeError: unsupported operand type(s) for /: 'str' and 'int'",
    ),
]


@pytest.mark.parametrize(("given", "more", "sentence"), REFUSED)
def test_bad_input_gets_one_sentence(given, more, sentence):
    with pytest.raises(BadInput) as refusal:
        nbrecipe.show_augment(*given, **more)
    assert str(refusal.value) == sentence


def test_an_example_that_fails_beside_the_one_that_is_shown_does_not_matter():
    assert nbrecipe.show_augment(Fails(flips)).shown.examples[0].draws == 8


def test_a_tensor_data_set_shows_rows_and_pictures_are_small():
    answer = nbrecipe.show_augment(TensorDataset(torch.rand(9, 3, 200, 200), torch.arange(9)), n=64)
    assert len(answer._repr_html_()) <= 280_000
    assert answer.picture().startswith(b"\x89PNG")
    assert answer.plot() is not None


def test_it_saves_a_page(tmp_path):
    page = nbrecipe.show_augment(augmented.Labelled(flips)).save_html(tmp_path / "draws.html").read_text("utf-8")
    assert page.count("<img") == 8
    assert "http://" not in page.replace("http://www.w3.org", "")
