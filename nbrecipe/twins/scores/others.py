"""What others answer to the rows that a person was asked: the user's model, and the rungs of the ladder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Subset

from ...batches import BadInput
from ...bench import Bench, Missing
from ...evaluation.answers import Answers, Array
from ...evaluation.passing import answers_of

#: rows at once where no loader says how many
SIZE = 256


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
