"""`%browse`: every row of a data set, in a page that asks this kernel for what is on the screen."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import Front, Locals, expressions, family, shown
from .line import parse
from .reading import Progress, data_of, labels_of

if TYPE_CHECKING:
    from ..twins.data.browse import Browsed
    from ..verbs import Answer


@family
class BrowseMagics(Front):
    """The rows of a data set, one by one."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("data", nargs="?", metavar="DATA", help="a data set, loader, array, frame or path (default: what trains)")
    @argument("--labels", metavar="EXPR", help="the name of the column with the labels, or the labels row by row")
    @argument("--filter", metavar="EXPR", default="", help='which rows: --filter "brightness > 200 and label == 3"')
    @argument("--sort", metavar="EXPR", default="", help="a column or an expression, the least first")
    @argument("--descending", action="store_true", help="the greatest first")
    @argument("--rows", type=int, metavar="N", help="read at most so many rows (default all)")
    @expressions("model", "loss", "train", "tokenizer")
    @shown
    def browse(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Look at the rows of a data set: scroll, search, filter, sort and tag them; `_.tags` gives the tags back.

        An interrupt ends the reading; what was read until then is shown. With --model, losses and predictions too.
        """
        args = parse(BrowseMagics.browse, line)
        with plainly(self._lacks(f"%browse {line}", local_ns)):
            from ..scan.table.selection import Ask
            from ..twins.data.browse import browse_of
            from .names import Variables

            if args.rows is not None and args.rows < 1:
                raise UsageError(f"--rows is a number of rows, 1 or more; {args.rows} was given")
            variables = Variables.of_shell(self.shell, local_ns)
            bench = self._bench("%browse", args, local_ns, board=args.model is None)
            data = None if args.data is None else data_of(args.data, variables)
            bench = bench.replace(names={**bench.names, **({"train_data": args.data} if args.data else {})})
            labels = labels_of(args.labels, variables)
            ask = Ask(args.filter, "", args.sort, args.descending)
            wired = _wired if self._lives(args) else None
            with Progress() as progress:
                answer = browse_of(bench, data, labels=labels, ask=ask, rows=args.rows, judge=args.model is not None,
                                   progress=progress, wired=wired)  # fmt: skip
        if answer.wire:
            _show(answer)
        return deliver(self, answer, args, seen=bool(answer.wire))

    def _lives(self, args: argparse.Namespace) -> bool:
        """Whether a page is shown that this kernel can stand behind."""
        from .live import can_show

        return not (args.quiet or self.quiet or self.static) and can_show(self.shell)


def _wired(browsing: Any) -> str:
    from .wire import opened

    return opened(lambda question: browsing.answer(question) if question.get("kind") == "browse" else None)


def _show(answer: Browsed) -> None:
    """The page and beneath it a line with the tags, which follows them: what is saved with the notebook has both."""
    from IPython.display import display

    from .live import bundle

    display(bundle(answer), raw=True)
    place: Any = display({"text/html": "", "text/plain": ""}, raw=True, display_id=True)
    answer.follow(lambda: place.update(answer.tag_bundle(), raw=True))
