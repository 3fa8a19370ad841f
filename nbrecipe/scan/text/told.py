"""What was counted of texts, in plain words: rows of a name and a sentence, as a page lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...tokens import Tokenizer
from .ends import Text
from .lengths import Lengths
from .reading import TextScan
from .shift import CHANCE, Difference, Shift, difference, label_shifts
from .table import Embedding, belong, pieces, untrained
from .vocabulary import Vocabulary

#: labels, rows and letters that are named
SHIFTS, ROWS, LETTERS = 4, 3, 12
#: roles that every text is expected to have alike
ROLES = ("begin", "classify", "separate", "end")
Rows = tuple[tuple[str, str], ...]


def rows_told(scan: TextScan, val: TextScan | None = None) -> Rows:
    """What stands beside the numbers: special tokens, labels, scripts, letters, failures; and how `val` differs."""
    made = [*_special(scan), *_letters(scan), *_scripts(scan), *_labels(scan), *_failed(scan)]
    return (*made, *(_difference(scan, val) if val is not None else ()))


def percent(share: float) -> str:
    """A share in per cent: "0 %", "under 0.1 %", "0.4 %", "23 %"; never "100 %" or "0 %" where it is not that."""
    value = 100 * share
    if share in (0, 1):
        return f"{value:.0f} %"
    if value < 0.1 or value > 99.9:
        return "under 0.1 %" if value < 1 else "over 99.9 %"
    return f"{value:.1f} %" if value < 9.95 or value >= 99 else f"{value:.0f} %"


def quoted(text: str) -> str:
    """A word as it can stand between back quotes, with what cannot be seen written out."""
    plain = text.replace("`", "'")
    return "".join(one if one.isprintable() and not one.isspace() else _code(one) for one in plain) or "∅"


def _code(letter: str) -> str:
    named = {" ": "·", "\n": "⏎", "\t": "⇥", "\r": "CR"}  # as the page writes them in texts
    return named.get(letter, f"U+{ord(letter):04X}")


def several(count: int, one: str) -> str:
    """ "1 token", "1,200 tokens"."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def quantiles(lengths: Lengths, what: str = "row", mark: str = "") -> str:
    """Lengths in a line, without what says the same twice; `mark` stands on both sides of the first number."""
    if lengths.least == lengths.greatest:
        return f"{mark}{lengths.greatest:,}{mark} in every {what}"
    ends = [(f"{share:.0%}".replace("%", " %"), lengths.quantile(share)) for share in (0.95, 0.99)]
    told = [f"{share} up to {value:,}" for share, value in ends if value < lengths.greatest]
    middle = f"median {mark}{lengths.quantile(0.5):,}{mark}"
    return ", ".join([middle, *told, f"from {lengths.least:,} to {lengths.greatest:,}"])


def occurring(count: int, size: int | None, mark: str = "") -> str:
    """ "12 of 400 ids occur", "1 id occurs"."""
    told = f"{mark}{count:,}{mark}" + (f" of {size:,} ids" if size else " id" if count == 1 else " ids")
    return f"{told} {'occurs' if count == 1 else 'occur'}"


def counts_told(counts: Iterable[tuple[str, int]]) -> str:
    """Pieces, each with how often it stands, which no line break parts from it."""
    return ", ".join(f"`{quoted(piece)}`\u00a0{count:,}×" for piece, count in counts)


def most_told(tokenizer: Tokenizer | None, common: Sequence[tuple[int, int]]) -> str:
    """Ids by what they stand for, each with how often it stands."""
    named = pieces(tokenizer, [i for i, _ in common]) if tokenizer is not None else [str(i) for i, _ in common]
    return counts_told(zip(named, (count for _, count in common), strict=True))


def table_told(
    table: Embedding, ids: Vocabulary, tokenizer: Tokenizer | None, called: str
) -> Iterator[tuple[str, str]]:
    """Which rows no id looks up and which ids have no row; one sentence where table and ids are of two models."""
    size = tokenizer.size if tokenizer is not None else None
    rows = several(table.rows, "row")
    if not belong(table, ids, tokenizer):
        theirs = several(size, "id") if size else f"ids up to {int(ids.seen[-1]):,}"
        yield "embedding", f"`{table.name}` has {rows} and `{called}` {theirs}: they do not fit each other"
        return
    found = untrained(table, ids, tokenizer)
    unused = len(found.unused)
    never = f"{unused:,} of {rows} of `{table.name}` ({percent(found.share)}) {'is' if unused == 1 else 'are'}"
    yield "embedding", f"{never} never looked up" if unused else f"each of the {rows} of `{table.name}` is looked up"
    if len(found.outside):
        first = ", ".join(str(i) for i in found.outside[:ROWS].tolist())
        end = ids.greatest
        where = f"; {end[0]} stands in row {end[1]}" if end is not None and end[0] >= table.rows else ""
        more = ", …" if len(found.outside) > ROWS else ""
        yield "ids without a row", f"{len(found.outside):,} ({first}{more}){where}"


def _special(scan: TextScan) -> Iterator[tuple[str, str]]:
    part = scan.part
    roles = scan.tokenizer.specials.roles
    named = {role: i for i, told in roles.items() for role in told.split(", ")}
    seen: dict[int, str] = {}
    for role in ROLES:
        counts = part.special.get(role)
        if counts is not None and counts.rows and named[role] not in seen:
            (piece,) = pieces(scan.tokenizer, [named[role]])
            seen[named[role]] = f"`{quoted(piece)}` {times(counts)}"
    if seen:
        yield "special tokens", "; ".join(seen.values())
    if part.doubled:
        yield "doubled", f"{_texts(part.doubled, 'begins', 'begin')} with a special token twice"


def times(counts: Lengths, what: str = "text") -> str:
    """ "once in every text", "never", "once in 98 % of the texts, twice in 2 %"."""
    values, rows = counts.table()
    often = {0: "never", 1: "once", 2: "twice"}
    told = [(often.get(int(value), f"{value} times"), n / counts.rows) for value, n in zip(values, rows, strict=True)]
    if len(told) == 1:
        return told[0][0] + ("" if told[0][0] == "never" else f" in every {what}")
    told = sorted(told, key=lambda one: -one[1])
    first = f"{told[0][0]} in {percent(told[0][1])} of the {what}s"
    rest = [f"{often} in {percent(share)}" for often, share in told[1:3]]
    return ", ".join([first, *rest]) + (", …" if len(told) > 3 else "")


def _letters(scan: TextScan) -> Iterator[tuple[str, str]]:
    found = scan.part.unknown_letters.most(LETTERS)
    if found:
        more = "" if scan.part.unknown_letters.exact else ", at least"
        yield "unknown letters", counts_told(found) + more


def _scripts(scan: TextScan) -> Iterator[tuple[str, str]]:
    """How words were counted."""
    part = scan.part
    script = "in a script that puts" if part.unspaced == 1 else "in scripts that put"
    left = f"; {_texts(part.unspaced, 'is', 'are')} left out, {script} none between words" if part.unspaced else ""
    if part.words or left:
        yield "words", f"{part.words:,}, each a run between spaces{left}"


def _texts(count: int, one: str = "", several: str = "") -> str:
    """ "1 text is", "12 texts are"."""
    return f"{count} text {one}".rstrip() if count == 1 else f"{count:,} texts {several}".rstrip()


def _labels(scan: TextScan) -> Iterator[tuple[str, str]]:
    shifts = label_shifts(scan.part.labels or {})
    clear = [shift for shift in shifts if shift.is_clear]
    if len(shifts) == 2:
        clear = [shift for shift in clear if shift.longer > 0.5]  # the other says the same
    if clear:
        more = f"; and {len(clear) - SHIFTS} more labels" if len(clear) > SHIFTS else ""
        yield "lengths by label", "; ".join(_shift(scan, shift) for shift in clear[:SHIFTS]) + more
    elif shifts:
        yield (
            "lengths by label",
            f"no label's texts are clearly longer or shorter than the others ({len(shifts)} tested)",
        )


def _shift(scan: TextScan, shift: Shift) -> str:
    name = quoted(str(scan.names.get(shift.label, shift.label)))
    way = "longer" if shift.longer > 0.5 else "shorter"
    share = percent(max(shift.longer, 1 - shift.longer))
    against = f"median {shift.median:,} against {shift.median_others:,}"
    return f"texts of `{name}` are {way}, {against}: in {share} of the pairs ({_p(shift.p)})"


def _p(p: float) -> str:
    return f"p < {CHANCE}" if p < CHANCE else f"p = {p:.3f}"


def _failed(scan: TextScan) -> Iterator[tuple[str, str]]:
    if scan.part.failed:
        first = "; ".join(f"row {one.row}: {one.why}" for one in scan.failed[:ROWS])
        more = "; …" if scan.part.failed > ROWS else ""
        yield "failed", f"{scan.part.failed:,} of {several(scan.rows, 'row')}: {first}{more}"
    if scan.part.blank:
        first = ", ".join(f"row {row}" for row in scan.part.blank_rows[:ROWS])
        yield "empty", f"{_texts(scan.part.blank)} ({first}{', …' if scan.part.blank > ROWS else ''})"


def _difference(scan: TextScan, val: TextScan) -> Iterator[tuple[str, str]]:
    found = difference(scan, val)
    yield "new in " + f"`{val.name}`", _new(scan, found)
    shift = found.lengths
    if shift is not None and shift.is_clear:
        way = "longer" if shift.longer > 0.5 else "shorter"
        against = f"median {shift.median:,} against {shift.median_others:,}"
        yield f"lengths in `{val.name}`", f"{way} than in `{scan.name}`, {against} ({_p(shift.p)})"
    ours, theirs = found.unknown
    if ours or theirs:
        told = f"in {percent(theirs)} of the texts, against {percent(ours)} in `{scan.name}`"
        yield f"unknown in `{val.name}`", told


def _new(scan: TextScan, found: Difference) -> str:
    named = ", ".join(f"`{quoted(piece)}`" for piece in pieces(scan.tokenizer, found.ids[:LETTERS]))
    told = f"{percent(found.share)} of its tokens never stand in `{scan.name}`"
    return f"{told}; {percent(found.expected)} are to be expected of data drawn alike" + (f": {named}" if named else "")


def row_told(text: Text) -> str:
    """Where a text stands and what it has: "row 17: 512 tokens, 3 unknown"."""
    odd = ((text.unknown, f"{text.unknown} unknown"), (text.bytes, several(text.bytes, "lone byte")))
    return f"row {text.row}: " + ", ".join([several(text.tokens, "token"), *(told for count, told in odd if count)])
