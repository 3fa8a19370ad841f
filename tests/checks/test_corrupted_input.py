"""NaN, blanks, fill values and rows of nothing but padding, planted and meant."""

import inputs
import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("corrupted-input")


def found(net, x, y=None, **more):
    y = torch.arange(len(x)) % 3 if y is None else y
    return run(CHECK, Bench(model=net, batch=(x, y), loss_fn=nn.CrossEntropyLoss(), **more)).finding


def images(seed=0):
    return inputs.smooth(seed, 24, 1, 16, 16)


class Ids(nn.Module):
    def __init__(self, padding=0):
        super().__init__()
        self.table, self.head = nn.Embedding(30, 8, padding_idx=padding), nn.Linear(8, 3)

    def forward(self, ids):
        return self.head(self.table(ids).mean(1))


class Fills(nn.Module):
    """Knows of gaps."""

    def __init__(self):
        super().__init__()
        self.body = toys.mlp((6, 8, 3))

    def forward(self, x):
        return self.body(x.nan_to_num())


def with_nan(count=1, value=torch.nan):
    x = torch.randn(24, 6, generator=toys.seeded())
    x[:count, 2] = value
    return x


def test_nan_that_reaches_the_answer_is_a_fault_with_its_examples():
    finding = found(toys.mlp((6, 8, 3)), with_nan(2))
    assert finding.verdict is Verdict.BAD
    assert finding.message == "**2** of 144 values of `input` are NaN, in **2** of 24 examples (0, 1)"


def test_infinity_is_told_apart():
    assert "is infinite, in example 0 of 24" in found(toys.mlp((6, 8, 3)), with_nan(1, torch.inf)).message


def test_nan_that_the_model_deals_with_is_a_hint():
    finding = found(Fills(), with_nan(3))
    assert finding.verdict is Verdict.HINT
    assert finding.message.endswith("; the model's answer is finite all the same")


def test_minus_infinity_in_a_mask_means_not_this_one():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 3)

        def forward(self, x, attn_mask):
            return self.body((x + attn_mask).softmax(1))

    mask = torch.zeros(24, 4)
    mask[:, 3] = -torch.inf
    bench = Bench(
        model=Masked(), loss_fn=nn.CrossEntropyLoss(),
        batch={"x": torch.randn(24, 4), "attn_mask": mask, "target": torch.arange(24) % 3},
    )  # fmt: skip
    assert run(CHECK, bench).finding.verdict is Verdict.OK


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_blank_images_of_several_classes_are_a_fault(value):
    x = images()
    x[[3, 7, 11, 16]] = value
    finding = found(inputs.conv(1), x)
    assert finding.verdict is Verdict.BAD
    assert "**4** of 24 examples (3, 7, 11, 16) of `input` hold" in finding.message


@pytest.mark.parametrize("places", [[5], [0, 3]])
def test_one_blank_or_some_of_one_class_among_others_are_a_hint(places):
    x = images()
    x[places] = 0.0
    assert found(inputs.conv(1), x).verdict is Verdict.HINT


def test_a_class_that_is_blank_by_nature_is_named():
    x, y = images(), torch.arange(24) % 3
    x[y == 1] = 0.0
    finding = found(inputs.conv(1), x, y)
    assert finding.verdict is Verdict.HINT
    assert finding.message.endswith("hold 0 throughout; they are class `1`, and all of it")


def test_examples_that_are_all_the_same_are_a_fault_where_targets_differ():
    same = images()[:1].expand(24, 1, 16, 16)
    assert found(inputs.conv(1), same).message == "`input` is the same in all 24 examples, and the targets differ"
    assert found(inputs.conv(1), same).verdict is Verdict.BAD
    assert found(inputs.conv(1), same, torch.ones(24, dtype=torch.long)).verdict is Verdict.HINT


def test_one_value_everywhere_is_told():
    finding = found(inputs.conv(1), torch.full((24, 1, 16, 16), -1.0))
    assert finding.message == "`input` is -1.00 throughout, and the targets differ"


def test_a_constant_input_beside_one_that_varies_is_fine():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(20, 3)

        def forward(self, x, grid):
            return self.body(x + grid)

    batch = ((torch.randn(24, 20), torch.linspace(0, 1, 20).expand(24, 20)), torch.arange(24) % 3)
    bench = Bench(model=Two(), batch=batch, loss_fn=nn.CrossEntropyLoss())
    assert run(CHECK, bench).finding.verdict is Verdict.OK


# ---- padding -------------------------------------------------------------------------------------------------------


def ids(*empty):
    rows = torch.randint(1, 30, (24, 9), generator=toys.seeded())
    rows[:, 6:] = 0
    rows[list(empty)] = 0
    return rows


def test_rows_of_nothing_but_padding_with_several_labels_are_a_fault():
    finding = found(Ids(), ids(2, 3, 4))
    assert finding.verdict is Verdict.BAD
    assert (
        "**3** of 24 examples (2, 3, 4) of `ids` hold nothing but padding (id 0), and their targets" in finding.message
    )


def test_one_empty_text_is_a_hint_and_none_is_fine():
    assert found(Ids(), ids(2)).verdict is Verdict.HINT
    assert found(Ids(), ids()).verdict is Verdict.OK


def test_without_a_known_padding_nothing_is_said():
    assert found(Ids(padding=None), ids(2, 3)).verdict is Verdict.OK


def test_the_tokenizer_knows_its_padding():
    class Tok:
        pad_token_id = 0

    assert found(Ids(padding=None), ids(2, 3), tokenizer=Tok()).verdict is Verdict.BAD


def test_empty_rows_whose_targets_do_not_count_are_fine():
    y = torch.arange(24) % 3
    y[[2, 3]] = -100
    assert found(Ids(), ids(2, 3), y).verdict is Verdict.OK


@pytest.mark.parametrize("fill", [-999.0, 9999.0, -99.0])
def test_a_fill_value_in_a_column_is_a_hint(fill):
    finding = found(toys.mlp((6, 8, 3)), with_nan(4, fill))
    assert finding.verdict is Verdict.HINT
    assert "in 4 of 24 examples in column 2" in finding.message


def test_ordinary_values_near_a_fill_value_are_fine():
    x = torch.randn(24, 6, generator=toys.seeded())
    x[:, 2] = torch.arange(24) * 40.0 - 1000
    x[4, 2] = x[5, 2] = -999.0
    assert found(toys.mlp((6, 8, 3)), x).verdict is Verdict.OK
