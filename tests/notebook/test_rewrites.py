"""`%%same_as`, `%check_grad` and `%freeze` in a shell: what they take, show, refuse and leave alone."""

from __future__ import annotations

import pytest
import torch
from IPython.utils.capture import capture_output
from shells import do, refused

CELL = """
import torch
from torch import nn
torch.manual_seed(0)
x, y = torch.randn(6, 4), torch.randn(5, 4)
def slow(a, b):
    out = torch.zeros(len(a), len(b))
    for i in range(len(a)):
        for j in range(len(b)):
            out[i, j] = (a[i] - b[j]).pow(2).sum()
    return out
rows = iter([x])
"""
FAST = "def fast(a, b):\n    return (a[:, None] - b[None]).pow(2).sum(-1)\n"


def only(answer):
    (result,) = answer
    return result.finding


@pytest.mark.parametrize(
    ("before", "cell"),
    [
        ("", f"%%same_as slow\n{FAST}fast(x, y)"),
        ("slow(x, b=y)", f"%%same_as slow\n{FAST}"),
        ("slow(*(x, y))\nslow(next(rows), y)", f"%%same_as slow\n{FAST}"),
        ("", f"%%same_as slow --example (x, y)\n{FAST}"),
        ("", f"%%same_as slow --new fast --example (torch.randn(3, 4), y)\n{FAST}def other(a): pass"),
        ("slow(x, y)", f"%%same_as slow\n{FAST.replace('fast', 'slow')}"),
        ("", "%%same_as slow\nfast = lambda a, b: (a[:, None] - b[None]).pow(2).sum(-1)\nfast(x[:3], y)"),
        ("del slow", f"%%same_as loop\ndef loop(a, b): return torch.stack([((p - b) ** 2).sum(1) for p in a])\n{FAST}"
         "fast(x, y)"),
    ],
)  # fmt: skip
def test_the_example_is_found_where_a_person_would_look(notebook, before, cell):
    if before:
        do(notebook, before)
    rng = torch.get_rng_state()
    answer, _ = do(notebook, cell)
    assert only(answer).verdict == "ok", only(answer).message
    assert torch.equal(torch.get_rng_state(), rng)


def test_a_fault_names_element_values_inputs_and_cell(notebook):
    answer, said = do(notebook, f"%%same_as slow -o kept\n{FAST.replace('sum(-1)', 'sum(-1).sqrt()')}fast(x, y)")
    found = only(answer)
    assert found.verdict == "bad"
    assert found.where == "cell 2"
    assert "where `slow` gives" in found.message
    assert notebook.user_ns["kept"] is answer
    assert any("text/html" in output.data or "text/plain" in output.data for output in said.outputs) or said.stdout
    board, _ = do(notebook, "%recipe")
    assert board.results["unequal-rewrite"].verdict == "bad"


def test_the_cell_runs_as_it_is(notebook):
    _, said = do(notebook, f"%%same_as slow\n{FAST}print('hello')\nfast(x, y).shape")
    assert said.stdout.count("hello") == 1
    assert "torch.Size([6, 5])" in said.stdout
    with capture_output():
        result = notebook.run_cell("%%same_as slow\ndef f(a, b): return a\n1 / 0", store_history=True)
    assert type(result.error_in_exec) is ZeroDivisionError


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (f"%%same_as slwo\n{FAST}", "there is no `slwo` here; did you mean `slow`?"),
        (f"%%same_as x\n{FAST}", "`x` is of type Tensor; %%same_as compares two functions"),
        (f"%%same_as slow(x,y)\n{FAST}",
         "`slow(x,y)` is of type Tensor; %%same_as compares two functions: %%same_as slow"),
        ("%%same_as slow\nz = 3", "the cell defines no function to compare with `slow`; name one: --new NAME"),
        (f"%%same_as slow --new x\n{FAST}", "`x` is of type Tensor; %%same_as compares two functions"),
        (f"%%same_as slow --new slow\n{FAST}",
         "`slow` is `slow` itself; name the function to compare it with: --new NAME"),
        (f"%%same_as slow\n{FAST}",
         "no example call of `slow` or `fast` is to be found: end the cell with one, `fast(x, y)`, or give its "
         "arguments: %%same_as slow --example (x, y)"),
        (f"%%same_as slow --example (x, z)\n{FAST}", "there is no `z` here"),
        (f"%%same_as slow --example x\n{FAST}",
         "there is nothing to compare: `slow` itself raises TypeError: slow() missing 1 required positional argument: "
         "'b'"),
        (f"%%same_as slow --budget 0 --example (x, y)\n{FAST}",
         "the budget is a number of seconds above 0; 0.0 was given"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_one_sentence(notebook, cell, sentence):
    assert refused(notebook, cell, made=("fast", "z")) == sentence


NET = """
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3
    @staticmethod
    def backward(ctx, slope):
        return 2 * ctx.saved_tensors[0] ** 2 * slope
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.norm, self.head = nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)
    def forward(self, x):
        return self.head(torch.tanh(self.norm(self.embed(x))))
net = Net()
batch = (x, torch.tensor([0, 1, 2, 0, 1, 2]))
criterion = nn.CrossEntropyLoss()
opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
"""


def test_gradients_of_the_notebooks_model_are_checked(notebook):
    do(notebook, NET)
    before = {name: value.clone() for name, value in notebook.user_ns["net"].state_dict().items()}
    rng = torch.get_rng_state()
    answer, _ = do(notebook, "%check_grad --elements 2")
    assert answer.ok
    assert "of `net`" in only(answer).message
    after = notebook.user_ns["net"].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None for p in notebook.user_ns["net"].parameters())
    assert torch.equal(torch.get_rng_state(), rng)


def test_gradients_of_a_function_are_checked(notebook):
    do(notebook, NET)
    answer, _ = do(notebook, "%check_grad Cube.apply --inputs (x,)")
    assert only(answer).verdict == "bad"
    assert only(answer).where == "`Cube.backward`"
    assert "Gradients of `Cube.apply`" in str(answer)


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("%check_grad Cube.apply",
         "`Cube.apply` is a function: give what it takes: %check_grad Cube.apply --inputs (x, y)"),
        ("%check_grad Cube", "`Cube` is an autograd function: %check_grad Cube.apply --inputs (x, y)"),
        ("%check_grad --inputs (x,)", "--inputs are those of a function: %check_grad FUNCTION --inputs (x, y)"),
        ("%check_grad net --elements 0", "the number of elements is a whole number from 1 on; 0 was given"),
        ("%check_grad (lambda x: x @ net.embed.weight.T) --inputs (x,)",
         "the function fails on these inputs in float64: expected m1 and m2 to have the same dtype, but got: double != "
         "float; tensors that it holds itself belong among the inputs"),
        ("%check_grad x --inputs (x,)", "a gradient is checked of a function; a Tensor was given"),
    ],
)  # fmt: skip
def test_what_gradients_cannot_be_checked_of_is_one_sentence(notebook, cell, sentence):
    do(notebook, NET)
    assert refused(notebook, cell) == sentence


def test_a_part_is_frozen_as_it_is_written(notebook):
    do(notebook, NET)
    answer, _ = do(notebook, "%freeze net.embed --budget 0.1")
    assert not notebook.user_ns["net"].embed.weight.requires_grad
    assert "`net.embed` is frozen: 2 parameters" in str(answer)
    assert "opt.param_groups" in str(answer)
    assert "<table" in answer._repr_html_()
    do(notebook, "other = Net()\n%freeze net.norm --eval --budget 0.1")  # which model is plain from the part
    assert not notebook.user_ns["net"].norm.training
    do(notebook, "%freeze net.norm --undo\n%freeze net.embed --undo")
    assert all(p.requires_grad for p in notebook.user_ns["net"].parameters())


def test_a_part_under_a_name_of_its_own_is_found_in_its_model(notebook):
    do(notebook, NET + "other = nn.Linear(2, 2)\nhead = net.head")
    answer, _ = do(notebook, "%freeze head --budget 0.1")
    assert "of the weights that `net` trained" in str(answer)
    assert not notebook.user_ns["net"].head.weight.requires_grad


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("%freeze nett.embed", "there is no `nett` here; did you mean `net`?"),
        ("%freeze x", "a module or a parameter of a model can be frozen; `x` is of type Tensor"),
        ("%freeze net", "with `net` frozen, nothing of `net` is left to train"),
        ("%freeze", "name the part, as in `%freeze net.embed`"),
        ("%freeze --undo", "name the part, as in `%freeze net.embed --undo`"),
        ("%freeze net.embed --undo", "nothing of `net.embed` was frozen by %freeze"),
    ],
)
def test_what_cannot_be_frozen_is_one_sentence(notebook, cell, sentence):
    do(notebook, NET)
    assert refused(notebook, cell) == sentence
