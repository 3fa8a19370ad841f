"""Models that look at the token they are to predict, in many ways, and causal ones of many kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.text import future_leak
from nbrecipe.finding import Finding

VOCABULARY, WIDTH = 24, 8


class Model(nn.Module):
    """An embedding, something that mixes time, and a head."""

    def __init__(self, mix: Callable[[Any, Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(VOCABULARY, WIDTH), nn.Linear(WIDTH, VOCABULARY)
        self._mix = mix
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, ids: Tensor) -> Tensor:
        made: Tensor = self.head(self._mix(self, self.table(ids)))
        return made


def attended(x: Tensor, mask: Tensor) -> Tensor:
    scores = (x @ x.mT).masked_fill(~mask, float("-inf"))
    return scores.softmax(-1) @ x


def allowed(x: Tensor, diagonal: int = 0) -> Tensor:
    return torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril(diagonal)


def judged(net: nn.Module, length: int = 12) -> Finding:
    bench = toys.next_token(net, vocabulary=VOCABULARY, length=length, rows=64)
    return of(bench)


def of(bench: Bench) -> Finding:
    return future_leak.run(model=bench.get("model"), batch=bench.get("batch"), bench=bench)


AHEAD: dict[str, tuple[Callable[[], nn.Module], tuple[int, int], str]] = {
    "attention without a mask": (
        lambda: Model(lambda s, x: s.att(x, x, x)[0], att=nn.MultiheadAttention(WIDTH, 2, batch_first=True)), (1, 6),
        "causal mask",
    ),
    "a mask upside down": (lambda: Model(lambda s, x: x + attended(x, allowed(x).T)), (1, 6), "causal mask"),
    "a mask off by one": (lambda: Model(lambda s, x: x + attended(x, allowed(x, 1))), (1, 1), "behind it"),
    "both directions": (
        lambda: Model(lambda s, x: s.rnn(x)[0], rnn=nn.GRU(WIDTH, WIDTH // 2, batch_first=True, bidirectional=True)),
        (1, 6), "bidirectional=False",
    ),
    "a convolution padded on both sides": (
        lambda: Model(lambda s, x: s.conv(x.mT).mT, conv=nn.Conv1d(WIDTH, WIDTH, 5, padding=2)), (1, 2), "left alone"
    ),
    "a mean over time": (lambda: Model(lambda s, x: x + x.mean(1, keepdim=True)), (1, 6), "causal mask"),
    "a millionth of the next": (lambda: Model(lambda s, x: x + 1e-6 * x.roll(-1, 1)), (1, 1), "behind it"),
    "three ahead": (lambda: Model(lambda s, x: x + x.roll(-3, 1)), (3, 3), "behind it"),
}  # fmt: skip


@pytest.mark.parametrize("what", AHEAD)
def test_looking_ahead_is_found_with_its_lag(what):
    net, lags, fix = AHEAD[what]
    torch.manual_seed(1)
    found = judged(net())
    assert found.verdict == "bad", found
    assert tuple(found.seen["lags"]) == lags
    assert fix in found.fix


def causal_conv(net: Any, x: Tensor) -> Tensor:
    made: Tensor = net.conv(functional.pad(x.mT, (4, 0))).mT
    return made


CAUSAL: dict[str, Callable[[], nn.Module]] = {
    "a mask": lambda: Model(lambda s, x: x + attended(x, allowed(x))),
    "torch's own": lambda: Model(lambda s, x: functional.scaled_dot_product_attention(x, x, x, is_causal=True)),
    "a recurrent net": lambda: Model(lambda s, x: s.rnn(x)[0], rnn=nn.LSTM(WIDTH, WIDTH, 2, batch_first=True)),
    "padded on the left": lambda: Model(causal_conv, conv=nn.Conv1d(WIDTH, WIDTH, 5)),
    "a sum over the past": lambda: Model(lambda s, x: x.cumsum(1)),
    "no memory": lambda: Model(lambda s, x: x),
    "dropout": lambda: Model(lambda s, x: functional.dropout(x, 0.2, s.training).cumsum(1)),
    "batch norm over features": lambda: Model(lambda s, x: s.norm(x.mT).mT, norm=nn.BatchNorm1d(WIDTH)),
}


@pytest.mark.parametrize("length", [VOCABULARY, 12, WIDTH, 300])
@pytest.mark.parametrize("what", CAUSAL)
def test_causal_models_raise_nothing(what, length):
    torch.manual_seed(1)
    assert judged(CAUSAL[what](), length).verdict == "ok"


class OwnLoss(nn.Module):
    """Takes its inputs for labels and shifts them itself."""

    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.net = CAUSAL["a mask"]() if causal else AHEAD["attention without a mask"][0]()

    def forward(self, input_ids: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.net(input_ids)
        return {"loss": toys.token_loss(logits[:, :-1], labels[:, 1:].contiguous()), "logits": logits}


@pytest.mark.parametrize(("causal", "verdict"), [(True, "ok"), (False, "hint")])
def test_a_model_that_shifts_its_labels_itself(causal, verdict):
    ids = torch.randint(VOCABULARY, (20, 12), generator=toys.seeded())
    assert of(Bench(model=OwnLoss(causal), batch={"input_ids": ids, "labels": ids})).verdict == verdict


def test_masked_language_models_may_look_everywhere():
    ids = torch.randint(1, VOCABULARY, (20, 12), generator=toys.seeded())
    hidden = torch.rand(ids.shape, generator=toys.seeded(1)) < 0.15
    batch = {"input_ids": ids.masked_fill(hidden, 0), "labels": ids.masked_fill(~hidden, -100)}
    assert of(Bench(model=OwnLoss(False), batch=batch)).verdict == "skipped"


@pytest.mark.parametrize(("ahead", "verdict"), [(0, "ok"), (1, "bad")])
def test_a_prompt_may_be_read_in_both_directions_and_what_follows_may_not(ahead, verdict):
    prompt = 5

    def mixed(net: Any, x: Tensor) -> Tensor:
        mask = allowed(x, ahead)
        mask[:prompt, :prompt] = True
        return x + attended(x, mask)

    given = toys.next_token(Model(mixed), vocabulary=VOCABULARY, length=12)
    ids, following = given.get("batch")
    targets = following.clone()
    targets[:, : prompt - 1] = -100  # the prompt is not learned; its last token is followed by the first that is
    assert of(given.replace(batch=(ids, targets))).verdict == verdict


def test_an_encoder_that_names_each_token_may_look_everywhere():
    given = toys.next_token(AHEAD["attention without a mask"][0](), vocabulary=VOCABULARY)
    ids, _ = given.get("batch")
    assert of(given.replace(batch=(ids, (ids * 7 + 3) % VOCABULARY))).verdict == "skipped"


def test_rows_that_mix_come_first():
    found = judged(Model(lambda s, x: x + x.roll(1, 0)))
    assert found.verdict == "skipped"
    assert found.message == "rows of the batch depend on one another, which comes first"
