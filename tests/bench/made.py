"""Data to read, made of nothing but NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

Data = dict[str, Any]


def images(rows: int) -> Data:
    generator = np.random.default_rng(0)
    return {"x": generator.integers(0, 256, (rows, 28, 28), np.uint8), "label": generator.integers(0, 10, rows)}


def table(rows: int) -> Data:
    generator = np.random.default_rng(0)
    return {"x": generator.standard_normal((rows, 50), np.float32), "label": generator.integers(0, 10, rows)}


def texts(rows: int) -> Data:
    """Eight words each, as often as words are."""
    generator = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(20_000)], object)
    drawn = words[np.minimum(generator.zipf(1.3, (rows, 8)), 20_000) - 1]
    return {"x": [" ".join(row) for row in drawn], "label": generator.integers(0, 2, rows)}


def frame(data: Data) -> Any:
    import pandas as pd

    values = data["x"]
    made = pd.DataFrame(values.reshape(len(values), -1) if isinstance(values, np.ndarray) else {"x": values})
    made.columns = [str(name) for name in made.columns]
    return made.assign(label=data["label"])
