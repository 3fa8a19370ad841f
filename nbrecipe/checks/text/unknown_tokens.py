"""Nearly every word of the texts has a token of its own.

What a vocabulary does not have becomes one and the same token, and is lost to the model. Texts that were not put in
lower case for a vocabulary that was, words with their punctuation, another language: the net trains on holes. How many
words of new texts are unknown to be expected from the training texts alone: as many as stand there once (Good 1953).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...scan.held import given_data
from ...scan.text import held
from ...scan.text.carried import opened, unknown_id, unknown_of
from ...scan.text.id_reading import IdScan
from ...scan.text.reading import TextScan
from ...tokens import Tokenizer

check = Check(__name__, tip="outputs of the tokenizer", cost="scan")

#: shares worth a look: of words, of which the rare ones are usually left out, and of pieces and characters, which are
#: there so that none is unknown; lone bytes are no loss, and many where a script is not the tokenizer's own
WORDS, PIECES, BYTES = 0.1, 0.02, 0.2
#: shares that are a fault: most of what is read is one token; a fifth of pieces is another script, or another case
MOST, MANY = 0.5, 0.2
#: validation against what training lets expect: factors and least shares of a hint and of a fault
HINT, FAULT = (3.0, 0.05), (4.0, 0.25)
#: tokens from which on shares are judged
FEWEST = 500
FIX = "Prepare texts for the vocabulary as the texts were that it was made from, or make it anew."


@dataclass(frozen=True)
class Share:
    """Unknown tokens of a split."""

    name: str
    tokens: int
    unknown: int
    #: share that new texts of the same kind have, by how many ids stand once
    expected: float

    @property
    def share(self) -> float:
        return self.unknown / max(self.tokens, 1)


@check.run
def run(bench: Bench) -> Finding:
    given_data(bench, "train")  # says what is missing
    texts = _scanned(bench, held.train_text)
    known = unknown_id(bench)
    ids = [_scanned(bench, measure) for measure in (held.train_ids, held.val_ids)]
    shares = [_of_ids(scan, known[0]) if scan is not None and known is not None else None for scan in ids]
    tokenizer = texts.tokenizer if texts is not None else opened(bench)
    if texts is not None and (found := _of_case(texts, shares)) is not None:
        return found
    train, val = shares
    if train is not None and val is not None and (found := _of_validation(train, val)) is not None:
        return found
    if texts is not None and train is None and (found := _refused(texts)) is not None:
        return found
    seen = train or (_of_texts(texts) if texts is not None else None)
    if seen is None:
        return _nothing(tokenizer, ids)
    if seen.tokens < FEWEST:
        return skipped(f"{seen.tokens} tokens are too few to judge; {FEWEST} are enough")
    return _judged(seen, val, texts, tokenizer, known)


def _nothing(tokenizer: Tokenizer | None, ids: list[IdScan | None]) -> Finding:
    """Neither texts nor ids with an unknown one."""
    if tokenizer is not None and any(scan is not None for scan in ids):
        return ok("the tokenizer has no token for what is unknown: none can stand in the data")
    return skipped("it is not known which id stands for unknown words: hand over the tokenizer or the vocabulary")


def _judged(
    seen: Share, val: Share | None, texts: TextScan | None, tokenizer: Tokenizer | None, known: tuple[int, str] | None
) -> Finding:
    unit = _unit(tokenizer)
    numbers: dict[str, Any] = {"unknown": seen.unknown, "tokens": seen.tokens, "share": seen.share}
    told = f"**{number(100 * seen.share, 3)} %** of the {seen.tokens} tokens of `{seen.name}` are unknown{_most(texts)}"
    limit = MANY if unit == "pieces" else MOST
    if seen.share >= limit:
        # words may be dropped on purpose in training
        certain = unit == "pieces" or (val is not None and val.share >= limit)
        why = "most of what the model reads is one and the same token" if seen.share >= MOST else ""
        return (bad if certain else hint)(told, fix=FIX, why=why, **numbers)
    if seen.share >= (WORDS if unit == "words" else PIECES):
        usual = "words that are rare are often left out, seldom more than one in ten" if unit == "words" else ""
        return hint(told, fix="Look at the words that are unknown.", why=usual, **numbers)
    fallen = texts.part.fallen.total / max(texts.part.own.total, 1) if texts is not None else 0.0
    if fallen >= BYTES:
        return hint(
            f"**{number(100 * fallen, 3)} %** of the tokens of `{seen.name}` are lone bytes, for want of a token",
            fix="See whether the tokenizer was made for this language.",
            why="nothing is lost, but a character takes two to four tokens",
            bytes=fallen,
        )
    if not seen.unknown and tokenizer is not None and known is None:
        return ok(f"the tokenizer names no token for what is unknown in `{seen.name}`", **numbers)
    of = f"of the {seen.tokens} tokens of `{seen.name}`"
    told = f"**{number(100 * seen.share, 3)} %** {of} are unknown" if seen.unknown else f"**none** {of} is unknown"
    return ok(told, **numbers)


def _of_validation(train: Share, val: Share) -> Finding | None:
    """More unknown words than training lets expect."""
    if min(train.tokens, val.tokens) < FEWEST:
        return None
    expected = max(train.expected, 1 / val.tokens)
    for claim, (factor, least) in ((bad, FAULT), (hint, HINT)):
        if val.share >= max(least, factor * expected):
            return claim(
                f"**{number(100 * val.share, 3)} %** of the tokens of `{val.name}` are unknown, where those of "
                f"`{train.name}` let expect {number(100 * expected, 2)} %",
                fix="Cut validation texts into words, and write them, as the training texts.",
                why="as many words of a new text are unknown as stand once in the old ones, or were unknown there",
                train=train.share,
                val=val.share,
                expected=expected,
            )
    return None


def _of_case(texts: TextScan, shares: list[Share | None]) -> Finding | None:
    """A vocabulary in lower case, and texts that are not."""
    own = max(texts.part.own.total, 1)
    share, unknown = (texts.unknown or 0) / own, unknown_of(texts.tokenizer)
    if share < PIECES or unknown is None or own < FEWEST:
        return None
    sample = [one.text for one in texts.sample(500)]
    before, after = (_share(texts.tokenizer, said, unknown) for said in (sample, [text.lower() for text in sample]))
    if before < PIECES or after > before / 4:
        return None
    train = shares[0]
    reached = train is not None and train.share >= share / 2 and train.share >= PIECES
    least = WORDS if _unit(texts.tokenizer) == "words" else PIECES
    return (bad if reached and share >= least else hint)(
        f"**{number(100 * before, 3)} %** of the tokens of `{texts.name}` are unknown, and "
        f"{number(100 * after, 2)} % in lower case{_most(texts)}",
        fix="Put texts in lower case before they are encoded, as the vocabulary is.",
        code="text = text.lower()",
        why="" if reached else "unless what encodes them does so",
        before=before,
        after=after,
    )


def _refused(texts: TextScan) -> Finding | None:
    """Texts that the tokenizer fails on, as one does that has no token for what it does not know."""
    written = [one for one in texts.failed if one.text]
    if not written or texts.tokenizer.kind == "a table of words":  # which nobody said how to cut texts into
        return None
    count = texts.part.failed if len(written) == len(texts.failed) else len(written)
    least = "at least " if len(written) < len(texts.failed) < texts.part.failed else ""
    lacks = all("no entry" in one.why for one in written)
    return hint(
        f"the tokenizer fails on {least}**{count}** of {texts.rows} rows of `{texts.name}`, first on row "
        f"{written[0].row}: {written[0].why}",
        fix="Give it a token for what is unknown, or make its vocabulary from these texts."
        if lacks
        else "See which texts these are: what encodes them fails on them in training too.",
        why="unless they are left out, or changed before they are encoded",
        failed=count,
        rows=texts.rows,
    )


def _share(tokenizer: Tokenizer, texts: list[str], unknown: int) -> float:
    ids = tokenizer.ids(texts, special=False).values
    return float((ids == unknown).mean()) if len(ids) else 0.0


def _of_ids(scan: IdScan, unknown: int) -> Share:
    counts, part = scan.part.ids, scan.part
    special = {i for i in (*scan.roles.special.values(), *scan.roles.every) if i != unknown}
    tokens = counts.total - sum(counts.of(i) for i in special)
    single = int((counts.counts == 1).sum())
    share = counts.of(unknown) / max(tokens, 1)
    return Share(scan.name, tokens, counts.of(unknown), share + single / max(part.lengths.total, 1))


def _of_texts(scan: TextScan) -> Share:
    single = int((scan.part.ids.counts == 1).sum())
    own = scan.part.own.total
    unknown = scan.unknown or 0
    return Share(scan.name, own, unknown, (unknown + single) / max(own, 1))


def _most(texts: TextScan | None) -> str:
    found = texts.part.unknown_words.most(3) if texts is not None else []
    return f", most often {', '.join(f'`{word}` ({count} times)' for word, count in found)}" if found else ""


def _unit(tokenizer: Tokenizer | None) -> str:
    """What a token is: "words", of which every vocabulary lacks some, "characters", or a library's "pieces"."""
    if tokenizer is None or "words" in tokenizer.kind:
        return "words"
    model = getattr(getattr(tokenizer.given, "backend_tokenizer", tokenizer.given), "model", None)
    if type(model).__name__ in ("BPE", "WordPiece", "Unigram") or tokenizer.kind == "SentencePiece":
        return "pieces"
    return "characters" if "characters" in tokenizer.kind else "words"


def _scanned(bench: Bench, measure: Any) -> Any:
    try:
        return bench.once(measure)
    except (Missing, BadInput):
        return None


PAD, UNKNOWN = 0, 1


def _texts(train: float, val: float, unknown: int = UNKNOWN) -> Bench:
    """Rows of words, of which these shares are unknown; the vocabulary is the tokenizer."""
    g = toys.seeded()
    splits = []
    for share in (train, val):
        ids = torch.randint(2, 40, (128, 12), generator=g)
        ids = ids.masked_fill(torch.rand(ids.shape, generator=g) < share, unknown)
        splits.append(torch.utils.data.TensorDataset(ids, torch.randint(3, (128,), generator=g)))
    words = {"<pad>": PAD, "<unk>": UNKNOWN} | {f"w{i}": i for i in range(2, 40)}
    net = nn.Sequential(nn.Embedding(40, 8, padding_idx=PAD), nn.Flatten(), nn.Linear(96, 3))
    loaders = [DataLoader(data, batch_size=32) for data in splits]
    names = {"train_loader": "train_dl", "val_loader": "val_dl"}
    return Bench(model=net, train_loader=loaders[0], val_loader=loaders[1], tokenizer=words, names=names)


@check.breaks
def most_words_unknown() -> Bench:
    """Seven words in ten have no token, in both splits."""
    return _texts(0.7, 0.7)


@check.breaks
def validation_written_in_another_way() -> Bench:
    """No training word is unknown, and half of those of validation."""
    return _texts(0.0, 0.5)


@check.holds
def rare_words_left_out() -> Bench:
    """Words that are rare were left out: six in a hundred of the tokens."""
    return _texts(0.06, 0.07)


@check.holds
def a_little_more_in_validation() -> Bench:
    """Validation has words that training has not."""
    return _texts(0.01, 0.03)


@check.holds
def masked_tokens() -> Bench:
    """A masked language model reads one token in seven as a mask, which is not unknown."""
    return _texts(0.15, 0.15, unknown=39)
