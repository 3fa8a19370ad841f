"""Magics for code that replaces other code and for what moves weights: a rewrite, a gradient, a frozen part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import cell_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import Front, Locals, family, shown
from .line import parse
from .pairing import Pair

if TYPE_CHECKING:
    from ..verbs import Answer


@family
class RewriteMagics(Front):
    """What replaces a loop, what a backward pass gives, what a frozen part saves."""

    @no_var_expand
    @needs_local_scope
    @cell_magic
    @magic_arguments("%same_as")  # its help then says %%same_as
    @argument("loop", metavar="LOOP", help="the function that the cell rewrites, defined before or in the cell")
    @argument("--new", metavar="NAME", help="the rewrite (default: the function that the cell defines last)")
    @argument(
        "--example",
        metavar="EXPR",
        help="arguments of a call, as a tuple (default: those of the last call of either, in the cell or before it)",
    )
    @argument("--budget", type=float, default=20.0, metavar="S", help="at most this many seconds (default 20)")
    @shown
    def same_as(self, line: str, cell: str, local_ns: Locals = None) -> Answer | None:
        """Run the cell, then compare the function it defines with the loop LOOP that it replaces.

        Both are called on the example and on inputs drawn from it: sizes 0, 1 and odd, new values, other memory
        layouts and types. Outputs, gradients and changes in place must agree but for rounding; the first element that
        differs is shown, on the smallest input that shows it.
        """
        __tracebackhide__ = True
        args = parse(RewriteMagics.same_as, line)
        pair = Pair(self.shell, args.loop, args.new, cell, local_ns)
        self._run(cell)
        with plainly():
            from ..twins.same_as import same_as_of

            rewrite = pair.rewrite(args.example)
            pair.silence()
            answer = same_as_of(rewrite, budget=args.budget, where=pair.where)
        return deliver(self, answer, args)
