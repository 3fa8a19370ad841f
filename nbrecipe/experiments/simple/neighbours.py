"""The nearest other rows of each row, found once; whatever labels are to be tried, the votes cost next to nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
#: neighbours that are kept, and rows whose distances are worked out at a time
NEAR, AT_ONCE = 10, 512


def nearest(features: Array, among: Array | None = None, *, apart: int = 0, near: int = NEAR) -> tuple[Array, Array]:
    """(rows, near) places and distances of the nearest among other rows, or among `among`.

    Rows that stand within `apart` places of each other are no neighbours, the row itself never is one.
    """
    others = features if among is None else among
    near = min(near, len(others) - 1 - 2 * apart if among is None else len(others))
    power = np.einsum("ij,ij->i", others, others)
    places, distances = [], []
    for low in range(0, len(features), AT_ONCE):
        some = features[low : low + AT_ONCE]
        gap = power - 2 * some @ others.T + np.einsum("ij,ij->i", some, some)[:, None]
        if among is None:
            for i in range(len(some)):
                gap[i, max(0, low + i - apart) : low + i + apart + 1] = np.inf
        chosen = np.argpartition(gap, near - 1, axis=1)[:, :near]
        values = np.take_along_axis(gap, chosen, 1)
        order = np.lexsort((chosen, values), axis=1)
        places.append(np.take_along_axis(chosen, order, 1))
        distances.append(np.take_along_axis(values, order, 1))
    return np.concatenate(places), np.sqrt(np.maximum(np.concatenate(distances), 0))


def votes(labels: Array, classes: int, owners: int | None = None) -> Array:
    """(rows, classes) share of each class among the (rows, near) labels of the neighbours."""
    count = len(labels) if owners is None else owners
    table = np.zeros((count, classes), np.float32)
    np.add.at(table, (np.repeat(np.arange(count), labels.shape[1]), labels.ravel()), 1.0 / labels.shape[1])
    return table
