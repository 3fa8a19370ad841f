"""The output for a text does not depend on how far it is padded.

Rows are padded to the longest of their batch. Where attention looks at padding, a recurrent net reads on past the end,
or a mean divides by the padded length, the same text gets another answer in another batch, and another one when it is
served alone. Each of a few rows is cropped to its own tokens; what moves by more than rounding moves by its padding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ... import toys
from ...batches.models import plain
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...probes.graph.mentions import is_foreign
from ...probes.rows.cropping import Padding, padding
from ...probes.rows.origin import said

check = Check(__name__, tip="outputs of the tokenizer")

#: ways that are a fault where padding is known and of several lengths; others may be meant
FAULTS = ("attention", "recurrence", "mean")
#: ways that zeros on both sides of a text are meant for
HARMLESS = ("max", "convolution")
TOLD = {
    "attention": "attention gives weight to padding",
    "recurrence": "a recurrent layer reads on past the last token",
    "mean": "a mean counts padding",
    "sum": "a sum counts padding",
    "max": "a maximum is taken over padding too",
    "last step": "the last place is read, where padding stands",
    "convolution": "a window at the end of a text sees padding",
}


@check.run
def run(model: nn.Module, batch: object, bench: Bench) -> Finding:
    with bench.untouched():
        seen = bench.once(padding)
    if seen.why or seen.padded is None:
        return skipped(seen.why)
    length, tokens = seen.padded.ids.shape[1], seen.padded.lengths[seen.row]
    if not seen.matters:
        several = f"{seen.tried} rows cropped to their tokens keep their"
        rows = several if seen.tried > 1 else "a row cropped to its tokens keeps its"
        far = f"it moves by {number(seen.moved, 2)} at most" if seen.moved else "bit for bit"
        return ok(f"{rows} output: {far}", moved=seen.moved)
    way = TOLD.get(seen.mechanism, f"by way of `{seen.mechanism}`" if seen.mechanism else "it is not known how")
    share = f"{100 * seen.moved / seen.spread:.0f} % of the spread between examples" if seen.spread else ""
    far = f"by **{number(seen.moved, 3)}**, {share}" if seen.moved < float("inf") else "to values that are no numbers"
    what = f"without its padding the output of row **{seen.row}** ({tokens} tokens of {length}) moves {far}; {way}"
    foreign = seen.padded.told and is_foreign(plain(model))  # its author has seen to the mask
    if seen.mechanism in HARMLESS and seen.padded.zeros:
        return ok(f"{what}, whose vectors are zero as at the edge of an image", moved=min(seen.moved, 1e30))
    claim = bad if _is_certain(seen) and not foreign else hint
    return claim(
        f"{what}; rounding would move it by {number(seen.rounding, 2)} at most",
        fix=_fix(seen),
        why=_why(seen),
        where=said(bench, seen.line) if seen.line is not None else "",
        row=seen.row, tokens=tokens, length=length, moved=seen.moved, spread=seen.spread, mechanism=seen.mechanism,
        source=seen.padded.source,
    )  # fmt: skip


def _is_certain(seen: Padding) -> bool:
    """Whether padding is known for what it is, of several lengths or told to the model, and counted all the same."""
    assert seen.padded is not None
    known = bool(seen.padded.source) and not seen.padded.left
    return known and seen.mechanism in FAULTS and (seen.padded.told or seen.several)


def _why(seen: Padding) -> str:
    assert seen.padded is not None
    if seen.padded.left:
        return "padding on the left moves the places of tokens as well"
    if not seen.padded.source:
        return "the padding was guessed: the id that rows end in, and that stands nowhere else"
    if not seen.padded.told and not seen.several:
        return "harmless as long as every batch, then and later, is padded to this one length"
    return "the same text gets another answer in another batch"


def _fix(seen: Padding) -> str:
    assert seen.padded is not None
    if seen.nothing_left:
        return "Turn the mask round: only padding is attended to."
    if seen.mechanism == "attention":
        told = f"`{seen.padded.source}` as a mask, the right way round" if seen.padded.told else "a mask of the padding"
        return f"Give attention {told}, so that padding gets no weight."
    if seen.mechanism == "recurrence":
        return "Pack the rows with `pack_padded_sequence`, or take the state at the last token."
    if seen.mechanism in ("mean", "sum", "max"):
        return f"Take the {seen.mechanism} over the tokens alone, with a mask."
    if seen.mechanism == "last step":
        return "Take the last token of each row, at its length less one."
    return "Set what stands at padding to zero with a mask, before places are mixed."


PAD, VOCABULARY, LENGTH = 0, 20, 9


class Bag(nn.Module):
    """The mean of the vectors of tokens: of all places, or of tokens alone."""

    def __init__(self, masked: bool) -> None:
        super().__init__()
        self.table, self.head, self.masked = nn.Embedding(VOCABULARY, 8, padding_idx=PAD), nn.Linear(8, 3), masked

    def forward(self, ids: Tensor) -> Tensor:
        kept = (ids != PAD).float()[..., None]
        vectors = self.table(ids)
        pooled = (vectors * kept).sum(1) / kept.sum(1) if self.masked else vectors.mean(1)
        made: Tensor = self.head(pooled)
        return made


class Encoder(nn.Module):
    """A layer of attention, and the vector of the first token."""

    def __init__(self, masked: bool) -> None:
        super().__init__()
        self.table, self.head, self.masked = nn.Embedding(VOCABULARY, 8), nn.Linear(8, 3), masked
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = attention_mask == 0 if self.masked else None
        made: Tensor = self.head(self.layer(self.table(ids), src_key_padding_mask=hidden)[:, 0])
        return made


class Windows(nn.Module):
    """The largest answer of each window, over zeros at the end too."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.body = nn.Embedding(VOCABULARY, 8, padding_idx=PAD), nn.Conv1d(8, 6, 3, padding=1)
        self.head = nn.Linear(6, 3)

    def forward(self, ids: Tensor) -> Tensor:
        made: Tensor = self.head(self.body(self.table(ids).transpose(1, 2)).amax(2))
        return made


def _texts(net: type[nn.Module], *given: bool, mask: bool = False) -> Bench:
    """Rows of 3 to 9 tokens, in batches as long as their longest."""
    g = toys.seeded()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = net(*given)
    loader = []
    for longest in (LENGTH, LENGTH - 2):
        lengths = torch.randint(3, longest, (16, 1), generator=g)
        lengths[0] = longest
        ids = torch.randint(1, VOCABULARY, (16, longest), generator=g)
        ids = ids.masked_fill(torch.arange(longest) >= lengths, PAD)
        labels = torch.randint(3, (16,), generator=g)
        loader.append((ids, (ids != PAD).long(), labels) if mask else (ids, labels))
    return Bench(model=model, train_loader=loader, loss_fn=nn.CrossEntropyLoss(), names={"model": "net"})


@check.breaks
def mean_of_all_places() -> Bench:
    """The mean over places divides by the length of the batch."""
    return _texts(Bag, False)


@check.breaks
def attention_without_mask() -> Bench:
    """The encoder is given a mask and keeps it to itself."""
    return _texts(Encoder, False, mask=True)


@check.holds
def mean_of_tokens() -> Bench:
    """The mean over tokens alone."""
    return _texts(Bag, True)


@check.holds
def attention_with_mask() -> Bench:
    """Attention that passes padding by."""
    return _texts(Encoder, True, mask=True)


@check.holds
def largest_of_windows() -> Bench:
    """A convolution sees zeros behind a text, as it does at its edge."""
    return _texts(Windows)
