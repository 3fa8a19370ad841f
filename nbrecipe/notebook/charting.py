"""`%chart_dependencies`: which outputs depend on which inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import EXPRESSIONS, Front, Locals, expressions, family, shown
from .line import parse

if TYPE_CHECKING:
    from ..verbs import Answer


@family
class ChartMagics(Front):
    """Charts of one net on one batch."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("model", nargs="?", metavar="MODEL", help=EXPRESSIONS["model"])
    @expressions("batch", "train", "loss")
    @argument("--over", metavar="AXIS", help="batch, time, features or space; without it, all that the model has")
    @argument("--causal", action="store_true", help="no output may depend on later inputs")
    @argument("--expect-mixing", action="store_true", help="rows of the batch meet by design: contrastive, graphs")
    @shown
    def chart_dependencies(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Chart which outputs depend on which inputs, by backpropagation, and name the module that mixes them."""
        args = parse(ChartMagics.chart_dependencies, line)
        with plainly(self._lacks(f"%chart_dependencies {line}", local_ns)):
            from ..twins.batch.chart_dependencies import chart_dependencies_of

            bench = self._bench("%chart_dependencies", args, local_ns)
            answer = chart_dependencies_of(bench, over=args.over, causal=args.causal, expect_mixing=args.expect_mixing)
        return deliver(self, answer, args)
