"""The magic that shows one batch."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import EXPRESSIONS, Front, Locals, expressions, family, shown
from .line import parse

if TYPE_CHECKING:
    from ..probes.batch.stream import Leafing
    from ..verbs import Answer
    from .names import Variables

#: what people call the texts of ids
TABLES = (
    "itos", "id2word", "idx2word", "ix_to_word", "id2token", "idx2char", "ix_to_char", "int_to_char", "int2char",
    "id2char", "i2w", "i2c", "vocab",
)  # fmt: skip


@family
class BatchMagics(Front):
    """What goes into a model."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("model", nargs="?", metavar="MODEL", help=EXPRESSIONS["model"])
    @argument("loader", nargs="?", metavar="LOADER", help="the training loader; the same as --train")
    @expressions("batch", "train", "loss", "tokenizer")
    @argument("--batches", type=int, default=4, metavar="N", help="batches that are read at once and saved (default 4)")
    @argument("--mean", metavar="EXPR", help="what images were normalised with: a number, or one for each channel")
    @argument("--std", metavar="EXPR", help="the standard deviation of the same")
    @shown
    def show_batch(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Show exactly what goes into the model, decoded: images, texts, sequences, tables, with their targets."""
        args = parse(BatchMagics.show_batch, line)
        if args.loader is not None:
            if args.train is not None:
                raise UsageError(f"two loaders: `{args.loader}` and `--train {args.train}`; give one of them")
            args.train = args.loader
        with plainly(self._lacks(f"%show_batch {line}", local_ns)):
            from ..twins.batch.show_batch import show_batch_of
            from .names import Variables

            variables = Variables.of_shell(self.shell, local_ns)
            bench = self._bench("%show_batch", args, local_ns)
            if bench.tokenizer is None:
                bench = bench.replace(tokenizer=table_of_ids(variables))
            mean, std = (None if text is None else variables.value(text) for text in (args.mean, args.std))
            answer = show_batch_of(bench, batches=args.batches, mean=mean, std=std, wired=self._wired(args))
        return deliver(self, answer, args)

    def _wired(self, args: argparse.Namespace) -> Callable[[Leafing], str] | None:
        """What lets the page ask this kernel for further batches; None where nothing is shown or no widget is there."""
        from .live import can_show

        if args.quiet or self.quiet or self.static or not can_show(self.shell):
            return None
        from .wire import wired

        return wired


def table_of_ids(variables: Variables) -> Any:
    """The list or dict that gives the text of each id, by a name that people use for one; None where there is none."""
    held = (space.get(name) for space in variables.visible() for name in TABLES)
    return next((table for table in held if type(table) in (list, dict) and table and _reads(table)), None)


def _reads(table: Any) -> bool:
    """Whether a table gives a text for each id."""
    if isinstance(table, dict):
        return all(isinstance(key, int) and isinstance(text, str) for key, text in table.items())
    return all(isinstance(text, str) for text in table)
