"""The same text has the same ids in training, in validation and in use.

A vocabulary that each split builds for itself, a set that is numbered anew by every run, another tokenizer in the
second cell: each id then says another word, and validation asks about gibberish. Two vocabularies are compared word by
word; ids are compared with what the tokenizer makes of the texts beside them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...finding import Finding, Verdict, bad, hint, number, ok, skipped
from ...scan.held import given_data
from ...scan.text import held
from ...scan.text.carried import carried
from ...scan.text.id_reading import IdScan
from ...scan.text.numbering import unordered
from ...scan.text.reading import TextScan
from ...tokens import Tokenizer, open_tokenizer

check = Check(__name__, tip="outputs of the tokenizer", cost="scan")

#: words that two vocabularies are compared by, and the fewest that say something
WORDS, FEW = 4000, 5
#: shares of rows whose ids are what the tokenizer makes of them: nearly all, hardly any; and rows from which on
MOST, HARDLY, ROWS = 0.9, 0.1, 20
#: overlap of the frequencies of ids in both (Bhattacharyya 1943) that two splits of one language exceed, and the one
#: that they have once both are sorted by frequency; tokens from which on it is looked at
APART, ALIKE, TOKENS = 0.7, 0.95, 2000
FIX = "Make the vocabulary once, from the training texts, and encode every split with it."


@check.run
def run(bench: Bench) -> Finding:
    given_data(bench, "train")
    found = _judged(bench)
    loose = unordered(bench.cells)
    if loose is None or found.verdict is Verdict.BAD:
        return found
    return hint(
        f"`{loose.name}` numbers words in the order of a set, which is another one each time Python starts; weights "
        "are written, and it is not",
        fix="Sort the words before they are numbered, or write the vocabulary beside the weights.",
        code="vocabulary = {word: i for i, word in enumerate(sorted(words))}",
        where=f"cell {loose.cell}: `{loose.line}`",
    )


def _judged(bench: Bench) -> Finding:
    given_data(bench, "val")
    train, val = carried(bench, "train"), carried(bench, "val")
    compared, one = 0, False
    if train is not None and val is not None:
        one = train.tokenizer.given is val.tokenizer.given
        found, compared = (None, 0) if one else _of_two(train.tokenizer, val.tokenizer, bad)
        if found is not None:
            return found
    if bench.tokenizer is not None and train is not None and bench.tokenizer is not train.tokenizer.given:
        found, _ = _of_two(train.tokenizer, open_tokenizer(bench.tokenizer, bench.name("tokenizer")), hint)
        if found is not None:
            return found
    if one and train is not None:
        return ok(f"both splits are encoded with one vocabulary, `{train.name}`")
    if compared:
        return ok(f"**{compared}** words have the same id in both vocabularies", words=compared)
    return _of_texts(bench) or _of_ids(bench)


def _of_two(one: Tokenizer, other: Tokenizer, claim: Any) -> tuple[Finding | None, int]:
    """What two tokenizers make of the words that both know, and how many those are."""
    words = _shared(one, other)
    if len(words) < FEW:
        return None, 0
    rows = [tokenizer.ids(words, special=False) for tokenizer in (one, other)]
    if any(found.failed for found in rows):
        return None, 0
    pairs = list(zip(*(found.rows() for found in rows), strict=True))
    apart = [i for i, (a, b) in enumerate(pairs) if not np.array_equal(a, b)]
    if not apart:
        return None, len(words)
    word, (a, b) = words[apart[0]], pairs[apart[0]]
    return claim(
        f"`{word}` is {_told(a)} in `{one.name}` and {_told(b)} in `{other.name}`: **{len(apart)}** of {len(words)} "
        "words that both know have other ids",
        fix=FIX,
        why="each id stands for another word in the other split" if claim is bad else "they may be for different texts",
        apart=len(apart),
        words=len(words),
    ), len(words)


def _told(ids: np.ndarray[Any, Any]) -> str:
    return str(int(ids[0])) if len(ids) == 1 else str(ids[:6].tolist())


def _shared(one: Tokenizer, other: Tokenizer) -> list[str]:
    """Pieces that stand in both vocabularies and are written as text."""
    known = [_pieces(tokenizer) for tokenizer in (one, other)]
    return [word for word in known[0] if word in known[1]][:WORDS]


def _pieces(tokenizer: Tokenizer) -> dict[str, int]:
    special, found = tokenizer.specials, {}
    for i in range(min(tokenizer.size or 0, 10 * WORDS)):
        if i in special.every or i in special.roles:
            continue
        try:
            piece = tokenizer.piece(i)
        except Exception:  # an id that its table does not have
            continue
        if piece and piece.strip():
            found[piece] = i
    return found


def _of_texts(bench: Bench) -> Finding | None:
    """Ids beside their texts, against what the tokenizer makes of these."""
    if bench.tokenizer is None:
        return None
    measures = (held.train_text, held.train_ids), (held.val_text, held.val_ids)
    scans = [[_scanned(bench, measure) for measure in pair] for pair in measures]
    shares = [_made_by(texts, ids) for texts, ids in scans if texts is not None and ids is not None]
    if len(shares) < 2 or min(rows for _, rows in shares) < ROWS:
        return None
    (train, _), (val, rows) = shares
    names = [given_data(bench, split)[1] for split in ("train", "val")]
    if min(train, val) <= HARDLY and max(train, val) >= MOST:
        right, wrong = names if train > val else names[::-1]
        share = min(train, val)
        return bad(
            f"`{bench.name('tokenizer')}` makes of the texts of `{right}` the ids that stand beside them, and of those "
            f"of `{wrong}` in **{number(100 * share, 3)} %** of the rows only",
            fix=FIX,
            train=train,
            val=val,
        )
    if min(train, val) >= MOST:
        return ok(f"in **{rows}** rows of either split the ids are what `{bench.name('tokenizer')}` makes of the text")
    return None


def _made_by(texts: TextScan, ids: IdScan) -> tuple[float, int]:
    """Share of the rows whose ids are those of their text, cut or not, special tokens left out; and how many rows."""
    block = ids.part.sample.block()
    by_row = {one.row: one.text for one in texts.sample() if not one.is_cut}
    special = np.array(sorted({*texts.tokenizer.specials.every, *texts.tokenizer.specials.roles} - _unknown(texts)))
    same = rows = 0
    for row, stands, real in zip(block.rows.tolist(), block.columns["ids"], block.columns["real"], strict=True):
        if row not in by_row:
            continue
        own = stands[real]
        own = own[~np.isin(own, special)]
        made = texts.tokenizer.ids([by_row[row]], special=False).values
        made = made[~np.isin(made, special)]
        if len(own) and len(made):
            least = min(len(own), len(made))
            rows += 1
            same += bool(np.array_equal(own[:least], made[:least]) or np.array_equal(own[-least:], made[-least:]))
    return same / max(rows, 1), rows


def _unknown(texts: TextScan) -> set[int]:
    unknown = texts.tokenizer.specials.unknown
    return {unknown} if unknown is not None else set()


def _of_ids(bench: Bench) -> Finding:
    """Frequencies alone."""
    scans = [_scanned(bench, measure) for measure in (held.train_ids, held.val_ids)]
    train, val = scans
    if train is None or val is None:
        return skipped("the data hold no ids, or carry no vocabulary that could be compared")
    counts = [scan.part.ids.counts.astype(float) for scan in (train, val)]
    size = max(map(len, counts))
    counts = [np.pad(each, (0, size - len(each))) for each in counts]
    if min(each.sum() for each in counts) < TOKENS:
        return skipped(f"fewer than {TOKENS} ids in a split are too few to compare")
    both = (counts[0] > 0) & (counts[1] > 0)  # other topics have other words, and the frequencies of those they share
    if both.sum() < 2:
        return skipped("no two ids stand in both splits")
    p, q = (each[both] / each[both].sum() for each in counts)
    overlap, ranked = float(np.sqrt(p * q).sum()), float(np.sqrt(np.sort(p) * np.sort(q)).sum())
    if overlap < APART and ranked > ALIKE:
        often = [int(each.argmax()) for each in counts]
        return hint(
            f"the frequencies of ids in `{train.name}` and `{val.name}` overlap by **{number(overlap, 2)}** of 1, and "
            f"by {number(ranked, 2)} once both are sorted: id {often[0]} is the most frequent in training and "
            f"{often[1]} in validation",
            fix="See whether both splits were encoded with one vocabulary.",
            why="the same language in other ids looks so, and so does another language",
            overlap=overlap,
            ranked=ranked,
        )
    return ok(f"the frequencies of ids in both splits overlap by {number(overlap, 2)} of 1", overlap=overlap)


def _scanned(bench: Bench, measure: Any) -> Any:
    try:
        return bench.once(measure)
    except (Missing, BadInput):
        return None


SAID = "the soup was warm and the bed was clean", "a quick waiter brought cold bread to the lake view room"


class Texts(Dataset[Any]):
    """Texts and the vocabulary that encodes them."""

    def __init__(self, texts: list[str], vocab: dict[str, int]) -> None:
        self.texts, self.vocab = texts, vocab

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, i: int) -> Any:
        ids = [self.vocab.get(word, 1) for word in self.texts[i].split()][:9]
        return torch.tensor(ids + [0] * (9 - len(ids))), i % 3


def _bench(train: Dataset[Any], val: Dataset[Any]) -> Bench:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Embedding(40, 8), nn.Flatten(), nn.Linear(72, 3))
    return Bench(model=net, train_data=train, val_data=val, names={"train_data": "train_set", "val_data": "val_set"})


def _vocabulary(texts: tuple[str, ...]) -> dict[str, int]:
    return {"<pad>": 0, "<unk>": 1} | {w: i for i, w in enumerate(sorted({w for t in texts for w in t.split()}), 2)}


@check.breaks
def a_vocabulary_for_each_split() -> Bench:
    """Each split numbers its own words."""
    one, other = SAID[::-1], (SAID[0], "he said the bed was cold but clean and the waiter quick")
    return _bench(Texts([*one] * 8, _vocabulary(one)), Texts([*other] * 4, _vocabulary(other)))


@check.holds
def one_vocabulary() -> Bench:
    """Both splits are encoded with the words of training."""
    words = _vocabulary(SAID)
    return _bench(Texts([*SAID] * 8, words), Texts([SAID[0]] * 4, words))


@check.holds
def two_equal_vocabularies() -> Bench:
    """Two tables that say the same."""
    return _bench(Texts([*SAID] * 8, _vocabulary(SAID)), Texts([SAID[0]] * 4, _vocabulary(SAID)))


@check.holds
def ids_alone() -> Bench:
    """Two splits of one kind of ids."""
    given = toys.next_token(rows=256)
    return given.replace(val_data=toys.next_token(rows=256, seed=0).train_data)
