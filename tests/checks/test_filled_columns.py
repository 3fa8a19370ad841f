"""Columns of numbers in which one value stands for what is missing: a hint; what belongs there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from nbrecipe.bench import Bench
from nbrecipe.finding import Verdict
from nbrecipe.registry import get_check
from nbrecipe.runner import run
from nbrecipe.scan import held

CHECK = get_check("corrupted-input")
ROWS = 2000


def random(seed=0):
    return np.random.default_rng(seed)


def found(train, val=None, **names):
    bench = Bench(train_data=train, val_data=val, names={"train_data": "train", "val_data": "val", **names})
    bench.once(held.train_scan)
    if val is not None:
        bench.once(held.val_scan)
    return run(CHECK, bench).finding


def people():
    g = random()
    age = np.where(g.random(ROWS) < 0.03, -999, g.integers(18, 80, ROWS))
    pressure = np.where(g.random(ROWS) < 0.05, 0, g.normal(72, 12, ROWS).round())
    days = np.where(g.random(ROWS) < 0.96, 999, g.integers(1, 30, ROWS))
    return pd.DataFrame({"age": age, "pressure": pressure, "days": days, "pay": g.lognormal(8, 1, ROWS)})


def test_the_column_its_value_and_its_share_are_told():
    finding = found(people())
    assert finding.verdict is Verdict.HINT
    assert finding.message.startswith(
        "`days` is **999** in **95.3 %** of 2000 rows of `train` (row 0, 1, 2, 3, 4, …), 113"
    )
    assert finding.message.endswith("; likewise `age` -999 in 3.6 %, `pressure` 0 in 5.0 %")
    assert finding.code == "train['days'].replace(999, float('nan'))"
    assert {name for name, *_ in finding.seen["fills"]} == {"age", "pressure", "days"}


def test_validation_is_read_too():
    finding = found(people()[["pay"]], people()[["pay", "age"]])
    assert finding.message.startswith("`age` is **-999** in **3.6 %** of 2000 rows of `val`")
    broken = people()[["pay"]].astype(float)
    broken.loc[7, "pay"] = np.inf
    finding = found(people()[["pay", "age"]], broken)
    assert "row 7 of `val` holds infinite values in `pay`" in finding.message
    assert "`age` is **-999**" in finding.message
    assert found(people()[["pay"]], people()[["pay"]]).message.startswith(
        "2000 rows of `train` and 2000 rows of `val` can be read"
    )


@pytest.mark.parametrize("fill", [-1.0, 0.0, 9999.0, -32768.0, 4095.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_places_of_a_row_are_told_whatever_their_type(fill, dtype):
    table = random(1).normal(500, 60, (ROWS, 6)) + np.arange(6) * 400
    table[::40, 3] = fill
    finding = found(table.astype(dtype))
    assert finding.verdict is Verdict.HINT
    assert finding.message.startswith(f"`input[3]` is **{fill:g}** in **2.5 %**")


def lookalikes():
    g, n = random(2), ROWS
    shares = (g.random((n, 30)) < 0.3) * g.beta(2, 5, (n, 30))
    return {
        "normal": g.normal(size=n),
        "amounts from a minimum, often none": np.where(g.random(n) < 0.4, 0, 250 + g.exponential(400, n)),
        "amounts, mostly none": np.where(g.random(n) < 0.7, 0, g.exponential(5, n)),
        "rain": np.where(g.random(n) < 0.45, 0, g.gamma(0.7, 5, n)).round(1),
        "counts": g.poisson(3, n),
        "logarithms of counts": np.log1p(g.poisson(4, n)),
        "roots of counts": np.sqrt(g.poisson(4, n)),
        "counts with more zeros": g.poisson(9, n) * (g.random(n) > 0.2),
        "counts of words": g.poisson(g.exponential(1, (1, 50)), (n, 50)),
        "sparse shares": shares,
        "sparse shares, standardised": (shares - shares.mean(0)) / shares.std(0),
        "after a rectifier": np.maximum(g.normal(size=(n, 20)), 0),
        "one-hot": np.eye(20)[g.integers(0, 20, n)],
        "flags": g.integers(0, 2, (n, 9)),
        "levels": g.integers(0, 12, n) * 30.5,
        "cut off above": np.minimum(g.normal(50, 10, n), 62),
        "cut off at both ends": np.clip(g.normal(60, 40, n), 0, 100),
        "ages of children, none": np.where(g.random(n) < 0.3, 0, g.integers(1, 18, n)),
        "two groups": np.where(g.random(n) < 0.5, g.normal(20, 1, n), g.normal(90, 3, n)),
        "long tail": g.lognormal(0, 2, n),
        "codes of places": g.choice(g.integers(10_000, 99_999, 300), n),
        "nothing but NaN": np.full(n, np.nan),
        "hours": g.integers(0, 24, n),
        "uptime": np.where(g.random(n) < 0.9, 100, 100 - g.exponential(1, n)),
    }


@pytest.mark.parametrize("name", lookalikes())
def test_values_that_belong_to_the_others_are_quiet(name):
    values = lookalikes()[name].astype(np.float32)
    finding = found({"x": values} if values.ndim == 1 else values)
    assert "deviations from its other values" not in finding.message


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits", "linnerud"])
def test_known_tables_are_quiet(name):
    finding = found(getattr(datasets, f"load_{name}")(as_frame=True).frame)
    assert "deviations from its other values" not in finding.message
