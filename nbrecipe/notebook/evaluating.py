"""`%evaluate`: a model over a whole data set, and what its answers are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import EXPRESSIONS, Front, Locals, expressions, family, shown
from .line import parse
from .reading import Progress, data_of, labels_of

if TYPE_CHECKING:
    from ..verbs import Answer
    from .names import Variables


@family
class EvaluatingMagics(Front):
    """A model's answers to a whole data set."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("model", nargs="?", metavar="MODEL", help=EXPRESSIONS["model"])
    @argument("data", nargs="?", metavar="VAL", help="loader, data set or (inputs, targets) (default: what validates)")
    @argument("--metrics", action="append", default=[], metavar="A,B",
              help="also these: names (scikit-learn's too), functions f(y_true, y_pred), torchmetrics")  # fmt: skip
    @argument("--by", action="append", default=[], metavar="EXPR",
              help="a table by this: one value for each row, or the name of a column of the data")  # fmt: skip
    @argument("--against", metavar="EXPR", help="a second model, compared on the same rows by paired tests")
    @expressions("loss", "train", "tokenizer")
    @shown
    def evaluate(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Let the model answer every row once: metrics with intervals, classes, calibration, worst rows.

        An interrupt ends the pass; what was answered until then is judged, and how much that is.
        """
        args = parse(EvaluatingMagics.evaluate, line)
        with plainly(self._lacks(f"%evaluate {line}", local_ns)):
            from ..twins.scores.evaluate import evaluate_of
            from .names import Variables

            variables = Variables.of_shell(self.shell, local_ns)
            args.model, args.data = _told_apart(args.model, args.data, variables)
            bench = self._bench("%evaluate", args, local_ns)
            data = None if args.data is None else data_of(args.data, variables)
            other = None if args.against is None else variables.value(args.against)
            called = {"val": args.data, "val_loader": args.data, "val_data": args.data, "against": args.against}
            bench = bench.replace(names={**bench.names, **{field: text for field, text in called.items() if text}})
            metrics = [one for text in args.metrics for one in _metrics(text, variables)]
            by = {text: labels_of(text, variables) for text in args.by}
            with Progress() as progress:
                name = args.data or bench.name("val_loader")
                answer = evaluate_of(bench, data, metrics=metrics, by=by or None, against=other,
                                     seen=lambda rows, total: progress(name, rows, total))  # fmt: skip
        return deliver(self, answer, args)


def _told_apart(model: str | None, data: str | None, variables: Variables) -> tuple[str | None, str | None]:
    """As they are meant: `%evaluate val_loader` names the data alone, `%evaluate val_loader net` the data first."""
    if model is None or _runs(model, variables) is not False:
        return model, data
    return (None, model) if data is None else (data, model) if _runs(data, variables) else (model, data)


def _runs(text: str, variables: Variables) -> bool | None:
    """Whether it can be called as models can; None where it cannot be told."""
    try:
        return callable(variables.value(text))
    except UsageError:
        return None


def _metrics(text: str, variables: Variables) -> list[Any]:
    """Variables and expressions that are metrics, else names as they stand."""
    whole = _metric(text, variables)
    if whole is not None:
        return list(whole) if isinstance(whole, (list, tuple)) else [whole]
    parts = (part.strip().strip("'\"") for part in text.split(","))
    return [found if (found := _metric(part, variables)) is not None else part for part in parts]


def _metric(text: str, variables: Variables) -> Any:
    try:
        value = variables.value(text)
    except UsageError:
        return None
    listed = isinstance(value, (list, tuple)) and "," not in text.strip("[]()")
    return value if callable(value) or hasattr(value, "_score_func") or listed else None
