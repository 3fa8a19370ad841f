"""`%human_baseline`: a person answers the rows that the model is judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import Front, Locals, expressions, family, shown
from .line import parse
from .reading import data_of, labels_of

if TYPE_CHECKING:
    from ..twins.scores.asking import Asking
    from ..twins.scores.human_baseline import HumanBaseline
    from ..verbs import Answer


@family
class AnsweringMagics(Front):
    """A person among those that answer."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("data", nargs="?", metavar="VAL", help="data set, loader, array, frame or path (default: what validates)")
    @argument("-n", type=int, default=50, metavar="N", help="cards to answer (default 50)")
    @argument("--twice", nargs="?", type=int, const=-1, default=0, metavar="K",
              help="ask K cards again, later (one in five where K is left out)")  # fmt: skip
    @argument("--labels", metavar="EXPR", help="the name of the column with the labels, or the labels row by row")
    @argument("--seconds", type=float, metavar="S", help="show each card for so long, not for as long as it takes")
    @argument("--file", metavar="FILE", help="where answers are kept (default: human_DATA.jsonl in this folder)")
    @argument("--by", default="", metavar="NAME", help="whose answers these are; part of the file's name")
    @argument("--seed", type=int, default=0, metavar="N", help="which rows are drawn (default 0)")
    @argument("--compare", nargs=2, metavar="FILE", help="only set two people's files beside each other")
    @expressions("model", "loss", "train", "tokenizer")
    @shown
    def human_baseline(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Answer cards of the validation data yourself: your accuracy, with its interval, beside the model's.

        Keys answer, Backspace takes back. Each answer is kept in a file at once; the same line goes on where you were.
        """
        args = parse(AnsweringMagics.human_baseline, line)
        with plainly(self._lacks(f"%human_baseline {line}", local_ns)):
            from ..twins.scores.human_baseline import compare_people, human_baseline_of
            from .names import Variables

            if args.compare:
                return deliver(self, compare_people(*args.compare), args)
            if args.n < 1:
                raise UsageError(f"-n is a number of cards, 1 or more; {args.n} was given")
            variables = Variables.of_shell(self.shell, local_ns)
            bench = self._bench("%human_baseline", args, local_ns, board=args.model is None)
            data = None if args.data is None else data_of(args.data, variables)
            bench = bench.replace(names={**bench.names, **({"val_data": args.data} if args.data else {})})
            answer = human_baseline_of(bench, data, n=args.n, twice=True if args.twice == -1 else args.twice,
                                       labels=labels_of(args.labels, variables), file=args.file, by=args.by,
                                       seconds=args.seconds, seed=args.seed,
                                       wired=_wired if self._lives(args) else None)  # fmt: skip
        if answer.wire:
            _show(answer)
        return deliver(self, answer, args, seen=bool(answer.wire))

    def _lives(self, args: Any) -> bool:
        """Whether a page is shown that this kernel can stand behind."""
        from .live import can_show

        return not (args.quiet or self.quiet or self.static) and can_show(self.shell)


def _wired(asking: Asking) -> str:
    from .wire import opened

    return opened(lambda question: asking.answer(question) if question.get("kind") == "person" else None)


def _show(answer: HumanBaseline) -> None:
    """The page that asks, and beneath it what the answers are worth once all are there, which is saved with it."""
    from IPython.display import display

    from .live import bundle

    display(bundle(answer), raw=True)
    place: Any = display(answer.outcome_bundle(), raw=True, display_id=True)
    answer.follow(lambda: place.update(answer.outcome_bundle(), raw=True))
