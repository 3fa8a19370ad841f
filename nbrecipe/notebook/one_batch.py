"""The magic that shows one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import EXPRESSIONS, Front, Locals, expressions, family, shown
from .line import parse

if TYPE_CHECKING:
    from ..verbs import Answer


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
    @argument("--batches", type=int, default=4, metavar="N", help="at most so many batches to leaf through (default 4)")
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
            from ..twins.show_batch import show_batch_of
            from .names import Variables

            bench = self._bench("%show_batch", args, local_ns)
            variables = Variables.of_shell(self.shell, local_ns)
            mean, std = (None if text is None else variables.value(text) for text in (args.mean, args.std))
            answer = show_batch_of(bench, batches=args.batches, mean=mean, std=std)
        return deliver(self, answer, args)
