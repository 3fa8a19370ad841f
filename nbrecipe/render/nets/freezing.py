"""What freezing saved, as sentences and a small table, and what is left to see to."""

from __future__ import annotations

import math

from ...finding import number, plain
from ...pictures.freezing import Frozen, Saved
from ...report import State
from ..findings import text
from ..findings.html import row
from ..pieces import table
from ..pieces.fragment import code, fragment, heading, rich
from ..pieces.words import MARKS, seconds, sentence

HEAD = ("", "whole", "frozen", "saves")


def title(seen: Frozen) -> str:
    """What was done, in one line."""
    return f"`{seen.part}` {'is thawed' if seen.undone else 'is frozen'}"


def text_of(seen: Frozen, took: float, note: str) -> str:
    """The whole as plain text."""
    head = text.wrap(f"{title(seen)}: {', '.join(filter(None, (_counted(seen), seconds(took), note)))}")
    parts = [head, text.wrap(f"{MARKS[_state(seen)]} {plain(told(seen))}", "  ")]
    if seen.saved is not None:
        parts.append(table.text_of(HEAD, _rows(seen.saved)))
    for one in seen.advice:
        lines = "\n".join(f"      {line}" for line in one.code.splitlines())
        parts.append(text.wrap(f"{MARKS['hint']} {sentence(plain(one.told))}", "  ") + (f"\n{lines}" if lines else ""))
    return "\n\n".join(parts)


def html_of(seen: Frozen, took: float, note: str) -> str:
    """The whole as a fragment of HTML."""
    head = heading(title(seen), " · ".join(filter(None, (_counted(seen), seconds(took), note))))
    shown = table.html_of(HEAD, _rows(seen.saved)) if seen.saved is not None else ""
    body = f'<div class="nbr-say">{rich(told(seen))}</div>'
    rows = row("nbr-row", _state(seen), body) + shown
    for one in seen.advice:
        rows += row("nbr-row", "hint", f'<div class="nbr-say">{rich(sentence(one.told))}</div>{code(one.code)}')
    return fragment(head + rows)


def told(seen: Frozen) -> str:
    """What a step costs now, in one sentence."""
    if seen.undone:
        return f"{_many(seen.parameters, 'parameter')} of `{seen.part}` {_are(seen.parameters)} trained again"
    if seen.saved is None:
        return f"What that saves was not measured: {seen.unmeasured}"
    middle, low, high = seen.saved.share
    what = "A step" if seen.saved.optimizer else "A step without an optimizer, as there is none here,"
    if math.isinf(low):
        pairs = "1 pair was" if seen.saved.rounds == 1 else f"{seen.saved.rounds} pairs were"
        return f"{what} takes so long that too few were timed to say what is saved: {pairs}, and 6 would do"
    if not seen.saved.measurable:
        within = f"between {-high:+.0%} and {-low:+.0%} at 95 %"
        return f"{what} takes as long as before: no difference that could be measured, {within}"
    word = "shorter" if middle > 0 else "longer"
    bounds = sorted((abs(low), abs(high)))
    lowest, highest = (f"{bound:.0%}" for bound in bounds)
    within = f"{lowest} to {highest}, " if lowest != highest else ""
    return f"{what} is **{abs(middle):.0%}** {word} ({within}{seen.saved.rounds} pairs)"


def _state(seen: Frozen) -> State:
    return "ok" if seen.undone or seen.saved is not None else "skipped"


def _rows(saved: Saved) -> list[tuple[str, str, str, str]]:
    rows = [("step, median", _milliseconds(saved.whole.seconds), _milliseconds(saved.frozen.seconds), _time(saved))]
    names = (("gradients", "gradients"), (f"state of {saved.optimizer or 'the optimizer'}", "state"))
    for told, name in (*names, ("kept for backward", "activations")):
        before, after = getattr(saved.whole, name), getattr(saved.frozen, name)
        if before:
            rows.append((told, size(before), size(after), f"{1 - after / before:.0%}"))
    return rows


def _time(saved: Saved) -> str:
    return f"{saved.share[0]:.0%}" if saved.measurable else "not measurable"


def _milliseconds(times: tuple[float, ...]) -> str:
    ordered = sorted(times)
    middle = ordered[len(ordered) // 2] if ordered else 0.0
    low, high = (ordered[int(share * (len(ordered) - 1))] for share in (0.25, 0.75)) if ordered else (0.0, 0.0)
    return f"{number(1e3 * middle, 3)} ms ({number(1e3 * low, 3)} to {number(1e3 * high, 3)})"


def size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _counted(seen: Frozen) -> str:
    if seen.undone or not seen.trained:
        return ""
    share = seen.weights / seen.trained
    told = "less than 1%" if share < 0.005 else f"{share:.0%}"
    return f"{_many(seen.parameters, 'parameter')}, {told} of the weights that `{seen.model}` trained"


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
