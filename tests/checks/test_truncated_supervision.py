"""Cut texts, cut answers, and what looks like them."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from texts import WORDS, fast, sentences
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from nbrecipe.bench import Bench
from nbrecipe.finding import Finding, Verdict
from nbrecipe.registry import all_checks
from nbrecipe.runner import run
from nbrecipe.scan.text.kept import kept_texts

CHECK = all_checks()["truncated-supervision"]
MOODS = (("lovely", "clean", "warm"), ("rude", "dirty", "cold"))
ALL = [*WORDS, "lovely", "rude"]


def found(bench: Bench) -> Finding:
    return run(CHECK, bench).finding


def reviews(place: int = -1, count: int = 400, least: int = 12, most: int = 24) -> list[tuple[str, int]]:
    """Texts of which one word tells the class."""
    draw, made = random.Random(0), []
    filling = [word for word in WORDS if word not in (*MOODS[0], *MOODS[1])]
    for i in range(count):
        said = draw.choices(filling, k=draw.randint(least, most))
        said[place] = draw.choice(MOODS[i % 2])
        made.append((" ".join(said), i % 2))
    return made


def collated(rows: list[tuple[str, int]], limit: int, side: str = "right", style: str = "bert") -> Bench:
    """A loader that encodes texts in its collate function, as for transformers."""
    tokenizer = fast(style, words=ALL, truncation_side=side)

    def collate(some: list[tuple[str, int]]) -> dict[str, Any]:
        texts, labels = zip(*some, strict=True)
        made = tokenizer(list(texts), truncation=True, max_length=limit, padding=True, return_tensors="pt")
        return {**made, "labels": torch.tensor(labels)}

    given: Any = rows
    return Bench(train_loader=DataLoader(given, batch_size=16, shuffle=True, collate_fn=collate), tokenizer=tokenizer)


class Words(Dataset[Any]):
    """Texts beside ids of their words, filled up with zeros; whether the data carry a vocabulary is left open."""

    def __init__(self, rows: list[tuple[str, int]], limit: int, last: bool = False) -> None:
        self.rows, self.limit, self.last = rows, limit, last
        self._ids = {word: i for i, word in enumerate(ALL, 1)}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> Any:
        text, label = self.rows[i]
        words = text.split()
        kept = words[-self.limit :] if self.last else words[: self.limit]
        ids = [self._ids[word] for word in kept]
        return {"text": text, "ids": torch.tensor(ids + [0] * (self.limit - len(ids))), "label": label}


def prompted(limit: int, long: int, rows: int = 96) -> list[dict[str, Any]]:
    """Prompts and answers of four tokens, cut at a limit; `long` of the rows have prompts that leave no room."""
    draw, made = random.Random(1), []
    for i in range(rows):
        prompt = limit + 4 if i < long else draw.randint(3, limit - 5)
        ids = draw.choices(range(3, 60), k=prompt + 4)
        labels = [-100] * prompt + ids[prompt:]
        made.append({"input_ids": ids[:limit], "labels": labels[:limit]})
    return made


RIGHT = {
    "nothing is cut": lambda: collated(reviews(), 40),
    "told at the start": lambda: collated(reviews(1), 12),
    "the start is cut, and the end tells": lambda: collated(reviews(), 12, side="left"),
    "the last words are kept": lambda: Bench(train_data=Words(reviews(), 10, last=True)),
    "hardly any is cut": lambda: collated(reviews(), 25),
    "few long prompts that still have an answer": lambda: Bench(train_data=prompted(32, 0)),
    "unlabelled rows among others": lambda: Bench(
        train_data=[
            {**row, "labels": [-100] * len(row["labels"])} if i % 5 == 0 else row
            for i, row in enumerate(prompted(32, 0))
        ]
    ),
    "blocks": lambda: Bench(train_data=[{"input_ids": list(range(16)), "labels": list(range(16))}] * 40),
    "all rows of one length": lambda: Bench(train_data=TensorDataset(torch.randint(40, (64, 9)), torch.arange(64) % 3)),
    "rows of many lengths": lambda: Bench(
        train_data=[(torch.randint(3, 60, (5 + 40 * i // 300,)), i % 3) for i in range(300)]
    ),
}


@pytest.mark.parametrize("program", RIGHT)
def test_right_programs_stay_quiet(program):
    seen = found(RIGHT[program]())
    assert seen.verdict in (Verdict.OK, Verdict.SKIPPED), f"{seen.verdict}: {seen.message}"


WRONG = {
    "the end tells, and is cut in the collate function": lambda: collated(reviews(), 12),
    "the start tells, and is cut": lambda: collated(reviews(0), 12, side="left"),
    "without special tokens": lambda: collated(reviews(), 12, style="gpt"),
    "words, without a tokenizer": lambda: Bench(train_data=Words(reviews(), 12)),
    "answers cut off": lambda: Bench(train_data=prompted(32, 8)),
}


@pytest.mark.parametrize("program", WRONG)
def test_faults_are_named(program):
    seen = found(WRONG[program]())
    assert seen.verdict is Verdict.BAD, f"{seen.verdict}: {seen.message}"


def test_what_a_cut_costs_is_told():
    seen = found(collated(reviews(), 12))
    assert "cut at 12 tokens" in seen.message
    assert seen.seen["whole"] > 0.9 > 0.8 > seen.seen["kept"]
    assert seen.seen["chance"] < 1e-6 if "chance" in seen.seen else seen.seen["gained"] > 40


def test_texts_in_a_variable_beside_the_ids():
    rows = reviews()
    ids = {word: i for i, word in enumerate(ALL, 2)}
    encoded = [([ids[word] for word in text.split()][:12], label) for text, label in rows]
    shuffled = [*rows[1:], rows[0]]

    def collate(some: Any) -> Any:
        given, labels = zip(*some, strict=True)
        return nn.utils.rnn.pad_sequence(list(map(torch.tensor, given)), batch_first=True), torch.tensor(labels)

    given: Any = encoded
    loader = DataLoader(given, batch_size=16, collate_fn=collate)
    seen = found(Bench(train_loader=loader, texts={"others": shuffled, "rows": rows}))
    assert seen.verdict is Verdict.BAD, seen.message
    assert found(Bench(train_loader=loader, texts={"others": shuffled})).verdict is not Verdict.BAD
    assert found(Bench(train_loader=loader, texts={"fewer": rows[:50]})).verdict is not Verdict.BAD


def test_two_rows_without_an_answer_are_a_hint():
    seen = found(Bench(train_data=prompted(32, 2)))
    assert seen.verdict is Verdict.HINT
    assert "**2** of 96 rows have no target left (0, 1)" in seen.message


def test_a_cut_alone_is_a_hint():
    seen = found(Bench(train_data=Words(reviews(count=100), 12)))
    assert seen.verdict is Verdict.HINT
    assert "are cut at 12 tokens" in seen.message


def test_a_pile_of_rows_is_a_hint_where_texts_are_not_at_hand():
    draw = random.Random(2)
    rows = [torch.randint(3, 60, (min(draw.randint(5, 60), 32),)) for _ in range(300)]
    assert found(Bench(train_data=[(row, i % 3) for i, row in enumerate(rows)])).verdict is Verdict.HINT


def test_ids_that_are_no_part_of_their_text_are_not_compared():
    rows = [{"text": said, "input_ids": [5, 4, 3, 9], "label": i % 2} for i, (said, _) in enumerate(reviews())]
    assert kept_texts(Bench(train_data=rows)) is None
    assert kept_texts(Bench()) is None
    assert kept_texts(Bench(train_data=sentences())) is None


def test_the_user_s_loader_is_as_before():
    bench = collated(reviews(), 12)
    state = torch.get_rng_state()
    found(bench)
    assert torch.equal(state, torch.get_rng_state())
    assert isinstance(bench.tokenizer.pad_token_id, int)
    assert bench.tokenizer.truncation_side == "right"


class Encoded(Dataset[Any]):
    """Keeps its texts, and gives nothing but ids."""

    def __init__(self, rows: list[tuple[str, int]], limit: int) -> None:
        self.texts, self.labels = [text for text, _ in rows], [label for _, label in rows]
        self.limit = limit

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, i: int) -> Any:
        return torch.tensor([ALL.index(word) + 1 for word in self.texts[i].split()][: self.limit]), self.labels[i]


def test_texts_that_a_data_set_keeps_to_itself_are_held_against_its_ids():
    def given(limit: int) -> Bench:
        return Bench(train_data=Encoded(reviews(), limit), tokenizer={word: i for i, word in enumerate(ALL, 1)})

    assert found(given(10)).verdict is Verdict.BAD
    assert found(given(30)).verdict is Verdict.OK
