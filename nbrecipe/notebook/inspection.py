"""`%inspect_data`: the data read once, in numbers, examples and findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import Front, Locals, expressions, family, shown
from .line import parse
from .reading import Progress, columns_of, data_of, labels_of

if TYPE_CHECKING:
    from ..bench import Bench
    from ..verbs import Answer


@family
class InspectionMagics(Front):
    """What stands in the data."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("data", nargs="?", metavar="TRAIN", help="the training data: a data set, loader, array, frame or path")
    @argument("--val", metavar="EXPR", help="the validation data")
    @argument("--labels", metavar="EXPR", help="the name of the column with the labels, or the labels row by row")
    @argument("--columns", metavar="A,B", help="read and judge these columns alone, the label's too if named")
    @argument("--rows", type=int, metavar="N", help="read at most so many rows of each (default all)")
    @argument("--max-errors", type=int, default=1000, metavar="N", help="examples that may fail (default 1000)")
    @argument("--on", default="", metavar="CLUSTER", help="read by its workers: dask://HOST:PORT or ray://HOST:PORT")
    @argument("--pred-probs", metavar="EXPR", help="out-of-fold probabilities (rows, classes) to judge the labels by")
    @expressions("model", "loss", "tokenizer")
    @shown
    def inspect_data(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Read the data once, whole, and show what stands in them: labels, distributions, outliers, copies, noise.

        An interrupt ends the reading; what was read until then is shown, and how much that is.
        """
        args = parse(InspectionMagics.inspect_data, line)
        with plainly(self._lacks(f"%inspect_data {line}", local_ns)):
            from ..twins.data.inspect_data import inspect_data_of
            from .names import Variables

            if args.rows is not None and args.rows < 1:
                raise UsageError(f"--rows is a number of rows, 1 or more; {args.rows} was given")
            variables = Variables.of_shell(self.shell, local_ns)
            val, args.val = args.val, None
            probabilities = None if args.pred_probs is None else variables.value(args.pred_probs)
            bench = self._bench("%inspect_data", args, local_ns, board=True)
            given = {name: data_of(text, variables) for name, text in (("train", args.data), ("val", val)) if text}
            labels, columns = labels_of(args.labels, variables), columns_of(args.columns)
            bench = _called(bench, train_data=args.data, val_data=val, pred_probs=args.pred_probs)
            with Progress() as progress:
                answer = inspect_data_of(bench, **given, labels=labels, columns=columns, pred_probs=probabilities,
                                         rows=args.rows, max_errors=args.max_errors, on=args.on,
                                         progress=progress)  # fmt: skip
        return deliver(self, answer, args)


def _called(bench: Bench, **given: str | None) -> Bench:
    """The bench with the user's own names for what was given."""
    return bench.replace(names={**bench.names, **{field: text for field, text in given.items() if text}})
