"""Who on a ladder beats whom beyond chance, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from ...experiments.ladder.beaten import Beaten, beaten
from ...experiments.ladder.climb import MODEL
from ...experiments.ladder.scored import Scored


def verdict(rungs: Sequence[Scored], model: str) -> str:
    """The model against every rung, or without one the highest rung; "" where nothing can be compared."""
    known = [each.rung for each in rungs if each.rung.answers is not None and each.score is not None]
    if len(known) < 2:
        return ""
    judged = next((rung for rung in known if rung.id == MODEL), known[-1])
    found = beaten(judged, [rung for rung in known if rung is not judged])
    if found is None:
        return ""
    name = model if judged.id == MODEL else f"`{judged.id}`"
    return f"{_said(found, name)} ({_how(found)})"


def _said(found: Beaten, name: str) -> str:
    parts = []
    if found.below:
        whole = not found.above and not found.alike and len(found.below) > 1
        parts.append(f"{name} beats {'all others' if whole else _listed(found.below)} beyond chance")
    if found.above:
        verb = "beats" if len(found.above) == 1 else "beat"
        parts.append(f"**{_listed(found.above)} {verb} {'it' if parts else name}**{'' if parts else ' beyond chance'}")
    if found.alike:
        parts.append(f"whether {'it' if parts else name} beats {_listed(found.alike, 'or')}, chance could decide")
    return "; ".join(parts)


def _how(found: Beaten) -> str:
    corrected = f", corrected after Holm for {found.count} comparisons" if found.count > 1 else ""
    return f"{' and '.join(found.metrics)} on the same rows, {' and '.join(found.methods)}{corrected}"


def _listed(names: tuple[str, ...], last: str = "and") -> str:
    told = [f"`{name}`" for name in names]
    return f" {last} ".join(filter(None, [", ".join(told[:-1]), told[-1]]))
