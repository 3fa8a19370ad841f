"""The recipe for training neural networks, executable on the cell you already have.

In a notebook: `%load_ext nbrecipe`, then `%check_init`, `%%overfit_batch`, `%recipe`. In a script or a test the same
verbs are functions: `nbrecipe.check_init(model, loader, loss_fn)`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .finding import bad as bad
    from .finding import hint as hint
    from .finding import ok as ok
    from .own import check as check
    from .twins.batch.activations import activations as activations
    from .twins.batch.chart_dependencies import chart_dependencies as chart_dependencies
    from .twins.batch.check_grad import check_grad as check_grad
    from .twins.batch.filters import filters as filters
    from .twins.batch.freeze import freeze as freeze
    from .twins.batch.same_as import same_as as same_as
    from .twins.batch.show_batch import show_batch as show_batch
    from .twins.data.browse import browse as browse
    from .twins.data.inspect_data import inspect_data as inspect_data
    from .twins.data.show_augment import show_augment as show_augment
    from .twins.runs.watch import watch as watch
    from .twins.scores.evaluate import evaluate as evaluate
    from .twins.scores.human_baseline import human_baseline as human_baseline
    from .twins.texts.show_tokens import show_tokens as show_tokens
    from .verbs import bind as bind
    from .verbs import check_init as check_init
    from .verbs import explain as explain
    from .verbs import overfit_batch as overfit_batch
    from .verbs import recipe as recipe
    from .verbs import report as report
    from .verbs import seed as seed

#: where a verb lies that has a file of its own
TWINS = {
    "check": ".own",
    "ok": ".finding",
    "bad": ".finding",
    "hint": ".finding",
    "baseline": ".twins.scores.baseline",
    "browse": ".twins.data.browse",
    "freeze": ".twins.batch.freeze",
    "check_grad": ".twins.batch.check_grad",
    "activations": ".twins.batch.activations",
    "filters": ".twins.batch.filters",
    "evaluate": ".twins.scores.evaluate",
    "inspect_data": ".twins.data.inspect_data",
    "same_as": ".twins.batch.same_as",
    "chart_dependencies": ".twins.batch.chart_dependencies",
    "show_augment": ".twins.data.show_augment",
    "show_batch": ".twins.batch.show_batch",
    "show_tokens": ".twins.texts.show_tokens",
    "watch": ".twins.runs.watch",
    "human_baseline": ".twins.scores.human_baseline",
}
__all__ = [
    "activations",
    "bad",
    "baseline",
    "bind",
    "browse",
    "chart_dependencies",
    "check",
    "check_grad",
    "check_init",
    "evaluate",
    "explain",
    "filters",
    "freeze",
    "hint",
    "human_baseline",
    "inspect_data",
    "ok",
    "overfit_batch",
    "recipe",
    "report",
    "same_as",
    "seed",
    "show_augment",
    "show_batch",
    "show_tokens",
    "watch",
]


class _Package(ModuleType):
    """Keeps the verbs `recipe` and `report` callable when the modules of the same names are imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Import torch and the checks only when a verb is used."""
    if name in __all__:
        return getattr(importlib.import_module(TWINS.get(name, ".verbs"), __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext nbrecipe`."""
    from .notebook import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext nbrecipe`."""
    from .notebook import unload

    unload(shell)
