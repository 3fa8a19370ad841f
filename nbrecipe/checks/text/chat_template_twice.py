"""The chat template is put around a conversation once.

Data that were formatted before, and a trainer that formats them again: each turn then opens twice in a row, and the
model learns to expect what nobody will write. Two openings of the same turn with nothing between them are no text.
"""

from __future__ import annotations

import re
from typing import Any

from ... import toys
from ...batches import BadInput
from ...bench import Bench, Missing
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...scan.held import given_data
from ...scan.text import held
from ...scan.text.carried import equipped
from ...tokens import Tokenizer, open_tokenizer

check = Check(__name__, tip="outputs of the tokenizer", cost="scan")

#: how turns open in the templates of well-known models
OPENINGS = (
    r"<\|im_start\|>\s*(?:user|system|assistant|human|gpt)\b",
    r"<\|start_header_id\|>\s*(?:user|system|assistant)\s*<\|end_header_id\|>",
    r"<start_of_turn>\s*(?:user|model)\b",
    r"<\|(?:user|assistant|system)\|>",
    r"\[INST\]",
    r"#{2,3}\s*(?:Instruction|Human|User|Assistant|Response)\s*:",
)
#: what may stand between: a start token, white space
BETWEEN = r"\s*(?:<s>|<bos>|<\|begin_of_text\|>)?\s*"
OPENING = re.compile("|".join(f"(?:{one})" for one in OPENINGS))
TWICE = tuple(re.compile(rf"(?P<turn>{one}){BETWEEN}(?P=turn)") for one in OPENINGS)
#: rows that are read, characters of each, the fewest that say something, and the share of them that is no quotation
ROWS, LETTERS, FEWEST, MOST = 500, 20_000, 8, 0.5
MARK = "a message of nobody"


@check.run
def run(bench: Bench) -> Finding:
    given_data(bench, "train")  # says what is missing
    given = bench.once(equipped)
    tokenizer = open_tokenizer(given.tokenizer, given.name("tokenizer")) if given.tokenizer is not None else None
    own = _own(tokenizer)
    rows, where = _written(given, tokenizer)
    if not rows:
        return skipped("neither texts nor ids with a tokenizer that reads them are at hand")
    turns = [text for text in rows if OPENING.search(text) or (own is not None and own.search(text))]
    if not turns:
        which = "the row looked at is not" if len(rows) == 1 else f"none of {len(rows)} rows looked at is"
        return ok(f"{which} written in a chat template")
    found = [(text, hit) for text in turns if (hit := _hit(text, own)) is not None]
    if not found:
        return ok(f"in none of **{len(turns)}** conversations does a turn open twice", rows=len(turns))
    share = len(found) / len(turns)
    claim = bad if share >= MOST and len(found) >= FEWEST else hint
    said = " ".join(found[0][1].split())
    return claim(
        f"in **{number(100 * share, 3)} %** of {len(turns)} conversations of `{where}` a turn opens twice: "
        f"`{said[:120]}`",
        fix="Format conversations once: hand over messages, or text that is formatted already, not both.",
        why="" if claim is bad else "a text that quotes a template looks so",
        share=share,
        rows=len(turns),
    )


def _hit(text: str, own: re.Pattern[str] | None) -> str | None:
    """Where a turn opens twice."""
    if own is not None and (found := own.search(text)) is not None:
        again = own.match(text, _after(text, found.end()))
        if again is not None:
            return text[found.start() : again.end()]
    return next((hit.group() for one in TWICE if (hit := one.search(text)) is not None), None)


def _after(text: str, place: int) -> int:
    """The next place that holds no white space."""
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _own(tokenizer: Tokenizer | None) -> re.Pattern[str] | None:
    """How a user's first turn opens in the tokenizer's own template; None where it has none, or no word to open it."""
    if tokenizer is None or not getattr(tokenizer.given, "chat_template", None):
        return None
    try:
        said = tokenizer.given.apply_chat_template([{"role": "user", "content": MARK}], tokenize=False)
    except Exception:  # a template that asks for more
        return None
    opening = str(said).partition(MARK)[0].strip()
    if MARK not in str(said) or len(opening) < 3:
        return None
    return re.compile(r"\s*".join(map(re.escape, opening.split())))


def _written(given: Bench, tokenizer: Tokenizer | None) -> tuple[list[str], str]:
    """Rows as they are read: the ids that go in, else the texts."""
    if tokenizer is not None:
        scan = _scanned(given, held.train_ids)
        if scan is not None and scan.part.rows:
            block = scan.part.sample.block().columns
            rows = [ids[real] for ids, real in zip(block["ids"], block["real"], strict=True)][:ROWS]
            try:
                return [tokenizer.decode(row[:LETTERS].tolist()) for row in rows], scan.name
            except Exception:  # ids that its table does not have
                return [], scan.name
        texts = _scanned(given, held.train_text)
        if texts is not None:
            return [one.text[:LETTERS] for one in texts.sample(ROWS)], texts.name
        return [], ""
    # without a tokenizer texts are read as they stand
    texts = _scanned(given.replace(tokenizer=_letters), held.train_text)
    return ([one.text[:LETTERS] for one in texts.sample(ROWS)], texts.name) if texts is not None else ([], "")


def _letters(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def _scanned(bench: Bench, measure: Any) -> Any:
    try:
        return bench.once(measure)
    except (Missing, BadInput):
        return None


def _chat(text: str, times: int = 1) -> str:
    for _ in range(times):
        text = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    return text


ASKED = [f"what is {i} times {i + 1}?" for i in range(24)]


@check.breaks
def formatted_twice() -> Bench:
    """Texts that were formatted are formatted again."""
    return Bench(train_data=[{"text": _chat(text, 2)} for text in ASKED])


@check.holds
def formatted_once() -> Bench:
    """A question, and the turn of the answer opened."""
    return Bench(train_data=[{"text": _chat(text)} for text in ASKED])


@check.holds
def several_turns() -> Bench:
    """An empty system message, and the user's turn twice with an answer between."""
    start = "<|im_start|>system\n<|im_end|>\n"
    return Bench(train_data=[{"text": start + _chat(text) + "yes<|im_end|>\n" + _chat(text)} for text in ASKED])


@check.holds
def no_chat() -> Bench:
    """Characters of a language model."""
    return toys.next_token(tokenizer={chr(97 + i): i for i in range(24)})
