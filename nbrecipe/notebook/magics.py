"""The magics. Each parses its line, calls the verb of the same name and returns its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import (
    cell_magic,
    line_cell_magic,
    line_magic,
    needs_local_scope,
    no_var_expand,
)
from IPython.core.magic_arguments import argument, magic_arguments

from .answering import AnsweringMagics
from .augmenting import AugmentMagics
from .browsing import BrowseMagics
from .charting import ChartMagics
from .delivery import deliver, plainly
from .evaluating import EvaluatingMagics
from .front import EXPRESSIONS, Locals, expressions, family, shown
from .inside import InsideMagics
from .inspection import InspectionMagics
from .laddering import LadderMagics
from .line import parse
from .one_batch import BatchMagics
from .rewrites import RewriteMagics
from .tokenizing import TokenMagics

if TYPE_CHECKING:
    from ..verbs import Answer


@family
class RecipeMagics(
    AnsweringMagics,
    AugmentMagics,
    BatchMagics,
    BrowseMagics,
    ChartMagics,
    EvaluatingMagics,
    InsideMagics,
    InspectionMagics,
    LadderMagics,
    RewriteMagics,
    TokenMagics,
):
    """The recipe for training neural networks, on the notebook's own model and data."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("model", nargs="?", metavar="MODEL", help=EXPRESSIONS["model"])
    @expressions("loss", "batch", "train", "optimizer", "pretrained")
    @argument("--fix", action="store_true", help="set the last bias to the prior, and prove what it saves")
    @shown
    def check_init(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Judge the initialisation: loss, last bias, symmetry, signal by layer, saturated and dead units."""
        args = parse(RecipeMagics.check_init, line)
        with plainly(self._lacks(f"%check_init {line}", local_ns)):
            from .. import verbs

            answer = verbs.check_init_of(self._bench("%check_init", args, local_ns), fix=args.fix)
        return deliver(self, answer, args)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @magic_arguments("%overfit_batch")  # its help then says %%overfit_batch
    @argument("-n", type=int, default=16, metavar="N", help="examples in the batch (default 16)")
    @argument("--steps", type=int, help="at most this many steps")
    @argument("--budget", type=float, default=60.0, metavar="S", help="at most this many seconds (default 60)")
    @argument("--lr", type=float, help="learning rate; without it, the optimizer's own")
    @expressions("model", "loss", "batch", "train", "optimizer", "tokenizer")
    @argument("--static", action="store_true", help="no live panel, only what stays in a saved notebook")
    @shown
    def overfit_batch(self, line: str, cell: str | None = None, local_ns: Locals = None) -> Answer | None:
        """Run the cell, then train its model on one batch until predictions meet labels; the model is put back.

        With one % it takes the model that is there.
        """
        __tracebackhide__ = True
        args = parse(RecipeMagics.overfit_batch, line)
        if cell is not None:
            self._run(cell)
        magic = "%overfit_batch" if cell is None else "%%overfit_batch"
        with plainly(self._lacks(f"{magic} {line}", local_ns)):
            from .live import overfit

            bench = self._bench(magic, args, local_ns, cell=cell or "")
            answer, seen = overfit(self, bench, args)
        return deliver(self, answer, args, seen=seen)

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("ids", nargs="*", metavar="ID", help="checks or chapters to run, or: explain ID; without any, the board")
    @argument("--full", action="store_true", help="run everything that applies now, experiments too")
    @argument("--budget", type=float, default=120.0, metavar="S", help="seconds for --full (default 120)")
    @argument("--report", metavar="FILE", help="write the board to a .html or a .json file")
    @argument("--lock", type=int, metavar="N", help="show no stage after the Nth from now on; the last one opens all")
    @expressions("model", "loss", "batch", "train", "val", "optimizer", "pretrained", "tokenizer")
    @shown
    def recipe(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Show where you stand in the recipe; with ids, run those checks; with `explain ID`, read a check's page."""
        args = parse(RecipeMagics.recipe, line)
        with plainly():
            from .. import verbs

            if args.ids[:1] == ["explain"] and len(args.ids) == 2:
                return deliver(self, verbs.explain(args.ids[1]), args)
            bench = self._bench("%recipe", args, local_ns, board=not (args.ids or args.full))
            try:
                answer = verbs.recipe_of(bench, *args.ids, full=args.full, budget=args.budget, report=args.report,
                                         lock=args.lock)  # fmt: skip
            except KeyboardInterrupt:
                if not args.full:
                    raise
                answer = verbs.report()
                answer.note = "interrupted: this is what was seen so far"
            if not args.ids and not answer.note:
                answer.note = self._forgotten(answer)
        return deliver(self, answer, args)

    def _forgotten(self, answer: Answer) -> str:
        """What to run again where this kernel has seen nothing, and the saved notebook tells that another one did."""
        if any(result.finding.seen or result.verdict.value in ("bad", "hint") for result in answer):
            return ""
        from .saved import Saved

        names = [name for table in self.magics.values() for name in table if name not in ("recipe", "bind", "seed")]
        numbers = [str(number) for number in Saved.of_shell(self.shell).with_magics(names)]
        if not numbers:
            return ""
        listed = f"cells {', '.join(numbers[:-1])} and {numbers[-1]}" if numbers[1:] else f"cell {numbers[0]}"
        return f"this kernel has seen nothing yet; run {listed} of the notebook again, which looked before"

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("pairs", nargs="*", metavar="WHAT=EXPR", help="e.g. model=net loss=criterion train=train_dl")
    @argument("--clear", action="store_true", help="forget everything that was bound")
    def bind(self, line: str, local_ns: Locals = None) -> dict[str, str]:
        """Fix which variables are the model, the loss, the loaders, …; returns what is bound."""
        from .binding import bind

        args = parse(RecipeMagics.bind, line)
        with plainly():
            return bind(self, args, local_ns)

    @no_var_expand
    @line_magic
    @magic_arguments()
    @argument("number", type=int, help="a whole number, 0 or more")
    def seed(self, line: str) -> None:
        """Seed python, numpy and torch, on every device."""
        args = parse(RecipeMagics.seed, line)
        with plainly():
            from .. import verbs

            verbs.seed(args.number)

    @no_var_expand
    @needs_local_scope
    @cell_magic
    @magic_arguments("%watch")  # its help then says %%watch
    @argument("--probe", metavar="EXPR", help="a batch whose predictions are followed (default: the first trained on)")
    @argument("--every", type=int, metavar="N", help="look closely at every N steps, beside those chosen by themselves")
    @argument("--no-panel", action="store_true", help="no live panel, only what stays in a saved notebook")
    @argument("--tensorboard", metavar="DIR", help="also write scalars and histograms for TensorBoard")
    @shown
    def watch(self, line: str, cell: str, local_ns: Locals = None) -> Answer | None:
        """Run the cell as it is, show what its training or evaluation loop really does, and judge it."""
        __tracebackhide__ = True
        args = parse(RecipeMagics.watch, line)
        from .watching import Watching

        with Watching(self, args, cell, local_ns) as run:
            self._run(cell)
        return deliver(self, run.answer, args, seen=run.shown)
