"""No text is cut before what the model is to learn from it.

A limit on the length cuts the end of long texts. Where the answer stands there, a row has no target left, and says
nothing to the loss; where the class can only be told at the end, the net is asked to guess. A cheap model that reads
whole texts, and one that reads what was kept of them, say what the cut costs: rows that only the first gets right are
counted against those that only the second does.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from ... import toys
from ...batches import BadInput
from ...bench import Bench
from ...check import Check
from ...experiments.simple.cutting import FOLDS, Cutting, cutting
from ...finding import Finding, bad, hint, number, ok, skipped
from ...scan.text import held
from ...scan.text.carried import equipped
from ...scan.text.id_reading import IdScan
from ...scan.text.kept import Kept, kept_texts

check = Check(__name__, tip="truncated inputs", cost="scan")

#: chance below which it is no accident that all rows without a target have the greatest length, or that the whole
#: texts are told apart better; share of right answers that a cut has to cost
CHANCE, COST = 1e-6, 0.05
#: share of the rows without a target, or cut, that matters; rows that a model is fitted to
SHARE, ROWS = 0.01, 200
CUT = 0.05
#: lengths of a pile: rows of the greatest length, against those of the lengths right below
PILE, BELOW, FEWEST = 5.0, 0.75, 16
IGNORED = -100
LOOK = "See whether what tells the answer stands behind the cut."


@check.run
def run(bench: Bench) -> Finding:
    scan = bench.once(equipped).once(held.train_ids)
    if scan.part.rows == 0:
        return skipped("the data hold no rows of ids")
    if scan.labels and scan.part.supervised is not None:
        return _of_targets(scan)
    texts = bench.once(kept_texts)
    if texts is not None:
        return _of_texts(texts)
    return _of_lengths(scan)


def _of_targets(scan: IdScan) -> Finding:
    """Rows that have a target at each token, or at none."""
    assert scan.part.supervised is not None
    empty = scan.part.supervised.counts[0]
    if not empty:
        return ok(f"each of the **{scan.rows}** rows has a target", rows=scan.rows)
    greatest = scan.part.lengths.greatest
    block = scan.part.sample.block().columns
    lengths = np.array([int(real.sum()) for real in block["real"]])
    without = np.array([not (labels != IGNORED).any() for labels in block["labels"]])
    there, longest = lengths[without], float((lengths[~without] == greatest).mean()) if (~without).any() else 1.0
    first = ", ".join(map(str, scan.part.unsupervised[:3]))
    have = "has" if empty == 1 else "have"
    told = f"**{empty}** of {scan.rows} rows {have} no target left ({first}{', …' if empty > 3 else ''})"
    seen: dict[str, Any] = {"empty": empty, "rows": scan.rows, "greatest": greatest}
    if not len(there) or not bool((there == greatest).all()):
        return ok(f"{told}; they are not the longest ones, so no cut has taken it", **seen)
    certain = longest ** len(there) < CHANCE and len(there) > 2 and empty >= SHARE * scan.rows
    return (bad if certain else hint)(
        f"{told}: all that were looked at have the greatest length, **{greatest}** tokens, as have "
        f"{number(100 * longest, 2)} % of the others",
        fix="Cut the prompt and not the answer, raise the greatest length, or leave these rows out.",
        why="they say nothing to the loss; a batch of nothing else gives NaN",
        **seen,
    )


def _of_texts(texts: Kept) -> Finding:
    """Whole texts against what was kept of them."""
    cut = texts.cut
    share = float(cut.mean())
    told = f"**{number(100 * share, 3)} %** of the texts of `{texts.name}` are cut at {texts.limit} tokens"
    seen: dict[str, Any] = {"cut": share, "limit": texts.limit, "rows": len(cut)}
    if share < CUT:
        return ok(f"**{number(100 * share, 2)} %** of the {len(cut)} texts looked at are cut", **seen)
    lost = sum(len(whole) - len(kept) for whole, kept in zip(texts.whole, texts.kept, strict=True))
    lost_share = lost / max(sum(map(len, texts.whole)), 1)
    told += f", and {number(100 * lost_share, 2)} % of all tokens with them"
    counts = Counter(texts.labels)
    if len(cut) < ROWS or len(counts) < 2 or min(counts.values()) < FOLDS:
        return hint(told, fix=LOOK, **seen)
    try:
        found = cutting(texts.whole, texts.kept, texts.labels)
    except (BadInput, ValueError) as lack:  # without scikit-learn, or without a word that stands twice
        return hint(told, fix=LOOK, why=str(lack) if isinstance(lack, BadInput) else "", **seen)
    return _judged(told, found, seen)


def _judged(told: str, found: Cutting, seen: dict[str, Any]) -> Finding:
    seen |= {"whole": found.whole, "kept": found.kept, "gained": found.gained, "lost": found.lost}
    told += (
        f"; words alone tell the class of {number(100 * found.whole, 3)} % of unseen whole texts, and of "
        f"{number(100 * found.kept, 3)} % of what was kept"
    )
    why = f"{found.gained} rows are told from the whole text alone, {found.lost} from the part alone"
    if found.chance < CHANCE and found.whole - found.kept >= COST:
        fix = "Raise the greatest length, or keep the part of the text that tells the answer."
        return bad(told, fix=fix, why=why, **seen)
    if found.whole - found.kept >= COST:
        return hint(told, fix=LOOK, why=why, **seen)
    return ok(told, why=why, **seen)


def _of_lengths(scan: IdScan) -> Finding:
    """A pile of rows at the greatest length, where whole texts are not at hand."""
    counts, greatest = scan.part.lengths.counts, scan.part.lengths.greatest
    pile, share = scan.at_greatest, scan.at_greatest / max(scan.rows, 1)
    below = [counts[length] for length in range(int(BELOW * greatest), greatest)]
    told = f"**{number(100 * share, 3)} %** of the {scan.rows} rows have exactly the greatest length, {greatest} tokens"
    if share > 0.98 or not below:
        return ok(f"{told}: all rows have it, or all but the last")
    if pile >= FEWEST and share >= CUT and pile > PILE * max([1, *below]):
        return hint(
            f"{told}, and {max(below)} at most each of the lengths right below: texts are cut there",
            fix="See what is cut off, and whether it tells the answer.",
            code="%tokens tokenizer texts",
            share=share,
            greatest=greatest,
        )
    return ok(f"{told}; texts do not pile up there", share=share, greatest=greatest)


SAID = "the a room bed view garden soup waiter bread in on of near with for by at to from up"
FILLING = SAID.split()
TELLING = (("lovely", "clean", "warm"), ("rude", "dirty", "cold"))


def _classes(limit: int, at_end: bool = True) -> Bench:
    """Texts of 12 to 24 words with a class that one word tells, and ids of as many words as the limit allows."""
    g, rows = toys.seeded(), []
    words = [*FILLING, *TELLING[0], *TELLING[1]]
    for i in range(240):
        length = int(torch.randint(12, 25, (1,), generator=g))
        said = [FILLING[k] for k in torch.randint(len(FILLING), (length,), generator=g).tolist()]
        said[-1 if at_end else 2] = TELLING[i % 2][int(torch.randint(3, (1,), generator=g))]
        ids = [words.index(word) + 1 for word in said][:limit]
        rows.append({"text": " ".join(said), "ids": torch.tensor(ids + [0] * (24 - len(ids))), "label": i % 2})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Embedding(40, 8, padding_idx=0), nn.Flatten(), nn.Linear(192, 2))
    data: Any = rows
    loader = DataLoader(data, batch_size=32)
    return Bench(model=net, train_loader=loader, batch=_fed(rows), loss_fn=nn.CrossEntropyLoss())


def _fed(rows: list[dict[str, Any]]) -> Any:
    some = rows[:32]
    return torch.stack([row["ids"] for row in some]), torch.tensor([row["label"] for row in some])


@check.breaks
def told_at_the_end() -> Bench:
    """The last word tells the class, and most rows are cut before it."""
    return _classes(limit=12)


@check.breaks
def answers_cut_off() -> Bench:
    """Prompts of the greatest length leave no room for their answers."""
    g, rows = toys.seeded(), []
    for i in range(64):
        ids = torch.randint(2, 24, (16 if i % 4 == 0 else 12,), generator=g)
        start = 16 if i % 4 == 0 else 8
        rows.append({"input_ids": ids, "labels": ids.masked_fill(torch.arange(len(ids)) < start, IGNORED)})
    return Bench(train_data=rows)


@check.holds
def told_at_the_start() -> Bench:
    """The third word tells the class: what is cut says nothing."""
    return _classes(limit=12, at_end=False)


@check.holds
def nothing_cut() -> Bench:
    """The limit is the length of the longest text."""
    return _classes(limit=24)


@check.holds
def blocks_of_one_text() -> Bench:
    """Rows cut from one long text all have one length."""
    return toys.next_token()
