"""%show_augment in a notebook: what it finds, what it takes, what it refuses."""

import pytest
from shells import do, refused

from nbrecipe.notebook.completion import complete

CELL = """
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
class Flipped(Dataset):
    classes = ["cat", "dog"]
    def __init__(self):
        self.images = torch.rand(10, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    def __len__(self):
        return 10
    def __getitem__(self, index):
        image = self.images[index]
        return (image.flip(-1) if torch.rand(()) < 0.5 else image), index % 2
torch.manual_seed(0)
train_ds = Flipped()
val_set = TensorDataset(train_ds.images, torch.arange(10) % 2)
first_net, second_net = nn.Linear(2, 2), nn.Linear(2, 2)
"""


def drawn(answer):
    return [(example.name, example.draws) for example in answer.shown.examples]


def test_it_finds_the_data_whatever_models_there_are(notebook):
    answer, said = do(notebook, "%show_augment")
    assert answer.title == "`train_ds[0]`, drawn 8 times"
    assert "train_ds[0]: 2 of 8 draws are distinct" in str(answer)
    assert said.outputs or "drawn 8 times" in said.stdout
    assert 'class="nbr-fed"' in answer._repr_html_()
    assert answer.results.keys() >= {"frozen-augmentation", "unstable-validation"}


def test_data_draws_and_examples_are_chosen(notebook):
    assert drawn(do(notebook, "%show_augment val_set -n 3 --index 2")[0]) == [("val_set[2]", 3)]
    assert drawn(do(notebook, "%show_augment train_ds --index 1,-1 -n 2")[0]) == [
        ("train_ds[1]", 2),
        ("train_ds[9]", 2),
    ]
    assert drawn(do(notebook, "%show_augment --index range(3)")[0])[-1] == ("train_ds[2]", 8)
    do(notebook, "loader = DataLoader(train_ds, batch_size=4);")
    assert drawn(do(notebook, "%show_augment --train loader")[0]) == [("train_ds[0]", 8)]
    assert drawn(do(notebook, "%show_augment loader")[0]) == [("loader.dataset[0]", 8)]


def test_a_transform_and_an_example(notebook):
    do(notebook, "x = torch.rand(3, 8, 8)\naug = lambda x: x * torch.rand(());")
    answer = do(notebook, "%show_augment --transform aug --example x --seed 3")[0]
    assert answer.title == "`aug`, drawn 8 times"
    assert answer.shown.examples[0].distinct == 8
    assert drawn(do(notebook, "%show_augment val_set --transform aug")[0]) == [("aug(val_set)[0]", 8)]


def test_a_path_takes_a_transform(notebook, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("size,label\n1.5,0\n2.5,1\n")
    do(notebook, "def noisy(row): return {**row, 'size': row['size'] + float(torch.rand(()))}")
    assert drawn(do(notebook, f"%show_augment {rows} --transform noisy --index 1")[0]) == [("noisy(rows.csv)[1]", 8)]
    do(notebook, f"path = {str(rows)!r}")
    assert drawn(do(notebook, "%show_augment path --transform noisy")[0]) == [("noisy(rows.csv)[0]", 8)]
    sentence = f"what is read at `{rows}` is the same each time: give the transform that changes it, `--transform EXPR`"
    assert refused(notebook, f"%show_augment {rows}") == sentence
    assert refused(notebook, f"%show_augment {tmp_path / 'gone.csv'} --transform noisy") == (
        f"there is no file or folder `{tmp_path / 'gone.csv'}`"
    )


def test_the_only_data_set_counts_whatever_its_name(notebook):
    do(notebook, "del val_set\ncats = train_ds\ndel train_ds;")
    assert drawn(do(notebook, "%show_augment")[0]) == [("cats[0]", 8)]
    do(notebook, "dogs = Flipped();")
    sentence = "2 data sets here: `cats`, `dogs`; say which: %show_augment dogs"
    assert refused(notebook, "%show_augment") == sentence
    do(notebook, "%bind train_data=dogs")
    assert drawn(do(notebook, "%show_augment")[0]) == [("dogs[0]", 8)]


def test_normalisation_is_an_expression(notebook):
    answer, _ = do(notebook, "%show_augment --mean [0.5]*3 --std (0.5, 0.5, 0.5)")
    assert "the given mean and std" in answer.shown.examples[0].views[0].told


def test_quiet_and_out_and_help(notebook):
    answer, said = do(notebook, "%show_augment -q -o kept")
    assert said.outputs == []
    assert notebook.user_ns["kept"] is answer
    told = notebook.magics_manager.magics["line"]["show_augment"].__doc__
    assert "Draw the same example many times" in told
    assert "--index I" in told


def test_data_sets_are_completed(notebook):
    magics = notebook.magics_manager.magics["line"]["show_augment"].__self__
    assert complete(notebook, magics, "%show_augment tr")[1] == ["train_ds"]
    assert complete(notebook, magics, "%show_augment v")[1] == ["val_set"]
    assert "--transform" in complete(notebook, magics, "%show_augment --tr")[1]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("%show_augment train_ds --train val_set", "two data sets: `train_ds` and `--train val_set`; give one of them"),
        ("%show_augment -n 1", "`n` is a number of draws, from 2 to 64; 1 was given"),
        ("%show_augment --index 10", "`train_ds` has examples 0 to 9; there is no 10"),
        ("%show_augment --index first", "there is no `first` here; did you mean `first_net`?"),
        ("%show_augment huh", "there is no `huh` here"),
        ("%show_augment None", "`None` is None; %show_augment takes a data set, a DataLoader or a path"),
        (
            "%show_augment first_net",
            "`first_net` is of type Linear; the same example is drawn from a data set, a DataLoader or a list",
        ),
        ("%show_augment --example 3", "an example alone does not vary; give the transform that changes it as well"),
        ("%show_augment --transfrom x", "%show_augment has no --transfrom; did you mean --transform?"),
        ("%show_augment --transform first_net --example (1/0)", "`(1/0)` raises ZeroDivisionError: division by zero"),
    ],
)
def test_errors_of_use_are_one_sentence(notebook, line, sentence):
    assert refused(notebook, line) == sentence


def test_without_data_it_says_what_to_give(notebook):
    do(notebook, "del train_ds, val_set;")
    sentence = "no data here: name a data set or a DataLoader, or give a transform and an example to change"
    assert refused(notebook, "%show_augment") == sentence
