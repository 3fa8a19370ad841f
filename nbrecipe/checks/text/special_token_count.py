"""Special tokens stand where the tokenizer puts them, once, and in every row alike.

A start token that the template has put in and the tokenizer puts in again, a text that was cut by a slice and lost its
end, validation rows without what training rows begin with: nothing fails, and everything is a little worse. Rows cut
from one long text begin and end anywhere, and pairs hold a separator more: both are as they should be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...scan.text import held
from ...scan.text.carried import equipped
from ...scan.text.id_reading import IdScan
from ...scan.text.table import pieces
from ...tokens import Tokenizer, open_tokenizer

check = Check(__name__, tip="outputs of the tokenizer", cost="scan")

#: share of rows that all rows are, but for odd ones; share from which on some rows differ from the others; and share
#: that rows cut from a long text do not reach by chance, for the start of a text is rare in it
ALL, SOME, BEYOND = 0.9, 0.02, 0.2
#: rows from which on "all" and "none" say something
FEWEST = 8
STARTS, STOPS = ("begin", "classify"), ("end", "separate")


@dataclass(frozen=True)
class Rows:
    """How the rows of a sample begin and end, padding left out."""

    name: str
    count: int
    #: the first and the last two tokens of each; -1 where there is none
    first: np.ndarray[Any, Any]
    last: np.ndarray[Any, Any]
    #: how often the last token of each stands there, one after the other
    runs: np.ndarray[Any, Any]
    #: whether each is as long as the longest
    longest: np.ndarray[Any, Any]
    #: whether rows are cut from one long text: all of one length, and none padded
    packed: bool
    #: whether the targets are the tokens themselves
    causal: bool

    def share(self, end: str, i: int) -> float:
        """Share of the rows that begin, or end, with a token."""
        at = self.first[:, 0] if end == "first" else self.last[:, 0]
        return float((at == i).mean())


@check.run
def run(bench: Bench) -> Finding:
    given = bench.once(equipped)
    scan = given.once(held.train_ids)
    if given.tokenizer is None:
        return skipped("it is not known which tokens are special: hand over the tokenizer")
    tokenizer = open_tokenizer(given.tokenizer, given.name("tokenizer"))
    train = _rows(scan)
    if train.count < FEWEST:
        return skipped(f"{train.count} rows are too few to tell; {FEWEST} are enough")
    known = {role: i for role, i in scan.roles.special.items() if role in (*STARTS, *STOPS)}
    if not known:
        return skipped("the tokenizer names no token that begins or ends a text")
    val = _rows(scanned) if (scanned := _val(given)) is not None else None
    found = _doubled(train, tokenizer, known, scan) or _only_in_one(train, val, tokenizer, known)
    if found is None and not train.packed:
        found = _unlike(train, tokenizer, known) or _missing(train, tokenizer, known, scan)
    return found or _as_usual(train, tokenizer)


def _as_usual(rows: Rows, tokenizer: Tokenizer) -> Finding:
    if rows.packed:
        return ok(
            f"{rows.count} rows of one length begin and end anywhere: they are cut from longer texts", rows=rows.count
        )
    told = [_most(values, tokenizer) for values in (rows.first[:, 0], rows.last[:, 0])]
    return ok(f"of **{rows.count}** rows {told[0]} begin, and {told[1]} end, with it", rows=rows.count)


def _most(values: np.ndarray[Any, Any], tokenizer: Tokenizer) -> str:
    kinds, counts = np.unique(values, return_counts=True)
    return f"{counts.max()} have `{_piece(tokenizer, int(kinds[counts.argmax()]))}` where they"


def _rows(scan: IdScan) -> Rows:
    block = scan.part.sample.block().columns
    firsts, lasts, widths, runs = [], [], [], []
    for ids, real in zip(block.get("ids", []), block.get("real", []), strict=True):
        own = ids[real]
        if len(own):
            firsts.append([own[0], own[1] if len(own) > 1 else -1])
            lasts.append([own[-1], own[-2] if len(own) > 1 else -1])
            widths.append(len(own))
            runs.append(int(np.argmax(np.append(own[::-1] != own[-1], True))))
    lengths = np.array(widths)
    packed = len(widths) > 1 and bool((lengths == lengths[0]).all()) and scan.padded == 0
    causal = max(scan.part.same, scan.part.following) >= 0.99 * max(scan.part.targets.total, 1) and bool(scan.labels)
    ends = (np.array(firsts).reshape(-1, 2), np.array(lasts).reshape(-1, 2))
    return Rows(scan.name, len(widths), *ends, np.array(runs), lengths == lengths.max(initial=0), packed, causal)


def _doubled(rows: Rows, tokenizer: Tokenizer, known: dict[str, int], scan: IdScan) -> Finding | None:
    """A start, or an end, that stands twice."""
    for roles, ends, word in ((STARTS, rows.first, "begin"), (STOPS, rows.last, "end")):
        for role in roles:
            i = known.get(role)
            if i is None or _may_fill(rows, i, scan, word):
                continue  # the second one may be padding
            both = (ends[:, 0] == i) & (ends[:, 1] == i)
            share = float(both.mean())
            if share < SOME or int(both.sum()) < 2:
                continue
            piece = _piece(tokenizer, i)
            claim = bad if share >= ALL and not _puts_both(tokenizer, i, word) else hint
            return claim(
                f"**{number(100 * share, 3)} %** of {rows.count} rows looked at {word} with `{piece}` (id {i}) twice",
                fix="Let either the template or the tokenizer put it in, not both.",
                code=f"ids = {tokenizer.name}(text, add_special_tokens=False)",
                why="the text holds it already when it is encoded",
                id=i,
                share=share,
            )
    return None


def _may_fill(rows: Rows, i: int, scan: IdScan, word: str) -> bool:
    """Whether rows may be filled up with a token: it is that of padding, or stands at ends in runs of any length."""
    if scan.mask:
        return False
    return i == scan.roles.padding or (word == "end" and bool((rows.runs[rows.last[:, 0] == i] > 2).any()))


def _puts_both(tokenizer: Tokenizer, i: int, word: str) -> bool:
    """Whether the tokenizer itself puts it in twice."""
    ids = tokenizer.ids(["a"]).values.tolist()
    return bool((ids[:2] if word == "begin" else ids[-2:]) == [i, i])


def _only_in_one(train: Rows, val: Rows | None, tokenizer: Tokenizer, known: dict[str, int]) -> Finding | None:
    """What all rows of one split have, and none of the other."""
    if val is None or val.count < FEWEST or train.packed or val.packed:
        return None
    for role, i in known.items():
        for end, word in (("first", "begin"), ("last", "end")):
            one, other = train.share(end, i), val.share(end, i)
            if (role in STARTS) == (end == "first") and min(one, other) == 0 and max(one, other) >= ALL:
                have, lack = (train, val) if one else (val, train)
                return bad(
                    f"**{number(100 * max(one, other), 3)} %** of the rows of `{have.name}` {word} with "
                    f"`{_piece(tokenizer, i)}` (id {i}), and **none** of `{lack.name}`",
                    fix="Encode both splits with the same settings.",
                    id=i,
                    train=one,
                    val=other,
                )
    return None


def _unlike(rows: Rows, tokenizer: Tokenizer, known: dict[str, int]) -> Finding | None:
    """Some rows begin or end otherwise than the rest."""
    for role, i in known.items():
        end, word = ("first", "begin") if role in STARTS else ("last", "end")
        share = rows.share(end, i)
        if not BEYOND <= share <= 1 - SOME:
            continue
        lack = (rows.first if end == "first" else rows.last)[:, 0] != i
        cut = end == "last" and bool(rows.longest[lack].all())
        return hint(
            f"**{number(100 * share, 3)} %** of the {rows.count} rows looked at {word} with `{_piece(tokenizer, i)}` "
            f"(id {i}), and the others do not" + (": all of those are cut at the greatest length" if cut else ""),
            fix="Let the tokenizer cut texts, so that its last token stays." if cut else "See why some rows lack it.",
            code=f"ids = {tokenizer.name}(text, truncation=True, max_length=...)" if cut else "",
            id=i,
            share=share,
        )
    return None


def _missing(rows: Rows, tokenizer: Tokenizer, known: dict[str, int], scan: IdScan) -> Finding | None:
    """What the tokenizer puts in, and no row has; texts of a language model that never end."""
    put = tokenizer.ids(["a"]).values.tolist()
    for end, i, roles, word in (("first", put[:1], STARTS, "begins"), ("last", put[-1:], STOPS, "ends")):
        if i and i[0] in [known[role] for role in roles if role in known] and rows.share(end, i[0]) == 0:
            return hint(
                f"no row {word} with `{_piece(tokenizer, i[0])}` (id {i[0]}), which `{tokenizer.name}` puts there",
                fix="Leave `add_special_tokens` on, unless the model was trained without.",
                id=i[0],
            )
    end_id = known.get("end")
    if end_id is None or (scan.padded > 0 and _may_fill(rows, end_id, scan, "end")):
        return None
    if rows.causal and scan.part.ids.of(end_id) == 0 and not rows.longest.all():
        return hint(
            f"no row ends with `{_piece(tokenizer, end_id)}` (id {end_id}): the model does not learn to end a text",
            fix="Add the end token to each text before it is encoded.",
            code=f"text = text + {tokenizer.name}.eos_token",
            id=end_id,
        )
    return None


def _piece(tokenizer: Tokenizer, i: int) -> str:
    return pieces(tokenizer, [i])[0]


def _val(given: Bench) -> IdScan | None:
    try:
        return given.once(held.val_ids)
    except (Missing, BadInput):
        return None


PAD, START, STOP = 0, 1, 2
WORDS = {"<pad>": PAD, "<s>": START, "</s>": STOP} | {f"w{i}": i for i in range(3, 24)}


def _texts(start: int = 1, stop: int = 1, val: int = 1, packed: bool = False) -> Bench:
    """Rows with so many start and end tokens, filled up to one length; `val` is how many validation rows begin with."""
    g, loaders = toys.seeded(), []
    for starts in (start, val):
        rows = []
        for _ in range(64):
            words = torch.randint(3, 24, (int(torch.randint(3, 9, (1,), generator=g)),), generator=g)
            rows.append(torch.cat([torch.full((starts,), START), words, torch.full((stop,), STOP)]))
        whole = torch.cat(rows)
        ids = whole[: 12 * 24].view(-1, 12) if packed else nn.utils.rnn.pad_sequence(rows, batch_first=True)
        data: Any = [{"input_ids": one, "label": i % 3} for i, one in enumerate(ids)]
        loaders.append(DataLoader(data, batch_size=16))
    names = {"train_loader": "train_dl", "val_loader": "val_dl", "tokenizer": "words"}
    return Bench(model=_Mean(), train_loader=loaders[0], val_loader=loaders[1], tokenizer=WORDS, names=names)


class _Mean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.table, self.head = nn.Embedding(24, 8, padding_idx=PAD), nn.Linear(8, 3)

    def forward(self, input_ids: Tensor) -> Tensor:
        kept = (input_ids != PAD)[..., None]
        made: Tensor = self.head((self.table(input_ids) * kept).sum(1) / kept.sum(1))
        return made


@check.breaks
def start_twice() -> Bench:
    """The template begins with the start token, and the tokenizer puts in another."""
    return _texts(start=2, val=2)


@check.breaks
def no_start_in_validation() -> Bench:
    """Validation was encoded without special tokens."""
    return _texts(val=0)


@check.holds
def one_start_one_end() -> Bench:
    """Each row has one of both."""
    return _texts()


@check.holds
def no_special_tokens() -> Bench:
    """A vocabulary that has them, and rows that do without."""
    return _texts(start=0, stop=0, val=0)


@check.holds
def packed_rows() -> Bench:
    """Blocks of one long text, with starts and ends in the middle."""
    return _texts(packed=True)
