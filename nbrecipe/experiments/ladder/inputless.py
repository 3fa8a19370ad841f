"""The user's own network without its inputs, as two rungs: what it knows of the labels when it cannot see.

Source: Karpathy 2019, "input-independent baseline".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...batches import BadInput
from ...bench import Bench, Missing
from ...task.refusal import told
from ..inputless.experiment import Independence, independence, trained_thrice
from .rung import Rung

#: seconds of the three trainings together
SECONDS = 6.0
HOW = "{name} drawn anew and trained {steps} steps {what}, asked the same way"
SHOWS = "that the network learned something of its inputs"
BLIND = {
    "inputs zeroed": ("with all inputs 0", "sees nothing of an example"),
    "inputs of other rows": (
        "on the inputs of other rows",
        "sees inputs as real ones are, and never the right ones",
    ),
}


def without_inputs(bench: Bench, seconds: float = SECONDS) -> Iterator[Rung]:
    """Both rungs, where the bench has a model, its training loader and validation data; what is found is remembered.

    Raises nothing: what cannot be tried is a rung that says why.
    """
    if bench.model is None or bench.train_loader is None or (bench.val_loader is None and bench.val_data is None):
        return
    try:
        found = independence(bench, seconds)
    except (BadInput, Missing) as error:
        yield from (Rung(name, "", SHOWS, cannot, None, str(error)) for name, (_, cannot) in BLIND.items())
        return
    except Exception as error:  # a user's model raises what it likes
        yield from (Rung(name, "", SHOWS, cannot, None, told(error)) for name, (_, cannot) in BLIND.items())
        return
    bench.know(trained_thrice, found)
    yield from _rungs(bench, found)


def _rungs(bench: Bench, found: Independence) -> Iterator[Rung]:
    for run in (found.zeroed, found.shuffled):
        what, cannot = BLIND[run.what]
        how = HOW.format(name=f"`{bench.name('model')}`", steps=found.steps, what=what)
        answers = replace(run.answers, name=run.what)
        yield Rung(run.what, how, SHOWS, cannot, answers, "", f"{found.rows} rows", found.seconds / 3)
