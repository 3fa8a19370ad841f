"""Which class is answered where another is right, as a table whose colours say the share of each row."""

from __future__ import annotations

import math
from html import escape

from ...pictures.evaluation import Confusions, Mistaken
from .panels import folded, line, panel

#: pairs that are outlined and told, and letters of a name that stands upright
TOLD, UPRIGHT = 3, 3
#: share of the colour that the least and the greatest cell have of it: words stay readable on both
PALE, FULL = 8, 55


def html_of(found: Confusions) -> str:
    """The table, and beneath it the pairs that are confused most."""
    title = "Confusions"
    if found.pairs:
        first = found.pairs[0]
        title += f"<em>: {_code(first.target)} is taken for {_code(first.answer)} most often, {first.count} times</em>"
    body = ""
    if found.core is not None and len(found.drawn) > 1:
        fewer = len(found.drawn) < len(found.names)
        some = f"the {len(found.drawn)} of {len(found.names)} classes that are confused most; " if fewer else ""
        body = line(f"{some}rows: what is right, columns: what is answered; blue is right, orange is wrong, "
                    "the deeper the larger its share of the row")  # fmt: skip
        body += f'<div class="nbr-heated" tabindex="0" role="group" aria-label="confusions">{_table(found)}</div>'
    told = [f'<div class="nbr-more-of">{_pair(one)}</div>' for one in found.pairs]
    rest = "".join(told[TOLD:]) + (line(f"{found.left:,} more pairs are confused") if found.left else "")
    body += "".join(told[:TOLD]) + (folded(f"{len(told) - TOLD} more pairs", rest) if told[TOLD:] else "")
    return panel(title, body)


def _pair(one: Mistaken) -> str:
    return f"{_code(one.target)} is taken for {_code(one.answer)}: {escape(one.told)}"


def _table(found: Confusions) -> str:
    assert found.core is not None
    names, core = found.drawn, found.core
    others = bool(core[:, -1].any())
    heads = [*names, *(["others"] if others else [])]
    long = max(map(len, heads)) > UPRIGHT
    top = "".join(f'<th scope="col" class="nbr-up" title="{escape(n)}">{_up(n, long)}</th>' for n in heads)
    most = {(one.target, one.answer) for one in found.pairs[:TOLD]}
    body = ""
    for i, name in enumerate(names):
        total = max(1, int(core[i].sum()))
        cells = "".join(_cell(int(core[i, j]), total, i == j, (name, other) in most)
                        for j, other in enumerate(heads))  # fmt: skip
        body += f'<tr><th scope="row" title="{escape(name)}">{escape(name)}</th>{cells}</tr>'
    return f'<table class="nbr-heat"><tr><th class="nbr-corner">right ↓<br>answer →</th>{top}</tr>{body}</table>'


def _up(name: str, long: bool) -> str:
    return f"<span>{escape(name)}</span>" if long else escape(name)


def _cell(count: int, total: int, right: bool, most: bool) -> str:
    if not count:
        return f'<td class="nbr-none">{0 if right else "·"}</td>'
    share = PALE + (FULL - PALE) * math.sqrt(count / total)
    marks = " ".join(filter(None, ["nbr-right" if right else "", "nbr-most" if most else ""]))
    named = f' class="{marks}"' if marks else ""
    return f'<td{named} style="--s:{share:.0f}%">{count}</td>'


def _code(name: str) -> str:
    return f"<code>{escape(name)}</code>"
