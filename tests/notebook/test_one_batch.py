"""%show_batch in a notebook: what it finds, what it takes, what it refuses."""

import pytest
from shells import do, refused

CELL = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
x, y = torch.rand(64, 3, 8, 8), torch.arange(64) % 2
train_dl = DataLoader(TensorDataset(x * 2 - 1, y), batch_size=16)
other_dl = DataLoader(TensorDataset(x[:8], y[:8]), batch_size=8)
criterion = nn.CrossEntropyLoss()
net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
"""


def pages(answer):
    return [page.tensors[0].shape for page in answer.shown.pages]


def test_it_finds_the_model_and_shows_itself(notebook):
    answer, said = do(notebook, "%show_batch --train train_dl")
    assert pages(answer) == ["(16, 3, 8, 8)"] * 4
    assert answer.title == "What goes into `net`"
    assert "input (input): (16, 3, 8, 8), float32, " in str(answer)
    assert "What goes into `net`" in said.stdout or said.outputs
    assert 'class="nbr-fed"' in answer._repr_html_()


def test_model_and_loader_by_position(notebook):
    assert pages(do(notebook, "%show_batch net other_dl")[0]) == ["(8, 3, 8, 8)"]


def test_a_batch_and_so_many_batches(notebook):
    assert pages(do(notebook, "%show_batch --batch (x[:5], y[:5])")[0]) == ["(5, 3, 8, 8)"]
    assert len(pages(do(notebook, "%show_batch net train_dl --batches 2")[0])) == 2


def test_mean_and_std_are_expressions(notebook):
    answer, _ = do(notebook, "%show_batch net train_dl --mean [0.5]*3 --std (0.5, 0.5, 0.5)")
    assert answer.shown.pages[0].views[0].told == "un-normalised with the given mean and std"


def test_quiet_and_out_and_help(notebook):
    answer, said = do(notebook, "%show_batch net train_dl -q -o kept")
    assert said.outputs == []
    assert notebook.user_ns["kept"] is answer
    told = notebook.magics_manager.magics["line"]["show_batch"].__doc__
    assert "Show exactly what goes into the model" in told
    assert "--batches" in told


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "%show_batch net train_dl --train other_dl",
            "two loaders: `train_dl` and `--train other_dl`; give one of them",
        ),
        (
            "%show_batch net train_dl --mean 0.5",
            "to un-normalise takes both a mean and a std; only one of them was given",
        ),
        ("%show_batch net train_dl --mean huh --std 1", "there is no `huh` here"),
        ("%show_batch net train_dl --batches 0", "`batches` is a number of batches, 1 or more; 0 was given"),
        ("%show_batch net x9", "there is no `x9` here; did you mean `x`?"),
        ("%show_batch --train train_dl --bacth x", "%show_batch has no --bacth; did you mean --batch?"),
    ],
)
def test_errors_of_use_are_one_sentence(notebook, line, sentence):
    assert refused(notebook, line) == sentence


def test_two_models_are_named_and_the_line_that_chooses(notebook):
    do(notebook, "del net\nfirst, second = nn.Linear(2, 2), nn.Linear(2, 2);")
    assert refused(notebook, "%show_batch --train train_dl").endswith("say which: %show_batch second")


TEXT = """
import torch
from torch import nn
itos = {0: "a", 1: "b", 2: "c"}
letters = ["x", "y", "z"]
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(3, 3)
    def forward(self, ids):
        return self.table(ids).mean(1)
net = Net()
batch = (torch.tensor([[0, 1, 2, 1]] * 4), torch.arange(4) % 3)
criterion = nn.CrossEntropyLoss()
"""


@pytest.mark.parametrize(("line", "text"), [("%show_batch", "abcb"), ("%show_batch --tokenizer letters", "xyzy")])
def test_a_table_of_letters_reads_the_ids(ip, line, text):
    ip.run_cell(TEXT, store_history=True).raise_error()
    answer, _ = do(ip, line)
    assert "".join(token.text for token in answer.shown.pages[0].views[0].rows[0]) == text
