"""Rows for clusters to read, and what is held against the reading of one process."""

from __future__ import annotations

import os
import time

import numpy as np

ROWS, PART = 6000, 500


class Slow:
    """Texts, numbers and labels; some rows raise, and each takes its time."""

    def __init__(self, pause=0.0, log=None):
        self.pause, self.log = pause, log

    def __len__(self):
        return ROWS

    def __getitem__(self, row):
        if row % 50 == 0:
            time.sleep(self.pause)
        if self.log is not None and row % PART == PART - 1:
            with open(f"{self.log}/{row}", "a") as file:  # noqa: PTH123
                file.write(f"{os.getpid()}\n")
        if row % 1777 == 5:
            raise OSError(f"cannot read {row}")
        text = f"word{row % 700} word{row % 13} http://x" if row % 9 else "  GONE  "
        return {"x": np.sin(np.arange(5.0) * (row % 997)), "text": text, "label": row % 3}


def same_numbers(left, right):
    assert (left.rows, left.unread, left.named) == (right.rows, right.unread, right.named)
    assert left.spreads.keys() == right.spreads.keys()
    for name in left.spreads:
        for key, value in vars(left.spreads[name]).items():
            np.testing.assert_array_equal(value, getattr(right.spreads[name], key))
    assert left.words.keys() == right.words.keys()
    for name, words in left.words.items():
        other = right.words[name]
        assert (words.distinct, words.words, words.most(50)) == (other.distinct, other.words, other.most(50))
        assert (words.habits, words.named) == (other.habits, other.named)
    assert (left.labels and vars(left.labels)) == (right.labels and vars(right.labels))
    for mine, theirs in zip(left.copies.table(), right.copies.table(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    mine, theirs = left.sample.block(), right.sample.block()
    np.testing.assert_array_equal(mine.rows, theirs.rows)
    np.testing.assert_array_equal(mine.columns["x"], theirs.columns["x"])
    assert mine.columns.get("text") == theirs.columns.get("text")
