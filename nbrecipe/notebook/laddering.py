"""`%baseline`: how well simple ways to answer do, and the model among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import Front, Locals, expressions, family, shown
from .line import parse
from .reading import Progress, data_of, labels_of

if TYPE_CHECKING:
    from ..bench import Bench
    from ..verbs import Answer
    from .names import Variables


@family
class LadderMagics(Front):
    """The ladder of simple baselines."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("data", nargs="?", metavar="TRAIN", help="data set, loader, array, frame or path (default: what trains)")
    @argument("others", nargs="?", metavar="VAL", help="the same for validation; without it, rows are answered "
              "out of fold")  # fmt: skip
    @argument(
        "--metric", metavar="NAME", help='a metric: "macro F1", scikit-learn\'s f1_macro, a function (y, answers)'
    )
    @argument("--rule", metavar="FUNCTION", help="your own rule: a function of one example, or of a batch of them")
    @argument("--labels", metavar="EXPR", help="the name of the column with the labels, or the labels row by row")
    @argument("--seconds", type=float, metavar="S", help="try no further rung after so many seconds")
    @expressions("model", "loss", "tokenizer")
    @shown
    def baseline(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Climb from guessing to gradient boosting: what each simple way to answer is worth, the model among them.

        An interrupt keeps the rungs that are done.
        """
        args = parse(LadderMagics.baseline, line)
        with plainly(self._lacks(f"%baseline {line}", local_ns)):
            from ..twins.scores.baseline import baseline_of
            from .names import Variables

            if args.seconds is not None and args.seconds <= 0:
                raise UsageError(f"--seconds is a time, more than 0; {args.seconds:g} was given")
            variables = Variables.of_shell(self.shell, local_ns)
            bench = self._bench("%baseline", args, local_ns, board=args.model is None)
            given = {"train_data": args.data, "val_data": args.others}
            bench = bench.replace(names={**bench.names, **{field: text for field, text in given.items() if text}})
            train, val = (None if text is None else data_of(text, variables) for text in (args.data, args.others))
            if args.model is None and train is not None and not _theirs(train, bench):
                bench = bench.replace(model=None, loss_fn=None)  # it has other data
            rule = None if args.rule is None else variables.value(args.rule)
            with Progress() as progress:
                answer = baseline_of(bench, train, val, metric=_metric(args.metric, variables), rule=rule,
                                     labels=labels_of(args.labels, variables), seconds=args.seconds,
                                     progress=progress, trying=progress.trying)  # fmt: skip
        return deliver(self, answer, args)


def _theirs(train: Any, bench: Bench) -> bool:
    """Whether these are the data that the model is known to train on."""
    loader = bench.train_loader
    return any(train is one for one in (loader, bench.train_data, getattr(loader, "dataset", None)) if one is not None)


def _metric(text: str | None, variables: Variables) -> Any:
    """A function or an object among the variables, or else a name as it stands."""
    if text is None:
        return None
    try:
        found = variables.value(text)
    except UsageError:
        return text.strip("'\"")
    return found if callable(found) or isinstance(found, str) else text
