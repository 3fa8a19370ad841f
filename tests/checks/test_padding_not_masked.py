"""Padding that counts, in many ways, and models that pass it by."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from healthy import KINDS
from torch import nn
from torch.nn import functional as F

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run

CHECK = get_check("padding-not-masked")
PAD = 0


def texts(longest=9, rows=12, seed=1, left=False):
    """Ids with padding behind texts of 3 to 9 tokens."""
    g = toys.seeded(seed)
    lengths = torch.randint(3, longest, (rows, 1), generator=g)
    lengths[0] = longest
    outside = torch.arange(longest) >= lengths
    ids = torch.randint(1, 20, (rows, longest), generator=g)
    return ids.masked_fill(outside.flip(1) if left else outside, PAD)


def judged(net, *make, several=True, labels=None, loss_fn=None, **more):
    """The finding for inputs made of ids, in batches of two lengths or of one."""
    loader = []
    for longest in (9, 7 if several else 9):
        ids = texts(longest)
        y = torch.zeros(len(ids)).long() if labels is None else labels(ids)
        loader.append((*(part(ids) for part in make or (same,)), y))
    names = {"model": "net"}
    given = Bench(model=net, train_loader=loader, loss_fn=loss_fn or nn.CrossEntropyLoss(), names=names, **more)
    return run(CHECK, given).finding


def same(ids):
    return ids


def mask(ids):
    return ids != PAD


def ones(ids):
    return (ids != PAD).long()


def lengths(ids):
    return (ids != PAD).sum(1)


class Base(nn.Module):
    """A table of tokens, and what may come behind it."""

    known = True

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.table = nn.Embedding(20, 8, padding_idx=PAD if self.known else None)
        self.rnn, self.both = nn.LSTM(8, 8, batch_first=True), nn.GRU(8, 8, batch_first=True, bidirectional=True)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.conv, self.score = nn.Conv1d(8, 8, 3, padding=1), nn.Linear(8, 1)
        self.places, self.wide, self.head = nn.Embedding(16, 8), nn.Linear(16, 3), nn.Linear(8, 3)


class Mean(Base):
    def forward(self, ids):
        return self.head(self.table(ids).mean(1))


class DividedByLength(Base):
    def forward(self, ids):
        return self.head((self.table(ids) * (ids != PAD)[..., None]).sum(1) / ids.shape[1])


class LastState(Base):
    def forward(self, ids):
        return self.head(self.rnn(self.table(ids))[1][0][-1])


class LastOutput(Base):
    def forward(self, ids):
        return self.head(self.rnn(self.table(ids))[0][:, -1])


class BothWays(Base):
    def forward(self, ids, lengths):
        out = self.both(self.table(ids))[0]
        return self.wide(out[torch.arange(len(ids)), lengths - 1])


class Encoder(Base):
    def forward(self, ids, mask):
        return self.head(self.layer(self.table(ids))[:, 0])


class Inverted(Base):
    known = False

    def forward(self, ids, mask):
        return self.head(self.layer(self.table(ids), src_key_padding_mask=mask)[:, 0])


class InvertedByHand(Base):
    def forward(self, ids, mask):
        x = self.table(ids)
        hidden = mask[:, None].expand(-1, ids.shape[1], -1)
        return self.head(((x @ x.mT).masked_fill(hidden, -torch.inf).softmax(-1) @ x)[:, 0])


class ByHand(Base):
    def forward(self, ids):
        x = self.table(ids)
        return self.head((torch.softmax(x @ x.mT, -1) @ x)[:, 0])


class PooledByScore(Base):
    def forward(self, ids):
        x = self.table(ids)
        return self.head((self.score(x).softmax(1) * x).sum(1))


class Scaled(Base):
    def forward(self, ids, mask):
        x = self.table(ids)
        return self.head(F.scaled_dot_product_attention(x, x, x)[:, 0])


FAULTS = {
    "mean": (Mean, (), "mean"),
    "divided by the padded length": (DividedByLength, (), "mean"),
    "last state": (LastState, (), "recurrence"),
    "last output": (LastOutput, (), "recurrence"),
    "backward over padding": (BothWays, (same, lengths), "recurrence"),
    "an encoder": (Encoder, (same, mask), "attention"),
    "a mask upside down": (Inverted, (same, mask), "attention"),
    "a mask upside down, by hand": (InvertedByHand, (same, mask), "attention"),
    "attention by hand": (ByHand, (), "attention"),
    "attention pooling": (PooledByScore, (), "attention"),
    "attention of a function": (Scaled, (same, ones), "attention"),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_padding_that_counts_is_found(what):
    build, make, mechanism = FAULTS[what]
    found = judged(build(), *make)
    assert found.verdict is Verdict.BAD, found
    assert found.seen["mechanism"] == mechanism


class UnknownPadding(Mean):
    known = False


class Sum(Base):
    known = False

    def forward(self, ids, mask):
        return self.head(self.table(ids).sum(1))


class LastToken(Base):
    def forward(self, ids, mask):
        size = ids.shape[1]
        ahead = torch.ones(size, size).triu(1).bool()
        return self.head(self.layer(self.table(ids), src_mask=ahead)[:, -1])


class UnknownWindows(Base):
    known = False

    def forward(self, ids, mask):
        return self.head(self.conv(self.table(ids).mT).amax(2))


class Pointer(Base):
    """Which token is the answer, with a share for padding."""

    def forward(self, ids):
        return self.score(self.table(ids))[..., 0].softmax(1)


LOOKED_AT = {
    "places as an answer": (Pointer, (), {}),
    "a guess": (UnknownPadding, (), {}),
    "one length throughout": (Mean, (), {"several": False}),
    "a sum": (Sum, (same, mask), {}),
    "the last token": (LastToken, (same, mask), {}),
    "windows of padding that is something": (UnknownWindows, (same, mask), {}),
}  # fmt: skip


@pytest.mark.parametrize("what", LOOKED_AT)
def test_what_may_be_meant_is_a_hint(what):
    build, make, more = LOOKED_AT[what]
    found = judged(build(), *make, **more)
    assert found.verdict is Verdict.HINT, found


class Masked(Base):
    def forward(self, ids, mask):
        return self.head(self.layer(self.table(ids), src_key_padding_mask=~mask)[:, 0])


class Stack(Base):
    def __init__(self):
        super().__init__()
        self.stack = nn.TransformerEncoder(self.layer, 2)

    def forward(self, ids, mask):
        kept = mask[..., None].float()
        x = self.table(ids) + self.places(torch.arange(ids.shape[1]))
        return self.head((self.stack(x, src_key_padding_mask=~mask) * kept).sum(1) / kept.sum(1))


class Added(Base):
    """A mask of minus infinities, by hand."""

    def forward(self, ids, mask):
        x = self.table(ids)
        return self.head(((x @ x.mT + (1.0 - mask[:, None].float()) * -1e9).softmax(-1) @ x)[:, 0])


class Packed(Base):
    def forward(self, ids, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.table(ids), lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.rnn(packed)[1][0][-1])


class PackedBothWays(Base):
    def forward(self, ids, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.table(ids), lengths, batch_first=True, enforce_sorted=False)
        out = nn.utils.rnn.pad_packed_sequence(self.both(packed)[0], batch_first=True)[0]
        return self.wide(out.amax(1))


class AtTheEnd(Base):
    def forward(self, ids, lengths):
        return self.head(self.rnn(self.table(ids))[0][torch.arange(len(ids)), lengths - 1])


class MaskedMean(Base):
    def forward(self, ids):
        kept = (ids != PAD).float()[..., None]
        return self.head((self.table(ids) * kept).sum(1) / kept.sum(1))


class Bag(Base):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(20, 8, padding_idx=PAD)

    def forward(self, ids):
        return self.head(self.bag(ids))


class SumOfZeros(Base):
    def forward(self, ids):
        return self.head(self.table(ids).sum(1))


class Windows(Base):
    def forward(self, ids):
        return self.head(F.relu(self.conv(self.table(ids).mT)).amax(2))


class PoolOfWindows(Base):
    def forward(self, ids):
        return self.head(F.adaptive_max_pool1d(self.conv(self.table(ids).mT), 1)[..., 0])


class Tagger(Base):
    """A class for every token, from what stands before it."""

    def forward(self, ids):
        return self.head(self.rnn(self.table(ids))[0]).mT


class Causal(Base):
    def forward(self, ids):
        ahead = torch.ones(ids.shape[1], ids.shape[1]).triu(1).bool()
        x = self.table(ids) + self.places(torch.arange(ids.shape[1]))
        return self.head(self.layer(x, src_mask=ahead)).mT


class Whole(Base):
    """All places side by side: one length alone."""

    def __init__(self):
        super().__init__()
        self.all = nn.Linear(72, 3)

    def forward(self, ids):
        return self.all(self.table(ids).flatten(1))


class ByTheFirst(Base):
    def forward(self, ids):
        return self.head(self.table(ids)[:, 0])


def every_place(ids):
    return ids % 3


FINE = {
    "attention with a mask": (Masked, (same, mask), {}),
    "two layers and a masked mean": (Stack, (same, mask), {}),
    "a mask that is added": (Added, (same, ones), {}),
    "packed rows": (Packed, (same, lengths), {}),
    "packed rows, both ways": (PackedBothWays, (same, lengths), {}),
    "the state at the end": (AtTheEnd, (same, lengths), {}),
    "a masked mean": (MaskedMean, (), {}),
    "a bag": (Bag, (), {}),
    "a sum of zeros": (SumOfZeros, (), {}),
    "windows and their largest": (Windows, (), {}),
    "a pool of windows": (PoolOfWindows, (), {}),
    "a tagger": (Tagger, (), {"labels": every_place}),
    "a causal model": (Causal, (), {"labels": every_place}),
    "one length alone": (Whole, (), {"several": False}),
    "the first token": (ByTheFirst, (), {}),
    "no padding": (Mean, (lambda ids: ids.clamp(1),), {}),
    "a tokenizer whose padding ends texts": (
        UnknownPadding, (lambda ids: ids.masked_fill(ids == 0, 19),),
        {"tokenizer": SimpleNamespace(pad_token_id=19, eos_token_id=19)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FINE)
def test_what_passes_padding_by_raises_nothing(what):
    build, make, more = FINE[what]
    found = judged(build().train(), *make, **more)
    assert found.verdict in (Verdict.OK, Verdict.SKIPPED), found


def test_padding_in_front_is_a_hint_at_most():
    ids = texts(left=True)
    given = Bench(model=Encoder(), batch=(ids, ids != PAD, torch.zeros(12).long()), loss_fn=nn.CrossEntropyLoss())
    assert run(CHECK, given).verdict is Verdict.HINT


def test_padding_is_known_by_the_tokenizer():
    found = judged(UnknownPadding(), tokenizer=SimpleNamespace(pad_token_id=0))
    assert found.verdict is Verdict.BAD, found
    assert found.seen["source"] == "tokenizer"


def test_a_mask_upside_down_is_said():
    assert judged(InvertedByHand(), same, mask).fix == "Turn the mask round: only padding is attended to."


def test_the_message_says_how_far_and_by_what():
    found = judged(LastState())
    assert found.message.startswith("without its padding the output of row **")
    assert "; a recurrent layer reads on past the last token; rounding would move it by" in found.message
    assert found.where.startswith("test_padding_not_masked.py:")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_nets_without_padding_raise_nothing(kind):
    assert run(CHECK, kind(0)).verdict in (Verdict.OK, Verdict.SKIPPED)
