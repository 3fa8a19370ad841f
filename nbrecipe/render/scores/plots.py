"""Pictures of an evaluation that need no script: reliability, answers against targets, errors, loss by position."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from ...finding import percent
from ...pictures.evaluation import Aims, Places, Trust, Trusted

#: size of a picture in its own units, and room for numbers at its left and its foot
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BELOW = 400, 264, 54, 10, 8, 36
#: height of the strip that counts rows
STRIP = 24


@dataclass(frozen=True)
class Frame:
    """Where values lie in a picture."""

    x: tuple[float, float]
    y: tuple[float, float]
    height: float = HEIGHT
    below: float = BELOW

    def across(self, value: float) -> float:
        """Units from the left."""
        low, high = self.x
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    def down(self, value: float) -> float:
        """Units from the top."""
        low, high = self.y
        return self.height - self.below - (self.height - self.below - TOP) * (value - low) / (high - low)


def trust(shown: Trust) -> str:
    """Shares that came true against probabilities, with intervals, beside the diagonal; rows of each bin below."""
    frame = Frame((0.0, 1.0), (0.0, 1.0), HEIGHT + STRIP, BELOW + STRIP)
    out = [_even(frame, 0.0, 1.0), *(_point(frame, one) for one in shown.bins)]
    most = max(one.rows for one in shown.bins)
    foot = frame.height - 4
    for one in shown.bins:
        left, right = frame.across(one.low), frame.across(one.high)
        tall = (STRIP - 10) * one.rows / most
        box = _box(left, foot - tall, max(right - left - 1, 2), tall)
        out.append(f'<rect class="nbr-count" {box}><title>{one.rows:,} rows</title></rect>')
    out.append(f'<text x="{LEFT - 6}" y="{foot:.0f}" text-anchor="end">rows</text>')
    return _svg(frame, out, "probability", "share that came true", spoken(shown), percents=True)


def spoken(shown: Trust) -> str:
    """The bins in words."""
    told = (f"of {one.rows:,} answers given {percent(one.confidence, 0)}, {percent(one.share, 0)} came true"
            f"{', off' if one.off else ''}" for one in shown.bins)  # fmt: skip
    return "; ".join(told)


def _point(frame: Frame, one: Trusted) -> str:
    x, y = frame.across(one.confidence), frame.down(one.share)
    low, high = frame.down(one.share_low), frame.down(one.share_high)
    body = f'<line class="nbr-span" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'
    told = f"{one.rows:,} rows of {percent(one.low, 0)} to {percent(one.high, 0)}: {percent(one.share)} came true"
    title = f"<title>{escape(told)}</title>"
    if one.off:  # another shape than the others
        body += f'<rect {_box(x - 4.5, y - 4.5, 9, 9)} transform="rotate(45 {x:.1f} {y:.1f})"/>'
    else:
        body += f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    return f"<g{' class=nbr-off' if one.off else ''}>{title}{body}</g>"


def scatter(shown: Aims) -> str:
    """Answers against targets beside the diagonal."""
    ends = [*shown.target.tolist(), *shown.answer.tolist()]
    low, high = _wide(min(ends), max(ends))
    frame = Frame((low, high), (low, high))
    dots = "".join(
        f"M{frame.across(x):.0f} {frame.down(y):.0f}h0"
        for x, y in zip(shown.target.tolist(), shown.answer.tolist(), strict=True)
    )
    out = [_even(frame, low, high), f'<path class="nbr-dots" stroke="currentColor" d="{dots}"/>']
    return _svg(frame, out, "what is right", "answer", f"answers against what is right, {shown.extent}")


def errors(shown: Aims) -> str:
    """How many rows are how far off."""
    low, high = float(shown.edges[0]), float(shown.edges[-1])
    frame = Frame((low, high), (0.0, 1.05 * float(shown.counts.max())), 190)
    out = []
    for count, a, b in zip(shown.counts.tolist(), shown.edges[:-1].tolist(), shown.edges[1:].tolist(), strict=True):
        x, y = frame.across(a), frame.down(count)
        box = _box(x + 0.5, y, frame.across(b) - x - 1, frame.down(0) - y)
        out.append(f'<rect class="nbr-bar" {box}><title>{count:,}</title></rect>')
    x = frame.across(0.0)
    out.append(f'<line class="nbr-even" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{frame.down(0):.1f}"/>')
    return _svg(frame, out, "answer less what is right", "rows", shown.told.replace("**", ""))


def places(shown: Places) -> str:
    """The mean loss at each position with its interval."""
    known = [v for v in (*shown.low.tolist(), *shown.high.tolist()) if math.isfinite(v)]
    top = max([*known, *shown.mean.tolist()])
    bottom = min([*known, *shown.mean.tolist()])
    bottom = 0.0 if 0 <= bottom < top / 2 else bottom - 0.2 * (top - bottom or 1.0)
    frame = Frame(
        (float(shown.first[0]), float(max(shown.last, shown.first[0] + 1))), (bottom, top + 0.05 * (top - bottom)), 240
    )
    xs = [frame.across(x) for x in shown.first.tolist()]
    ends = [[frame.down(v if math.isfinite(v) else m) for v, m in zip(side.tolist(), shown.mean.tolist(), strict=True)]
            for side in (shown.low, shown.high)]  # fmt: skip
    there = [f"{x:.1f} {y:.1f}" for x, y in zip(xs, ends[0], strict=True)]
    back = [f"{x:.1f} {y:.1f}" for x, y in zip(xs[::-1], ends[1][::-1], strict=True)]
    curve = "L".join(f"{x:.1f} {frame.down(y):.1f}" for x, y in zip(xs, shown.mean.tolist(), strict=True))
    out = [f'<path class="nbr-band" fill-opacity="0.2" d="M{"L".join([*there, *back])}Z"/>',
           f'<path class="nbr-curve" fill="none" stroke="currentColor" d="M{curve}"/>']  # fmt: skip
    return _svg(frame, out, "position in the text", "loss", shown.told.replace("**", ""))


def _even(frame: Frame, low: float, high: float) -> str:
    first = f'x1="{frame.across(low):.1f}" y1="{frame.down(low):.1f}"'
    last = f'x2="{frame.across(high):.1f}" y2="{frame.down(high):.1f}"'
    return f'<line class="nbr-even" stroke="currentColor" {first} {last}/>'


def _box(x: float, y: float, width: float, height: float) -> str:
    return f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'


def _wide(low: float, high: float) -> tuple[float, float]:
    room = 0.04 * (high - low) or 0.5
    return low - room, high + room


def _svg(frame: Frame, drawn: list[str], across: str, up: str, told: str, percents: bool = False) -> str:
    """A picture with its axes and its words."""
    foot, marks = frame.down(frame.y[0]), []
    for value in ticks(*frame.x):
        at = f'x="{frame.across(value):.1f}" y="{foot + 15:.1f}" text-anchor="middle"'
        marks.append(f"<text {at}>{_spelled(value, percents)}</text>")
    for value in ticks(*frame.y):
        at = f'x="{LEFT - 6}" y="{frame.down(value) + 4:.1f}" text-anchor="end"'
        marks.append(f"<text {at}>{_spelled(value, percents)}</text>")
    axes = f'<path class="nbr-axis" fill="none" stroke="currentColor" d="M{LEFT} {TOP}V{foot:.1f}H{WIDTH - RIGHT}"/>'
    names = f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{foot + 31:.1f}" text-anchor="middle">{across}</text>'
    middle = (TOP + foot) / 2
    names += f'<text x="9" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 9 {middle:.0f})">{up}</text>'
    return (f'<svg class="nbr-plot" viewBox="0 0 {WIDTH} {frame.height:.0f}" role="img" aria-label="{escape(told)}">'
            f'{axes}{"".join(marks)}{names}{"".join(drawn)}</svg>')  # fmt: skip


def _spelled(value: float, percents: bool) -> str:
    return percent(value, 0) if percents else f"{value:,.6g}"


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two ends."""
    step = 10 ** math.floor(math.log10((high - low) / most))
    step = next(step * k for k in (1, 2, 5, 10) if (high - low) / (step * k) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]
