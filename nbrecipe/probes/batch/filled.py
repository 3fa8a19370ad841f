"""Columns of a batch with a value that by custom stands for "missing"."""

from __future__ import annotations

from torch import Tensor

from ...finding import Finding, hint, number

#: values that stand for "missing" by custom; and how many deviations from the others such a value has to lie
FILLS, APART = (-9999.0, -999.0, -99.0, 999.0, 9999.0, 99999.0, -32768.0, 1e20), 10.0


def filled(name: str, tensor: Tensor) -> Finding | None:
    """Columns with a value that by custom stands for "missing", far from all others."""
    if tensor.ndim != 2 or not tensor.is_floating_point() or len(tensor) < 4:
        return None
    for fill in FILLS:
        there = tensor == fill
        counts = there.sum(0)
        for column in ((counts > 1) & (counts < len(tensor))).nonzero().flatten().tolist():
            others = tensor[:, column][~there[:, column]].float()
            spread = max(float(others.std(correction=0)), 1e-6)
            if abs(fill - float(others.mean())) > APART * spread:
                return hint(
                    f"`{name}` holds **{number(fill)}** in {int(counts[column])} of {len(tensor)} examples in column "
                    f"{column}, {abs(fill - float(others.mean())) / spread:.0f} deviations from the others",
                    fix="See whether it stands for a missing value; if so, fill it or tell the model.",
                    column=column,
                    fill=fill,
                )
    return None
