"""Beside each other on the same rows: the person, the user's model, and the rungs of the ladder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Subset

from ...batches import BadInput
from ...bench import Bench, Missing
from ...evaluation.answers import Answers, Array
from ...evaluation.passing import answers_of
from ...evaluation.person.people import FILES, people_on
from ...experiments.ladder.climb import Ladder, climb
from ...experiments.ladder.rung import Rung
from ...scan import held
from ...scan.identity import fingerprint

#: rows at once where no loader says how many
SIZE = 256
#: seconds after which no further rung is tried
SECONDS = 10.0


def model_on(bench: Bench, data: Any, rows: Array) -> Answers | None:
    """The answers of the bench's model to these rows; None where there is no model, or it cannot be run on them."""
    if bench.model is None:
        return None
    loader = data if isinstance(data, DataLoader) else None
    whole: Any = loader.dataset if loader is not None else data
    try:
        if not _by_number(whole):
            return answers_of(bench).among(rows)
        known = loader if loader is not None else bench.train_loader
        collate = known.collate_fn if isinstance(known, DataLoader) else None
        chosen: Any = DataLoader(Subset(whole, rows.tolist()), batch_size=SIZE, collate_fn=collate)
        found = answers_of(bench.replace(val_loader=chosen, val_data=None))
    except (BadInput, Missing):
        return None
    ordered = found.among(np.arange(len(rows)))
    return None if ordered is None else replace(ordered, rows=rows)


def _by_number(data: Any) -> bool:
    """Whether single examples can be read by their number, so that not all of them have to be answered."""
    columns = isinstance(data, (tuple, list, dict, str)) or hasattr(data, "columns")
    return hasattr(data, "__getitem__") and not columns


def rungs_on(bench: Bench, rows: Array) -> tuple[Answers, ...]:
    """What the simple baselines answer to these rows; none where there are no training data to fit them on."""
    if bench.train_loader is None and bench.train_data is None:
        return ()
    try:
        ladder = climb(bench.replace(model=None), seconds=SECONDS)
    except (BadInput, Missing):
        return ()
    found = (rung.answers.among(rows) for rung in ladder.tried() if rung.answers is not None)
    return tuple(one for one in found if one is not None)


def people_in(bench: Bench, ladder: Ladder, folder: Path) -> Iterator[Rung]:
    """The people who answered rows of the validation data, by the files of a folder."""
    if ladder.val is None or not any(folder.glob(FILES)):
        return
    known = known_by(held.given_data(bench, "val")[0], ladder.val.plan.label)
    for name, answers in people_on(ladder.val.source, ladder.val.plan, known, folder):
        how = f"a person, by hand: {len(answers)} of the rows, drawn at random"
        yield Rung(name, how, "more than a person knows at first sight", "knows what people know", answers)


def known_by(data: Any, label: str | None) -> str:
    """What a data set and the choice of its label are known by, "3f2a…:label"."""
    return f"{fingerprint(data)}:{label}"
