"""`%filters` and `%activations`: what a net's first layers look for, and what a batch does inside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import EXPRESSIONS, Front, Locals, expressions, family, shown
from .line import parse

if TYPE_CHECKING:
    from ..verbs import Answer


def _rows(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--examples takes rows of the batch, as in 0,3,5; `{text}` is none") from None


def _shape(text: str) -> tuple[int, ...]:
    """Whole numbers with an x or commas between them."""
    parts = re.split(r"[x,]\s*", text.lower().strip("()[] "))
    if not 2 <= len(parts) <= 3 or not all(part.isdecimal() and int(part) for part in parts):
        raise UsageError(f"--shape takes height and width, or channels before them, as in 8x8; `{text}` is neither")
    return tuple(map(int, parts))


@family
class InsideMagics(Front):
    """Pictures of what a net has learned, and of what goes on in it."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("model", nargs="?", metavar="MODEL", help=EXPRESSIONS["model"])
    @argument("--before", metavar="EXPR", help="a model or state dict kept from before training, to be shown beside")
    @argument("--shape", type=_shape, metavar="HxW", help="the shape of images that come as flat rows: 8x8, 3x32x32")
    @expressions("batch", "train", "tokenizer", "loss", "optimizer")
    @shown
    def filters(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Show the weights of the layers that read the input, sorted by norm, and tell whether they are only noise.

        Weights on pixels are pictures, weights over time are curves, the rows of an embedding are a map. Run it once
        before training and again after: both are then shown beside each other.
        """
        args = parse(InsideMagics.filters, line)
        with plainly(self._lacks(f"%filters {line}", local_ns)):
            from ..twins.batch.filters import filters_of

            bench = self._bench("%filters", args, local_ns)
            before = None if args.before is None else self._value(args.before, local_ns)
            answer = filters_of(bench, before=before, name=args.before or "before", shape=args.shape or ())
        return deliver(self, answer, args)

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("model", nargs="?", metavar="MODEL", help=EXPRESSIONS["model"])
    @argument("given", nargs="?", metavar="BATCH", help="the batch; the same as --batch")
    @argument("--examples", type=_rows, metavar="ROWS", help="rows of the batch to show, as in 0,3,5 (default 0,1,2)")
    @expressions("batch", "train", "loss", "optimizer")
    @shown
    def activations(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Show what every layer puts out for one batch: histograms, dead and saturated units, feature maps.

        It reads at most 32 examples, and keeps one layer's output at a time.
        """
        args = parse(InsideMagics.activations, line)
        if args.given is not None:
            if args.batch is not None:
                raise UsageError(f"two batches: `{args.given}` and `--batch {args.batch}`; give one of them")
            args.batch = args.given
        with plainly(self._lacks(f"%activations {line}", local_ns)):
            from ..twins.batch.activations import activations_of

            bench = self._bench("%activations", args, local_ns)
            answer = activations_of(bench, examples=args.examples)
        return deliver(self, answer, args)

    def _value(self, expression: str, local_ns: Locals) -> Any:
        from .names import Variables

        return Variables.of_shell(self.shell, local_ns).value(expression)
