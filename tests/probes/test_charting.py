"""Charts of what depends on what, against nets whose dependencies are known by construction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nbrecipe import toys
from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.pictures.dependencies import Chart, Over
from nbrecipe.probes.rows.charting import SEEN, charts


class Made(nn.Module):
    """A net whose forward is a function of the test's."""

    def __init__(self, function: Callable[..., Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self._function = function

    def forward(self, x: Tensor) -> Tensor:
        return self._function(x, *self.parts)


def bench(function: Callable[..., Tensor], *parts: nn.Module, x: Tensor | None = None, outputs: int = 3) -> Bench:
    given = torch.randn(64, 6, generator=toys.seeded()) if x is None else x
    return toys.bench(Made(function, *parts), given, torch.zeros(len(given), dtype=torch.long), nn.CrossEntropyLoss())


def charted(given: Bench, *over: Over, **more: Any) -> Chart:
    with given.untouched():
        (chart,) = charts(given, over, **more)
    return chart


def test_over_the_batch_a_roll_shows_beside_the_diagonal():
    net = nn.Linear(6, 3)
    chart = charted(bench(lambda x, part: part(x + 0.5 * x.roll(3, 0)), net), "batch")
    size = len(chart.values)
    expected = (np.eye(size) + np.roll(np.eye(size), -3, axis=1)) > 0
    assert np.array_equal(chart.values > 0, expected)
    assert chart.wrong.sum() == size
    assert chart.outputs[:2] == ("row 0", "row 1")


def test_a_leak_in_train_mode_alone_is_charted_in_train_mode():
    def forward(x: Tensor, part: nn.Module) -> Tensor:
        made: Tensor = part(x + x.roll(1, 0) if part.training else x)
        return made

    chart = charted(bench(forward, nn.Linear(6, 3)), "batch")
    assert chart.training
    assert chart.wrong.any()


def test_a_leak_between_far_rows_of_a_large_batch_is_shown_with_both_ends():
    x = torch.randn(256, 6, generator=toys.seeded())

    def forward(x: Tensor, part: nn.Module) -> Tensor:
        made: Tensor = part(x)
        return (
            made + torch.cat([made.new_zeros(200, 3), made[:1], made.new_zeros(len(x) - 201, 3)])
            if len(x) > 201
            else made
        )

    given = bench(forward, nn.Linear(6, 3), x=x)
    loader = torch.utils.data.DataLoader(given.train_data, batch_size=256)
    given = given.replace(batch=next(iter(loader)), train_loader=loader, declared=frozenset({"whole"}))
    chart = charted(given, "batch")
    assert len(chart.values) == SEEN
    ((to, source),) = np.argwhere(chart.wrong)
    assert (chart.outputs[to], chart.inputs[source]) == ("row 200", "row 0")


def test_over_time_a_convolution_reaches_as_far_as_its_kernel():
    x = torch.randn(48, 8, 4, generator=toys.seeded())
    conv = nn.Conv1d(4, 3, 5, padding=2)
    chart = charted(bench(lambda x, part: part(x.mT).mT, conv, x=x), "time", causal=True)
    near = np.abs(np.subtract.outer(np.arange(8), np.arange(8))) <= 2
    assert np.array_equal(chart.values > 0, near)
    assert chart.wrong.sum() == 6 + 7


def test_over_time_a_long_sequence_is_charted_in_groups():
    x = torch.randn(48, 300, 4, generator=toys.seeded())
    chart = charted(bench(lambda x, part: part(x).cumsum(1), nn.Linear(4, 3), x=x), "time", causal=True)
    assert np.array_equal(chart.values > 0, np.tri(43) > 0)
    assert (chart.outputs[0], chart.outputs[-1]) == ("t = 0 … 6", "t = 294 … 299")


def test_over_time_a_leak_in_a_long_sequence_is_drawn_position_by_position():
    ids = torch.randint(24, (48, 200), generator=toys.seeded())

    def forward(x: Tensor, table: nn.Module, head: nn.Module) -> Tensor:
        seen = table(x)
        later = torch.zeros_like(seen)
        later[:, 120] = seen[:, 121]
        made: Tensor = head(seen.cumsum(1) + later)
        return made

    made = Made(forward, nn.Embedding(24, 4), nn.Linear(4, 24))
    given = Bench(model=made, batch=(ids[:, :-1], ids[:, 1:]), loss_fn=toys.token_loss)
    chart = charted(given, "time", causal=True)
    ((to, source),) = np.argwhere(chart.wrong)
    assert (chart.outputs[to], chart.inputs[source]) == ("t = 120", "t = 121")
    assert "of 199" in chart.note


def test_over_time_rows_that_mix_are_charted_all_the_same():
    x = torch.randn(40, 7, 4, generator=toys.seeded())
    chart = charted(bench(lambda x, part: part(x + x.roll(1, 0)).cumsum(1), nn.Linear(4, 3), x=x), "time")
    assert np.array_equal(chart.values > 0, np.tri(7) > 0)


def test_over_features_a_column_without_influence_is_blank():
    mask = torch.tensor([1.0, 1, 0, 1, 1, 1])
    chart = charted(bench(lambda x, part: part(x * mask), nn.Linear(6, 3)), "features")
    assert chart.values.shape == (3, 6)
    assert [chart.inputs[i] for i in chart.silent] == ["x[2]"]


def test_arguments_stand_by_the_names_of_forward():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = nn.Embedding(9, 4), nn.Linear(7, 2)

        def forward(self, words: Tensor, numbers: Tensor) -> Tensor:
            made: Tensor = self.head(torch.cat([self.table(words).mean(1), numbers], 1))
            return made

    batch = {
        "words": torch.randint(9, (20, 5), generator=toys.seeded()),
        "numbers": torch.randn(20, 3, generator=toys.seeded()),
        "y": torch.zeros(20, dtype=torch.long),
    }
    chart = charted(Bench(model=Two(), batch=batch, loss_fn=nn.CrossEntropyLoss()), "features")
    assert chart.inputs == ("numbers[0]", "numbers[1]", "numbers[2]", "words")
    assert (chart.values > 0).all()


def test_over_space_a_field_is_as_wide_as_the_kernels_make_it():
    x = torch.randn(40, 1, 30, 30, generator=toys.seeded())
    convs = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 5, padding=2))
    given = toys.bench(convs, x, (x[:, 0] > 0).long(), nn.CrossEntropyLoss())
    chart = charted(given, "space")
    middle = len(chart.values) // 2
    assert chart.shape == (30, 30)
    assert chart.fields[middle] == (7, 7)
    assert chart.fields[0] == (4, 4)  # in the corner


def test_large_images_are_pooled():
    x = torch.randn(4, 1, 100, 60, generator=toys.seeded())
    given = toys.bench(nn.Conv2d(1, 2, 3, padding=1), x, (x[:, 0] > 0).long(), nn.CrossEntropyLoss())
    chart = charted(given, "space")
    assert chart.shape == (34, 20)
    assert chart.fields[len(chart.values) // 2] == (3, 3)


@pytest.mark.parametrize(
    ("given", "axes"),
    [
        (toys.classify, ["batch", "features"]),
        (toys.next_token, ["batch", "time"]),
        (toys.images, ["batch", "space"]),
        (toys.regress, ["batch", "features"]),
    ],
)
def test_a_model_is_charted_over_the_axes_that_it_has(given, axes):
    made = given()
    with made.untouched():
        assert [chart.over for chart in charts(made)] == axes
    assert not any(parameter.grad is not None for parameter in made.model.parameters())


@pytest.mark.parametrize(("over", "why"), [("time", "no axis of positions"), ("space", "no input is an image")])
def test_an_axis_that_is_not_there_is_refused_in_one_sentence(over, why):
    with pytest.raises(BadInput, match=f"there is nothing to chart over {over} here: .*{why}"):
        charted(toys.classify(), over)


def test_a_chart_leaves_weights_modes_and_gradients_as_they_were():
    given = toys.images(toys.convnet(dropout=0.3))
    before = {name: value.clone() for name, value in given.model.state_dict().items()}
    given.model.train()
    with given.untouched():
        charts(given)
    assert given.model.training
    assert all(torch.equal(before[name], value) for name, value in given.model.state_dict().items())
    assert all(parameter.grad is None for parameter in given.model.parameters())
