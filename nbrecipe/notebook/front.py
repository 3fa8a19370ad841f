"""What the magics have in common: flags, settings, what is bound, and the bench of one call."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, magics_class
from IPython.core.magic_arguments import argument
from traitlets import Bool

if TYPE_CHECKING:
    from ..bench import Bench

Locals = Mapping[str, Any] | None
EXPRESSIONS = {
    "model": "the model, when it is not the only one",
    "loss": "the loss, called as loss(output, target)",
    "batch": "one batch, as the loader gives it",
    "train": "the training loader",
    "val": "the validation loader",
    "optimizer": "the optimizer",
    "pretrained": "the state dict that was loaded into the model",
    "tokenizer": "the tokenizer",
}


def expressions(*flags: str) -> Callable[[Any], Any]:
    """Flags that take a Python expression in the user's variables."""
    return _all(*(argument(f"--{flag}", metavar="EXPR", help=EXPRESSIONS[flag]) for flag in flags))


def shown(function: Any) -> Any:
    """The flags of every magic that shows something."""
    quiet = argument("-q", "--quiet", action="store_true", help="show nothing; the answer is returned all the same")
    return _all(quiet, argument("-o", "--out", metavar="NAME", help="also assign the answer to this variable"))(
        function
    )


def _all(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        for each in reversed(decorators):
            function = each(function)
        return function

    return decorate


def family(magics: type[Front]) -> type[Front]:
    """Register the magics of a class, and beside them those of the families it is made of."""
    registered: Any = magics_class(magics)
    for above in registered.__mro__[1:]:
        for kind, table in (vars(above).get("magics") or {}).items():  # None in Magics itself up to IPython 9.6
            registered.magics[kind] = table | registered.magics[kind]
    return magics


class Front(Magics):
    """Settings, and what `%bind` fixed; each family of magics stands on it."""

    quiet = Bool(False, help="Show nothing; answers are returned all the same.").tag(config=True)
    static = Bool(False, help="Never show a live panel, only what stays in a saved notebook.").tag(config=True)

    def __init__(self, shell: Any) -> None:
        super().__init__(shell, parent=shell)
        #: what `%bind` fixed: expressions by flag, read anew each time they are needed
        self.bound: dict[str, str] = {}

    def _run(self, cell: str) -> None:
        __tracebackhide__ = True
        from . import cells

        cells.run(self.shell, cell)

    def _lacks(self, call: str, local_ns: Locals) -> Callable[[str], str]:
        def told(lacking: str) -> str:
            from .lacks import Lacks

            return Lacks.of_shell(self.shell, call.strip("; "), local_ns).told(lacking)

        return told

    def _bench(
        self, magic: str, args: argparse.Namespace, local_ns: Locals, *, cell: str = "", board: bool = False
    ) -> Bench:
        from .binding import bench

        return bench(self, magic, args, local_ns, cell=cell, board=board)
