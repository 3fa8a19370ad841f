"""The end of a text is among the targets of a language model.

Where padding is the end token itself, as in many causal models, masking the targets by the padding's id masks every end
as well: the model is never asked to end, and generation goes on until it is cut off. The attention mask tells both
apart: the end of a text is attended to, padding is not.
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
from ...finding import Finding, bad, hint, ok, skipped
from ...scan.text import held
from ...scan.text.carried import equipped
from ...scan.text.id_reading import IdScan
from ...tokens import open_tokenizer

check = Check(__name__, tip="outputs of the tokenizer", cost="scan")

#: share of the learned targets that are the row's own tokens, or the next ones, in a causal language model
SURE = 0.99
#: rows with an end behind a learned token from which on none of them being learned says something
FEWEST = 8


@dataclass(frozen=True)
class Ends:
    """Rows of a sample that end with the end token behind a token that is learned."""

    rows: int
    learned: int
    #: whether the end token fills rows up as well
    fills: bool
    #: whether a mask, or the tokenizer's own way to end texts, tells the end from padding
    known: bool


@check.run
def run(bench: Bench) -> Finding:
    given = bench.once(equipped)
    scan = given.once(held.train_ids)
    end = scan.roles.special.get("end")
    if end is None:
        lacks = "hand over the tokenizer" if given.tokenizer is None else "the tokenizer names none"
        return skipped(f"it is not known which token ends a text: {lacks}")
    if not scan.labels or scan.part.supervised is None:
        return skipped("the data have no target for each token")
    ignored = _ignored(bench)
    ahead = _ahead(scan, ignored)
    if ahead is None:
        return skipped("the targets are not the rows' own tokens: this is no causal language model")
    seen = _ends(scan, end, ahead, ignored, adds=_adds_end(scan, given, end))
    if seen.rows < FEWEST:
        return ok(
            f"{seen.rows} of the rows looked at end with the end token: they are cut, or one long text", rows=seen.rows
        )
    if seen.learned:
        return ok(
            f"the end token is a target in **{seen.learned}** of the {seen.rows} rows that end with it", rows=seen.rows
        )
    told = f"in **none** of the {seen.rows} rows looked at that end with the end token (id {end}) it is a target"
    masked = bool(scan.mask)
    return (bad if seen.fills and seen.known else hint)(
        f"{told}, though the token before it is" + ("; padding is the same token" if seen.fills else ""),
        fix="Mask targets where the attention mask is 0, not where the id is that of padding.",
        code="labels = input_ids.masked_fill(attention_mask == 0, -100)" if masked else "",
        why="the model is never asked to end a text" + ("" if seen.known else ", unless rows hold no end but padding"),
        rows=seen.rows,
        end=end,
    )


def _ahead(scan: IdScan, ignored: set[int]) -> int | None:
    """How many places before a token its target stands, 0 or 1; None where targets are something else."""
    block = scan.part.sample.block().columns
    counts = [0, 0, 0, 0]
    for ids, labels in zip(block["ids"], block["labels"], strict=True):
        learned = ~np.isin(labels, list(ignored))
        counts[0] += int((labels == ids)[learned].sum())
        counts[1] += int(learned.sum())
        counts[2] += int((labels[:-1] == ids[1:])[learned[:-1]].sum())
        counts[3] += int(learned[:-1].sum())
    shares = [counts[0] / max(counts[1], 1), counts[2] / max(counts[3], 1)]
    return shares.index(max(shares)) if max(shares) >= SURE else None


def _ends(scan: IdScan, end: int, ahead: int, ignored: set[int], *, adds: bool) -> Ends:
    block = scan.part.sample.block().columns
    rows = learned = fills = 0
    for ids, real, labels in zip(block["ids"], block["real"], block["labels"], strict=True):
        run = _run(ids, end)
        fills += run > 1
        last = int(np.flatnonzero(real)[-1]) if scan.mask and real.any() else len(ids) - max(run, 1)
        place = last - ahead
        if last < 1 or place < 1 or ids[last] != end or labels[place - 1] in ignored:
            continue
        rows += 1
        learned += labels[place] not in ignored
    same = scan.roles.padding == end
    return Ends(rows, learned, same or fills > 1, bool(scan.mask) or adds)


def _run(ids: np.ndarray[Any, Any], end: int) -> int:
    """How many end tokens a row ends with."""
    others = np.flatnonzero(ids != end)
    return int(len(ids) - 1 - others[-1]) if len(others) else len(ids)


def _ignored(bench: Bench) -> set[int]:
    """Targets that do not count."""
    found = {-100, getattr(bench.loss_fn, "ignore_index", -100)}
    try:
        task = bench.get("task")
    except (BadInput, Missing):
        return found
    return found | ({int(task.call.options.get("ignore_index", -100))} if task.call is not None else set())


def _adds_end(scan: IdScan, given: Bench, end: int) -> bool:
    """Whether the tokenizer ends every text by itself."""
    try:
        ids = open_tokenizer(given.tokenizer).ids(["a"])
    except BadInput:
        return False
    return len(ids.values) > 1 and int(ids.values[-1]) == end


class Letters:
    """A tokenizer as transformers has them, of letters, whose padding is its end token."""

    eos_token_id = pad_token_id = 1
    all_special_ids = (1,)

    def get_vocab(self) -> dict[str, int]:
        """The letters and the end."""
        return {"<end>": 1} | {chr(95 + i): i for i in range(2, 24)}

    def convert_ids_to_tokens(self, i: int) -> str:
        """One letter."""
        return {i: piece for piece, i in self.get_vocab().items()}[i]

    def batch_decode(self, rows: Any) -> list[str]:
        """Rows of letters."""
        return ["".join(map(self.convert_ids_to_tokens, row)) for row in rows]

    def __call__(self, texts: list[str], **_: Any) -> dict[str, Any]:
        """Letters alone: no end is put in."""
        return {"input_ids": [[self.get_vocab()[letter] for letter in text] for text in texts]}


class Own(nn.Module):
    """A language model that shifts its labels itself."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.lm()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.body(input_ids)
        return {"loss": toys.token_loss(logits[:, :-1], labels[:, 1:]), "logits": logits}


def _rows(by_id: bool, cut: bool = False, prompt: int = 0) -> Bench:
    g = toys.seeded()
    ids = torch.randint(2, 24, (64, 12), generator=g)
    lengths = torch.full((64, 1), 12) if cut else torch.randint(6, 12, (64, 1), generator=g)
    places = torch.arange(12)
    ids, mask = ids.masked_fill(places >= lengths - int(not cut), 1), (places < lengths).long()
    hidden = (ids == 1) if by_id else (mask == 0)
    labels = ids.masked_fill(hidden | (places < prompt), -100)
    rows: Any = [{"input_ids": i, "attention_mask": m, "labels": y} for i, m, y in zip(ids, mask, labels, strict=True)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Own()
    return Bench(model=net, train_loader=DataLoader(rows, batch_size=16), tokenizer=Letters())


@check.breaks
def masked_by_the_id_of_padding() -> Bench:
    """Padding is the end token, and labels of that id are -100."""
    return _rows(by_id=True)


@check.holds
def masked_by_the_attention_mask() -> Bench:
    """Padding is the end token, and labels are -100 where the mask is 0."""
    return _rows(by_id=False)


@check.holds
def prompts_masked() -> Bench:
    """The first half of a row is the prompt, and no target."""
    return _rows(by_id=False, prompt=4)


@check.holds
def rows_that_are_cut() -> Bench:
    """Texts longer than a row have no end in it."""
    return _rows(by_id=True, cut=True)
