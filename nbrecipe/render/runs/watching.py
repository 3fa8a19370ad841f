"""A watched cell: the curves of its loop, predictions on a fixed batch, and what was found, live and saved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...film import Film, Kind, jitter
from ...finding import number
from ...report import Report
from ..findings import html, text
from ..pieces.figure import encoded, few_colours
from ..pieces.fragment import fragment, image, replayed, rich, script, static
from ..pieces.words import sentence
from . import curves, written
from . import film as films
from .charts import Chart, Curve
from .loop import charts
from .still import outcome

if TYPE_CHECKING:
    from ...trace.record.data import LoaderSeen, Trace

__all__ = ["board", "html_of", "live_rows", "module", "moving", "png", "style", "summary", "text_of"]

#: letters that a snapshot may have, and those that its pictures of findings may take of them
LIMIT, PICTURES = 300_000, 90_000
#: bytes of the still picture
PICTURE = 90_000
#: bytes below which a film is not worth its place
LEAST = 6_000


def module() -> str:
    """The module that draws the panel, live and saved."""
    return script("watch.js")


def style() -> str:
    """The style sheets of the panel."""
    return static("nbr.css") + static("watch.css")


def board(trace: Trace, *, found: str = "", pace: str = "", share: float | None = None) -> dict[str, Any]:
    """What the panel shows beside the film, JSON-ready but for `points`: the curves' rows as little-endian float32.

    `found` are the findings so far as HTML; `pace` says how far the pass is, of which `share` is done.
    """
    drawn = charts(trace)
    data: list[bytes] = []
    told = [_told(chart, data) for chart in drawn]
    return {
        "title": title(trace),
        "summary": " · ".join(filter(None, (summary(trace), pace))),
        "last": max((chart.last for chart in drawn), default=0),
        "charts": told,
        "points": b"".join(data),
        "moving": moving(trace.film),
        "written": written.state(trace.film),
        "found": found,
        "share": share,
    }


def title(trace: Trace) -> str:
    """The cell that was watched."""
    return f"Watched {trace.where}" if trace.where else "Watched"


def summary(trace: Trace) -> str:
    """How much was seen, in a few words; what was not there to see, where nothing was."""
    passes = sum(model.count for model in trace.models)
    if not trace.trained and not passes:
        return "no model was called and nothing trained in this cell"
    loader = loader_of(trace)
    told = [f"{trace.steps} {'step' if trace.steps == 1 else 'steps'}" if trace.trained else "nothing trained"]
    if loader is not None and loader.passes > 1:
        told.append(f"{loader.passes} passes over `{loader.name}`")
    if trace.ended and trace.error:
        told.append(f"ended by {trace.error.split(':')[0]}")
    return ", ".join(told)


def loader_of(trace: Trace) -> LoaderSeen | None:
    """The loader that the training reads."""
    trained = [loader for loader in trace.loaders if loader.trained]
    return max(trained, key=lambda loader: loader.trained, default=None)


def moving(film: Film | None) -> str:
    """How predictions on the fixed batch move, in a sentence; empty where the film is too short to say."""
    seen = jitter(film) if film is not None else None
    if film is None or seen is None:
        return ""
    unit = " standard deviations" if film.kind in (Kind.REGRESSION, Kind.IMAGES) else ""
    late, early, far = (f"{number(value, 2)}{unit}" for value in (seen.late, seen.early, seen.far))
    said = {
        "wiggles": f"Predictions wiggle: late in the run they move by **{late}** from frame to frame and turn back "
        f"(the correlation of one move with the next is {number(seen.turn, 2)}). A learning rate that is too high does "
        "this.",
        "barely moves": f"Predictions barely move: no farther than **{far}** from where they started. "
        "A learning rate that is too low does this.",
        "settles": f"Predictions settle: they move by **{late}** from frame to frame late in the run, {early} early.",
        "moves": f"Predictions still move late in the run: by **{late}** from frame to frame.",
    }
    return said[seen.word]


def text_of(report: Report, trace: Trace) -> str:
    """The whole as plain text that stands alone: header, the curves in numbers, findings."""
    told = [chart.told for chart in charts(trace)] + [moving(trace.film).replace("**", "")]
    told += [*written.lines_of(trace.film), *trace.notes]
    lines = "\n".join(text.wrap(f"  {line}", "    ") for line in told if line)
    return "\n\n".join(filter(None, (text.header(report), lines, *text.rows(report, fold=True))))


def html_of(report: Report, trace: Trace, drawn: bytes | None) -> str:
    """A snapshot of at most `LIMIT` letters: header, still picture or, where scripts run, the panel, and findings.

    `drawn` is what `png` makes of the trace; None where there is no curve.
    """
    rows = html.rows(report, fold=True)
    if len(rows) > PICTURES:
        rows = live_rows(report)
    notes = "".join(f'<div class="nbr-place">{rich(sentence(note))}</div>' for note in trace.notes)
    before, after = f"<style>{static('watch.css')}</style>{html.header(report)}", notes + rows
    if drawn is None:
        return fragment(before + after)
    picture = image(drawn, words(trace)) + written.html_of(trace.film)
    room = LIMIT - len(fragment(before + after)) - len(replayed(module(), picture, b"")) - 200
    return fragment(before + replayed(module(), picture, packed(trace, room * 3 // 4)) + after)


def live_rows(report: Report) -> str:
    """The findings without their pictures: quick to make, and small."""
    bare = [replace(result, finding=replace(result.finding, seen={})) for result in report]
    return html.rows(replace(report, results={result.key: result for result in bare}), fold=True)


def packed(trace: Trace, most: int) -> bytes:
    """Board and film as `watch.js` reads them, deflated, in so many bytes: the film is thinned, or left out."""
    told = board(trace)
    points = told.pop("points")
    told["summary"] = ""
    blank = Film(Kind.LOSS, [], np.zeros(0))
    film = replace(trace.film, losses=[]) if trace.film is not None else blank
    for seen in (film, blank):
        data = films.packed(seen, budget=max(most, LEAST), more={"board": told}, points=points)
        if len(data) <= most:
            return data
    return data


def png(trace: Trace) -> bytes:
    """The curves and the last predictions, readable on white and on black; predictions too large are left out."""
    drawn, told = charts(trace), moving(trace.film)
    made = few_colours(encoded(curves.figure(drawn, trace.film, told)))
    return made if len(made) <= PICTURE else few_colours(encoded(curves.figure(drawn, None, told)))


def words(trace: Trace) -> str:
    """What the picture shows, in words."""
    told = [sentence(chart.told) for chart in charts(trace) if chart.told]
    if trace.film is not None and trace.film.frames:
        told.append(outcome(replace(trace.film, losses=[])).removeprefix("No loss was recorded").strip(". "))
    return ". ".join(filter(None, told)) + "."


def _told(chart: Chart, data: list[bytes]) -> dict[str, Any]:
    """A chart without its points; these go to `data`, and each curve says where."""
    return {
        "id": chart.id,
        "title": chart.title,
        "rest": chart.rest,
        "log": chart.log,
        "zero": chart.zero,
        "band": chart.band and list(chart.band),
        "levels": [
            {"value": value, "name": name and f"{name} {value:g}", "side": "beside"} for value, name in chart.levels
        ],
        "curves": [_packed(curve, data) for curve in chart.curves],
        "areas": [_packed(curve, data) for curve in chart.areas],
    }


def _packed(curve: Curve, data: list[bytes]) -> dict[str, Any]:
    start = sum(map(len, data)) // 4
    data.append(np.ascontiguousarray(curve.points, "<f4").tobytes())
    style = {"name": curve.name, "tone": curve.tone, "style": curve.style, "says": curve.says}
    return {**style, "start": start, "rows": len(curve.points), "width": curve.points.shape[1]}
