"""Rows of ids: padding, sides, special tokens, what is learned from; against the rows one by one."""

from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench, Missing
from nbrecipe.scan import reading as by_part
from nbrecipe.scan.columns.block import Block
from nbrecipe.scan.text.held import embedding, train_ids, train_text, val_text
from nbrecipe.scan.text.id_part import IdPart
from nbrecipe.scan.text.id_reading import flattened, id_scan, roles_of
from nbrecipe.scan.text.reading import text_scan
from nbrecipe.scan.text.table import embedding_of, pieces, untrained
from nbrecipe.scan.text.vocabulary import DENSE, Vocabulary
from nbrecipe.tokens import open_tokenizer
from tests.tokens.trained import LETTERS, LINES, fast

ROW = st.lists(st.integers(0, 4), max_size=7)


def plain(part):
    block = part.sample.block()
    told = {name: value for name, value in vars(part).items() if name != "sample"}
    for name in ("ids", "targets"):
        told[name] = {**vars(told[name]), "counts": told[name].counts.tolist(), "only": told[name].only.tolist()}
    rows = {name: [value.tolist() for value in values] for name, values in block.columns.items()}
    return told | {"sample": (block.rows.tolist(), rows)}


def rows_of(data, **named):
    scan = id_scan(data, **named)
    return scan, scan.part


@given(st.lists(ROW, min_size=1, max_size=30), st.integers(0, 30))
@settings(deadline=None, max_examples=80)
def test_padding_and_ends_are_those_of_each_row(rows, cut):
    rows = [[5], *rows]
    known = roles_of(None, 0)
    block = Block(np.arange(len(rows)), {"input_ids": [np.array(row, np.int64) for row in rows]})
    whole, parts = IdPart(), [IdPart(), IdPart()]
    flat, failed = flattened(block, "input_ids", "", "", known)
    whole.add(flat, known)
    assert not failed
    stripped = []
    for row in rows:
        there = [i for i, one in enumerate(row) if one]
        stripped.append(row[there[0] : there[-1] + 1] if there else [])
    assert whole.lengths.counts == Counter(map(len, stripped))
    assert whole.widths.counts == Counter(map(len, rows))
    assert whole.first == Counter(row[0] for row in stripped if row)
    assert whole.last == Counter(row[-1] for row in stripped if row)
    assert dict(enumerate(whole.ids.counts)) == {
        i: sum(row.count(i) for row in stripped) for i in range(len(whole.ids.counts))
    }
    assert whole.sides["left"] == sum(bool(row) and any(row) and row[0] == 0 for row in rows)
    assert whole.sides["right"] == sum(bool(row) and any(row) and row[-1] == 0 for row in rows)
    for part, some in zip(parts, (slice(0, cut), slice(cut, None)), strict=True):
        piece = Block(block.rows[some], {"input_ids": block.columns["input_ids"][some]})
        part.add(flattened(piece, "input_ids", "", "", known)[0], known)
    parts[0].merge(pickle.loads(pickle.dumps(parts[1])))
    assert plain(parts[0]) == plain(whole)


def test_arrays_of_ids_with_shifted_targets():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(2, 50, (300, 12), generator=generator)
    x[:, 9:] = 1
    scan, part = rows_of(TensorDataset(x, x.roll(-1, 1)), padding=1)
    assert (scan.column, scan.mask, scan.labels, scan.side, scan.extent) == ("input", "", "label", "right", "300 rows")
    assert (scan.padded, scan.at_greatest, part.lengths.greatest) == (900, 300, 9)
    assert part.following == 300 * 11
    assert part.supervised.counts == {12: 300}


def test_masks_labels_and_end_tokens():
    rows = [
        {"input_ids": [0, 0, 5, 6, 2], "attention_mask": [0, 0, 1, 1, 1], "labels": [-100, -100, -100, 6, -100]},
        {"input_ids": [5, 6, 2], "attention_mask": [1, 1, 1], "labels": [5, 6, 2]},
        {"input_ids": [5, 0, 7, 0], "attention_mask": [1, 0, 1, 0], "labels": [-100] * 4},
    ] * 10  # fmt: skip
    scan, part = rows_of(rows, tokenizer={"<pad>": 0, "</s>": 2, "a": 5, "b": 6, "c": 7})
    assert (scan.mask, scan.labels) == ("attention_mask", "labels")
    assert part.lengths.counts == {3: 20, 2: 10}
    assert part.sides == {"left": 10, "right": 10, "inside": 10}
    assert scan.side is None
    assert part.supervised.counts == {1: 10, 3: 10, 0: 10}
    assert part.unsupervised[:2] == [2, 5]
    assert (part.ended, part.end_learned) == (20, 10)
    assert part.special["end"].counts == {1: 20, 0: 10}
    assert part.same == 10 + 30
    assert part.targets.of(6) == 20


def test_rows_that_hold_no_ids_are_named():
    rows = [{"input_ids": [1, 2, 3]}] * 5 + [{"input_ids": None}, {"input_ids": "abc"}, {"input_ids": [0.5, 1.0]}]
    scan, part = rows_of(rows)
    assert [(one.row, one.why) for one in part.named] == [
        (5, "is missing"),
        (6, "no row of ids but str"),
        (7, "no ids but float64"),
    ]
    assert (scan.rows, scan.whole, scan.extent) == (5, True, "8 rows")
    for data, told in (
        ({"x": [0.5, 1.5] * 20}, r"`the data` has no column of ids; its columns are `x` \(number\)"),
        ({"a_ids": [[1, 20, 3, 4]] * 9, "b_ids": [[1, 20, 3, 4]] * 9}, "`the data` has several columns of ids"),
    ):
        with pytest.raises(BadInput, match=told):
            id_scan(data)
    with pytest.raises(BadInput, match="`the data` has no column `z`"):
        id_scan(rows, column="z")


def test_an_interrupt_keeps_the_rows_that_were_read(monkeypatch):
    monkeypatch.setattr(by_part, "PART", 512)

    def interrupted(rows):
        if rows >= 4096:
            raise KeyboardInterrupt

    x = np.random.default_rng(0).integers(0, 99, (9000, 8))
    scan = id_scan(x, seen=interrupted)
    assert (scan.stopped, scan.whole) == ("interrupted", False)
    assert scan.extent == "the first 4096 of 9000 rows"
    once = id_scan(x)
    monkeypatch.setattr(by_part, "PART", 65_536)
    assert plain(once.part) == plain(id_scan(x).part)


def test_ids_that_no_table_has_are_kept_apart_and_told_with_their_row():
    found, later = Vocabulary(), Vocabulary()
    found.add(np.array([3, -7, 3, DENSE + 5]), np.array([0, 1, 2, 3]))
    later.add(np.array([2**40, 1, -7]), np.array([8, 8, 9]))
    found.merge(later)
    assert (found.of(3), found.of(-7), found.of(2**40), found.total) == (2, 2, 1, 7)
    assert (found.greatest, found.least) == ((2**40, 8), (-7, 1))
    assert found.seen.tolist() == [-7, 1, 3, DENSE + 5, 2**40]
    assert found.most(2) == [(-7, 2), (3, 2)]
    assert len(found.counts) < 10
    many = Vocabulary()
    many.add(-np.arange(1, 30_001), np.arange(30_000))
    assert len(many.others) == 10_000
    assert many.total == 30_000


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=12), st.integers(0, 12))
@settings(deadline=None, max_examples=60)
def test_ids_that_stand_in_one_row_alone_are_known_however_the_rows_were_shared_out(rows, cut):
    parts = [Vocabulary(), Vocabulary()]
    for part, numbers in zip(parts, (range(min(cut, len(rows))), range(cut, len(rows))), strict=True):
        for row in numbers:
            part.add(np.array(rows[row], np.int64), np.full(len(rows[row]), row))
    whole = parts[0]
    whole.merge(parts[1])
    own = {i: {row for row, ids in enumerate(rows) if i in ids} for i in range(10)}
    assert whole.alone == sum(ids.count(i) for ids in rows for i in own if len(own[i]) == 1)
    for i, row in enumerate(whole.only.tolist()):
        assert row == (-1 if not own[i] else next(iter(own[i])) if len(own[i]) == 1 else -2)


def test_rows_of_a_table_that_no_text_looks_up():
    scan = text_scan(["abc", "cab"], LETTERS)
    model = torch.nn.Sequential(torch.nn.Embedding(len(LETTERS) + 7, 4, padding_idx=0))
    found = untrained(embedding_of(model, "net"), scan.ids, scan.tokenizer)
    assert found.table.name == "net.0"
    assert len(found.unused) == len(LETTERS) + 7 - 3
    assert found.beyond.tolist() == list(range(len(LETTERS), len(LETTERS) + 7))
    assert found.outside.tolist() == []
    small = untrained(embedding_of(torch.nn.Embedding(LETTERS["b"] + 1, 4), "table"), scan.ids)
    assert small.outside.tolist() == [LETTERS["c"]]
    assert pieces(open_tokenizer(LETTERS), [LETTERS["c"], 99_999]) == ["c", "99999"]
    with pytest.raises(BadInput, match="`net` has no embedding table"):
        embedding_of(torch.nn.Linear(2, 2), "net")


def test_checks_are_given_one_reading_and_skipped_where_something_is_missing():
    data = list(zip(LINES[:40], [0, 1] * 20, strict=True))
    bench = Bench(train_data=data, val_data=data[:9], tokenizer=fast(), names={"train_data": "corpus"})
    scan = bench.once(train_text)
    assert bench.once(train_text) is scan
    assert (scan.name, scan.texts, bench.once(val_text).texts) == ("corpus", 40, 9)
    with pytest.raises(Missing, match="needs `tokenizer`"):
        Bench(train_data=data).once(train_text)
    with pytest.raises(Missing, match="needs `train_loader`"):
        Bench(tokenizer=fast()).once(train_text)
    with pytest.raises(Missing, match="needs `model`"):
        bench.once(embedding)
    with pytest.raises(BadInput, match="has no column of texts"):
        bench.replace(train_data=TensorDataset(torch.zeros(9, 3))).once(train_text)


def test_whole_numbers_of_a_table_are_no_ids_unless_a_model_looks_them_up():
    x = torch.randint(0, 3, (200, 5), generator=torch.Generator().manual_seed(0))
    data = TensorDataset(x, x[:, 0])
    with pytest.raises(BadInput, match="has no column of ids"):
        Bench(train_data=data).once(train_ids)
    looked_up = Bench(train_data=data, model=torch.nn.Embedding(3, 2, padding_idx=2)).once(train_ids)
    assert looked_up.roles.padding == 2
    assert looked_up.labels == ""


def test_of_several_columns_of_texts_the_longest_is_read_for_checks():
    data = {"question": [f"why {i}?" for i in range(40)], "answer": [f"because of {i}, and so on" for i in range(40)]}
    bench = Bench(train_data=data, val_data=data, tokenizer=LETTERS)
    assert bench.once(train_text).column == "answer"
    assert bench.once(val_text).column == "answer"


def test_texts_behind_a_collate_function_that_makes_ids_are_found():
    def collate(rows):
        ids = [
            torch.tensor([LETTERS.get(letter, 0) for letter in text[:5]] + [0] * (5 - len(text))) for text, _ in rows
        ]
        return {"input_ids": torch.stack(ids), "labels": torch.tensor([label for _, label in rows])}

    data = list(zip([line + " long" for line in LINES[:40]], [0, 1] * 20, strict=True))
    loader = DataLoader(data, batch_size=8, collate_fn=collate)
    bench = Bench(train_loader=loader, tokenizer=LETTERS, names={"train_loader": "train_dl"})
    assert bench.once(train_text).name == "train_dl.dataset"
    assert bench.once(train_text).texts == 40
    assert bench.once(train_ids).part.widths.counts == {5: 40}
    ids = TensorDataset(torch.zeros(8, 4, dtype=torch.long))
    kept = Bench(train_loader=DataLoader(ids), train_data=data, tokenizer=LETTERS)
    assert kept.once(train_text).name == "train_data"
