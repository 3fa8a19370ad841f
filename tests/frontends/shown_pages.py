"""Every kind of page that is shown, made in process from small nets and data; and the kernels behind live ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import nbrecipe
from nbrecipe import toys
from nbrecipe.render.findings.page import document
from nbrecipe.twins.data.browse import browse_of
from nbrecipe.twins.scores.human_baseline import human_baseline_of

#: what a page asks and is answered, by the name of its wire
Answering = Callable[[dict[str, Any]], Any]
Kernels = Mapping[str, Answering]


@dataclass(frozen=True)
class Shown:
    """A page, what stands behind it, and a selector of what it shows once its script has drawn."""

    body: str
    ready: str = ".nbr"
    kernels: Kernels = field(default_factory=dict)

    @property
    def html(self) -> str:
        """The page as a document."""
        return self.body if self.body.startswith("<!doctype") else document("A page", self.body)


def _conv() -> nn.Module:
    """A small network of images whose first layer starts ten times too large, and half of whose units are dead."""
    net = toys.convnet(norm=False)
    with torch.no_grad():
        net[0].weight.mul_(10)
        net[3].bias[:8] = -50
    return net


class Mixing(nn.Module):
    """Rows of a batch meet, which no loss can see."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4 * 36, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = torch.relu(self.conv(x))
        return self.head((seen + 0.1 * seen.roll(4, 0)).flatten(1))


def _given(net: nn.Module | None = None) -> dict[str, Any]:
    bench = toys.images(net)
    return {"model": bench.model, "train": bench.train_loader, "loss": bench.loss_fn}


def check_init() -> Shown:
    """Faults, hints, what holds and what lacks something, each with its picture."""
    return Shown(nbrecipe.check_init(**_given(_conv()))._repr_html_())


def board() -> Shown:
    """All stages and tips."""
    return Shown(nbrecipe.recipe(**_given(_conv()))._repr_html_())


def checks_by_id() -> Shown:
    """Single checks, by their ids."""
    return Shown(nbrecipe.recipe("loss-at-init", "label-imbalance", "dead-units", **_given(_conv()))._repr_html_())


def explained() -> Shown:
    """What a check says of itself."""
    return Shown(nbrecipe.explain("loss-at-init")._repr_html_())


def chart_dependencies() -> Shown:
    """What depends on what."""
    return Shown(nbrecipe.chart_dependencies(**_given(Mixing()))._repr_html_(), ".nbr-heats canvas")


def show_batch() -> Shown:
    """Batches of images, with more to turn to."""
    return Shown(nbrecipe.show_batch(**_given())._repr_html_(), ".nbr-leaf button")


def show_batch_of_numbers() -> Shown:
    """Batches of vectors: a table of numbers."""
    bench = toys.classify()
    return Shown(
        nbrecipe.show_batch(bench.model, bench.train_loader, loss=bench.loss_fn)._repr_html_(), ".nbr-leaf button"
    )


def show_batch_of_series() -> Shown:
    """Batches of series: curves."""
    rows = torch.randn(70, 28, 12, generator=toys.seeded())
    loader = DataLoader(TensorDataset(rows, torch.rand(70, 1, generator=toys.seeded())), batch_size=32)
    net = nn.LSTM(12, 4, batch_first=True)
    return Shown(
        nbrecipe.show_batch(net, loader, loss=lambda out, target: out[0].sum())._repr_html_(), ".nbr-leaf button"
    )


def filters() -> Shown:
    """The first layer before and after."""
    net = toys.convnet()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    before["0.weight"] += 0.1 * torch.randn(before["0.weight"].shape, generator=toys.seeded())
    return Shown(nbrecipe.filters(**_given(net), before=before)._repr_html_(), ".nbr-inside canvas")


def filters_of_words() -> Shown:
    """The rows of an embedding, in the plane."""
    bench = toys.next_token()
    answer = nbrecipe.filters(bench.model, batch=bench.batch, loss=bench.loss_fn)
    return Shown(answer._repr_html_(), ".nbr-inside canvas")


def activations() -> Shown:
    """What a batch does inside."""
    return Shown(nbrecipe.activations(**_given(_conv()))._repr_html_(), ".nbr-inside canvas")


def overfit_batch() -> Shown:
    """A run on one batch."""
    return Shown(nbrecipe.overfit_batch(**_given(), steps=40)._repr_html_(), ".nbr-film input")


def overfit_numbers() -> Shown:
    """A run on one batch of numbers that cannot be learned: two rows are the same and their targets are not."""
    bench = toys.regress()
    x, y = bench.batch[0][:8].clone(), bench.batch[1][:8].clone()
    x[1], y[1] = x[0], y[0] + 3
    answer = nbrecipe.overfit_batch(bench.model, batch=(x, y), loss=bench.loss_fn, steps=40)
    return Shown(answer._repr_html_(), ".nbr-film input")


def overfit_texts() -> Shown:
    """A run on one batch of tokens."""
    bench = toys.next_token()
    answer = nbrecipe.overfit_batch(bench.model, batch=bench.batch, loss=bench.loss_fn, steps=20, n=3)
    return Shown(answer._repr_html_(), ".nbr-film input")


def watch() -> Shown:
    """A loop that never clears its gradients."""
    bench = toys.classify()
    model, loader, optimizer = bench.model, bench.train_loader, torch.optim.SGD(bench.model.parameters(), 0.1)
    with nbrecipe.watch() as seen:
        for _ in range(3):
            model.train()
            for x, y in loader:
                loss = bench.loss_fn(model(x), y)
                loss.backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                for x, y in loader:
                    bench.loss_fn(model(x), y)
    return Shown(seen._repr_html_(), ".nbr-watch")


@cache
def _pictures() -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(0)
    labels = draws.integers(0, 4, 120)
    images = draws.integers(0, 60, (120, 12, 12), dtype=np.uint8)
    images[np.arange(120), 2 + 2 * labels] = 255
    return images, labels


def inspect_data() -> Shown:
    """Images and labels of two splits, one row alike in both."""
    images, labels = _pictures()
    return Shown(nbrecipe.inspect_data((images[:90], labels[:90]), (images[80:], labels[80:]))._repr_html_())


def inspect_table() -> Shown:
    """A frame with what is missing, and a column that copies the label."""
    import pandas as pd

    draws = np.random.default_rng(0)
    frame = pd.DataFrame({"age": draws.normal(40, 9, 120), "town": draws.choice(["Ulm", "Bonn", "Köln"], 120)})
    frame["sold"] = (frame.age > 40).astype(int)
    frame["paid"] = frame.sold * 7.0
    frame.loc[3:9, "age"] = np.nan
    return Shown(nbrecipe.inspect_data(frame, labels="sold")._repr_html_())


def inspect_texts() -> Shown:
    """Texts with names for labels."""
    rows = [(f"a {word} film, number {i}", word) for i, word in enumerate(["good", "long", "dull"] * 20)]
    return Shown(nbrecipe.inspect_data(rows)._repr_html_())


def browse() -> Shown:
    """Rows without a kernel."""
    return Shown(nbrecipe.browse(_pictures())._repr_html_(), ".nbr-card")


def browse_live() -> Shown:
    """Rows with a kernel behind them and a model that judges them."""
    from nbrecipe import verbs

    images, labels = _pictures()
    data = TensorDataset(torch.tensor(images, dtype=torch.float32)[:, None] / 255, torch.tensor(labels))
    net = nn.Sequential(nn.Flatten(), nn.Linear(144, 4))
    kernels: dict[str, Answering] = {}
    bench = verbs.bench_of(model=net, loss=nn.CrossEntropyLoss())
    answer = browse_of(bench, data, wired=lambda browsing: _wire(kernels, "rows", browsing.answer))
    return Shown(answer._repr_html_(), "[role=option] img", kernels)


def _wire(kernels: dict[str, Answering], name: str, answer: Answering) -> str:
    kernels[name] = answer
    return name


def show_augment() -> Shown:
    """Draws of the same example."""
    images = torch.tensor(_pictures()[0], dtype=torch.float32)[:, None] / 255

    class Flipped(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 20

        def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
            return (images[i].flip(-2) if torch.rand(()) < 0.5 else images[i]), i % 4

    return Shown(nbrecipe.show_augment(Flipped(), index=[0, 3])._repr_html_())


def tokens() -> Shown:
    """Texts as tokens, two tokenizers beside each other."""
    from tests.tokens import trained

    texts = [*[line for line in trained.LINES if len(line) > 20][:5], "naïve café 🙂 中文"]
    answer = nbrecipe.show_tokens(trained.word_piece(), texts, against=trained.byte_level(), max_length=16)
    return Shown(answer._repr_html_(), ".nbr-tk")


@cache
def _digits() -> tuple[DataLoader, DataLoader]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x[:500], dtype=torch.float32).reshape(-1, 1, 8, 8) / 16, torch.tensor(y[:500])
    return DataLoader(TensorDataset(x[:300], y[:300]), 50), DataLoader(TensorDataset(x[300:], y[300:]), 50)


@cache
def _learned() -> nn.Module:
    train, _ = _digits()
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    for x, y in train:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net


def baseline() -> Shown:
    """Simple ways to answer, and the model among them."""
    train, val = _digits()
    answer = nbrecipe.baseline(train, val, model=_learned(), loss=nn.CrossEntropyLoss(), seconds=4)
    return Shown(answer._repr_html_(), ".nbr-standings")


def evaluate() -> Shown:
    """What the answers of a classifier are worth, against another one, by slices."""
    _, val = _digits()
    torch.manual_seed(1)
    other, by = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), {"half": np.arange(200) % 2}
    answer = nbrecipe.evaluate(_learned(), val, loss=nn.CrossEntropyLoss(), against=other, by=by)
    return Shown(answer._repr_html_())


def evaluate_numbers() -> Shown:
    """What the answers of a regression are worth."""
    bench = toys.regress()
    return Shown(nbrecipe.evaluate(bench.model, bench.train_loader, loss=bench.loss_fn)._repr_html_())


def human_baseline() -> Shown:
    """Cards for a person, with a kernel behind them."""
    return _asked(_pictures(), "cards.jsonl")


def human_baseline_of_numbers() -> Shown:
    """Cards that are answered by a number, in a field."""
    images, labels = _pictures()
    return _asked((images, labels + 0.5 + np.arange(120) / 7), "numbers.jsonl")


def _asked(data: Any, file: str) -> Shown:
    from nbrecipe import verbs

    kernels: dict[str, Answering] = {}
    answer = human_baseline_of(
        verbs.bench_of(), data, n=10, file=file, wired=lambda asking: _wire(kernels, file, asking.answer)
    )
    return Shown(answer._repr_html_(), ".nbr-asked img", kernels)


def human_baseline_done() -> Shown:
    """What a person's answers are worth, and where they are not the labels."""
    images, labels = _pictures()
    answer = nbrecipe.human_baseline((images, labels), n=10, twice=2, file=Path("done.jsonl"))
    deck = answer.asking.deck
    for place, question in enumerate(deck.questions):
        truth = deck.truth[question.row]
        answer.answer(question.row, (truth + 1) % 4 if place in (2, 5) else truth, turn=question.turn)
    return Shown(answer._repr_html_(), ".nbr-standings")


def same_as() -> Shown:
    """A function that does not replace its loop."""

    def slow(a: torch.Tensor) -> torch.Tensor:
        return torch.stack([row.sum() for row in a])

    return Shown(nbrecipe.same_as(slow, lambda a: a.sum(0), example=(torch.randn(4, 4),))._repr_html_())


def check_grad() -> Shown:
    """Every gradient against finite differences; one of them is wrong."""

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return grad * ctx.saved_tensors[0]

    return Shown(nbrecipe.check_grad(Wrong.apply, inputs=(torch.randn(5, 3),))._repr_html_())


def check_grad_of_a_model() -> Shown:
    """Every gradient of a model."""
    bench = toys.classify()
    return Shown(nbrecipe.check_grad(bench.model, batch=bench.batch, loss=bench.loss_fn, elements=20)._repr_html_())


def freeze() -> Shown:
    """What freezing a part saves."""
    given = _given()
    return Shown(nbrecipe.freeze(given["model"][0], budget=0.3, **given)._repr_html_())


def report() -> Shown:
    """The report of all that ran, as a file."""
    answer = nbrecipe.recipe(full=True, budget=8, **_given(_conv()))
    return Shown(answer.save_html("report.html").read_text("utf-8"))


EVERY: dict[str, Callable[[], Shown]] = {
    make.__name__: make
    for make in (
        check_init, board, checks_by_id, explained, chart_dependencies, show_batch, show_batch_of_numbers,
        show_batch_of_series, filters, filters_of_words, activations, overfit_batch, overfit_numbers, overfit_texts,
        watch, inspect_data, inspect_table, inspect_texts, browse, browse_live, show_augment, tokens, baseline,
        evaluate, evaluate_numbers, human_baseline, human_baseline_of_numbers, human_baseline_done, same_as,
        check_grad, check_grad_of_a_model, freeze, report,
    )
}  # fmt: skip
