"""Ends of texts among the targets: collators, losses and tokenizers as people use them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.text.end_token_masked import Letters
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from nbrecipe.tokens import open_tokenizer

CHECK = all_checks()["end-token-masked"]
END = 1


def texts(end: bool = True, count: int = 64) -> list[Tensor]:
    g = toys.seeded()
    rows = [torch.randint(2, 24, (int(torch.randint(4, 12, (1,), generator=g)),), generator=g) for _ in range(count)]
    return [torch.cat([row, torch.tensor([END])]) if end else row for row in rows]


def fast(pad: str = "<end>", mask: str | None = None) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models

    pieces = {"<pad>": 0, "<end>": END, "<mask>": 2} | {f"w{i}": i for i in range(3, 24)}
    made = Tokenizer(models.WordLevel(pieces, unk_token="<mask>"))
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>", pad_token=pad, mask_token=mask)


def collated(tokenizer: Any, rows: list[Tensor], mlm: bool = False) -> Bench:
    collate = DataCollatorForLanguageModeling(tokenizer, mlm=mlm)
    given: Any = [{"input_ids": row, "attention_mask": torch.ones_like(row)} for row in rows]
    return Bench(train_loader=DataLoader(given, batch_size=8, collate_fn=collate), tokenizer=tokenizer)


def shifted(rows: list[Tensor], pad: int, fill: int, loss: Any, mask: bool = False) -> Bench:
    """x and y cut by hand, filled up in one collate function."""

    def collate(some: list[Tensor]) -> Any:
        whole = nn.utils.rnn.pad_sequence(some, batch_first=True, padding_value=pad)
        y = nn.utils.rnn.pad_sequence([row[1:] for row in some], batch_first=True, padding_value=fill)
        x = whole[:, :-1]
        if not mask:
            return {"input_ids": x, "labels": y}
        lengths = torch.tensor([len(row) for row in some])[:, None]
        return {"input_ids": x, "labels": y, "attention_mask": (torch.arange(x.shape[1]) < lengths).long()}

    given: Any = rows
    return Bench(train_loader=DataLoader(given, batch_size=8, collate_fn=collate), loss_fn=loss, tokenizer=Letters())


def found(bench: Bench) -> Finding:
    return run(CHECK, bench).finding


RIGHT = {
    "a padding token of its own": lambda: collated(fast("<pad>"), texts()),
    "texts without an end": lambda: collated(fast(), texts(end=False)),
    "masked language model": lambda: collated(fast("<pad>", "<mask>"), texts(), mlm=True),
    "masked, and padding is the end": lambda: collated(fast("<end>", "<mask>"), texts(), mlm=True),
    "shifted, -100 behind the end": lambda: shifted(texts(), END, -100, nn.CrossEntropyLoss()),
    "shifted, its own padding ignored": lambda: shifted(texts(), 0, 0, nn.CrossEntropyLoss(ignore_index=0)),
    "classes of texts": lambda: Bench(
        train_data=[{"input_ids": row, "label": i % 2} for i, row in enumerate(texts())], tokenizer=Letters()
    ),
    "tags of tokens": lambda: Bench(
        train_data=[{"input_ids": row, "labels": row % 3} for row in texts()], tokenizer=Letters()
    ),
    "blocks of one long text": lambda: Bench(
        train_data=[{"input_ids": i, "labels": i} for i in torch.cat(texts())[:384].view(-1, 8)], tokenizer=Letters()
    ),
    "ends and no padding": lambda: Bench(
        train_data=[{"input_ids": row, "labels": row} for row in texts()], tokenizer=Letters()
    ),
}


@pytest.mark.parametrize("program", RIGHT)
def test_right_programs_stay_quiet(program):
    seen = found(RIGHT[program]())
    assert seen.verdict in (Verdict.OK, Verdict.SKIPPED), f"{seen.verdict}: {seen.message}"


def test_the_collator_of_transformers_masks_every_end_where_padding_is_the_end():
    seen = found(collated(fast(), texts()))
    assert seen.verdict is Verdict.BAD
    assert "in **none** of the 64 rows looked at that end with the end token (id 1) it is a target" in seen.message
    assert seen.code == "labels = input_ids.masked_fill(attention_mask == 0, -100)"


def test_without_a_mask_it_is_a_hint():
    def collate(some: list[Tensor]) -> Any:
        ids = nn.utils.rnn.pad_sequence(some, batch_first=True, padding_value=END)
        return {"input_ids": ids, "labels": ids.masked_fill(ids == END, -100)}

    given: Any = texts()
    seen = found(Bench(train_loader=DataLoader(given, batch_size=8, collate_fn=collate), tokenizer=Letters()))
    assert seen.verdict is Verdict.HINT
    assert "unless rows hold no end but padding" in seen.why


def test_a_loss_that_ignores_the_end_token():
    seen = found(shifted(texts(), END, END, nn.CrossEntropyLoss(ignore_index=END), mask=True))
    assert seen.verdict is Verdict.BAD, seen.message
    right = found(shifted(texts(), END, -100, nn.CrossEntropyLoss(), mask=True))
    assert right.verdict is Verdict.OK, right.message


def test_a_loss_of_functional_tells_what_it_ignores():
    def loss(out: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(out.flatten(0, 1), y.flatten(), ignore_index=END)

    bench = shifted(texts(), END, END, loss, mask=True)

    class Net(nn.Sequential):
        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # type: ignore[override]
            return super().forward(input_ids)

    net = Net(nn.Embedding(24, 8), nn.Linear(8, 24))
    assert found(bench).verdict is not Verdict.BAD  # without the model nobody knows
    assert found(bench.replace(model=net, batch=next(iter(bench.train_loader)))).verdict is Verdict.BAD


def test_the_tokenizer_of_the_examples_is_one():
    assert open_tokenizer(Letters()).ids(["ab"]).values.tolist() == [2, 3]
    assert Letters().batch_decode([[2, 3]]) == ["ab"]
