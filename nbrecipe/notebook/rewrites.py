"""Magics for code that replaces other code and for what moves weights: a rewrite, a gradient, a frozen part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import cell_magic, line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import Front, Locals, expressions, family, shown
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
            from ..twins.batch.same_as import same_as_of

            rewrite = pair.rewrite(args.example)
            pair.silence()
            answer = same_as_of(rewrite, budget=args.budget, where=pair.where)
        return deliver(self, answer, args)

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("model", nargs="?", metavar="MODEL", help="the model, when it is not the only one; or a function")
    @argument("--inputs", metavar="EXPR", help="what the function takes, as a tuple: then no batch and no loss is used")
    @argument("--elements", type=int, metavar="N", help="single elements to look at in each tensor, beside a direction")
    @argument("--budget", type=float, default=20.0, metavar="S", help="at most about this many seconds (default 20)")
    @expressions("loss", "batch", "train")
    @shown
    def check_grad(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Compare the gradients of backward with finite differences, parameter by parameter.

        Works on a copy in float64 and a few examples, with dropout and label smoothing off. Kinks are set aside and
        counted; what is cut from the graph is held fixed, as backward holds it. For an autograd function of your own:
        %check_grad MyFunction.apply --inputs (x, y)
        """
        args = parse(RewriteMagics.check_grad, line)
        with plainly(self._lacks(f"%check_grad {line}", local_ns)):
            from ..twins.batch.check_grad import check_function, check_grad_of

            limits = {"elements": args.elements, "budget": args.budget}
            if args.inputs is not None:
                function, inputs = self._function(args.model, args.inputs, local_ns)
                answer = check_function(function, inputs, name=args.model, **limits)
            else:
                self._refuse_function(args.model, local_ns)
                answer = check_grad_of(self._bench("%check_grad", args, local_ns), **limits)
        return deliver(self, answer, args)

    def _function(self, function: str | None, inputs: str, local_ns: Locals) -> tuple[Any, Any]:
        from .names import Variables

        if function is None:
            raise UsageError("--inputs are those of a function: %check_grad FUNCTION --inputs (x, y)")
        variables = Variables.of_shell(self.shell, local_ns)
        return variables.value(function), variables.value(inputs)

    def _refuse_function(self, expression: str | None, local_ns: Locals) -> None:
        """A function without inputs is told what it lacks."""
        from torch import nn
        from torch.autograd import Function

        from .names import Variables

        if expression is None:
            return
        value = Variables.of_shell(self.shell, local_ns).value(expression)
        if isinstance(value, type) and issubclass(value, Function):
            told = f"`{expression}` is an autograd function: %check_grad {expression}.apply --inputs (x, y)"
            raise UsageError(told)
        if callable(value) and not isinstance(value, (nn.Module, type)):
            told = f"`{expression}` is a function: give what it takes: %check_grad {expression} --inputs (x, y)"
            raise UsageError(told)

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument(
        "part",
        nargs="?",
        metavar="PART",
        help="what to freeze, as you write it: net.embed, net.layers[:2], net.head.weight",
    )
    @argument("--eval", action="store_true", help="put its batch norms in eval mode too, until the next `train()`")
    @argument("--undo", action="store_true", help="train again what was frozen so")
    @argument("--budget", type=float, default=5.0, metavar="S", help="seconds to measure (default 5)")
    @expressions("model", "loss", "batch", "train", "optimizer")
    @shown
    def freeze(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Freeze a part of the model, and say what that saves: the time of a step, and memory.

        Measured on a copy, whole and frozen in turn. Then `requires_grad` is set to False and gradients to None, and
        what is left to see to is told: what the optimizer holds, batch norms that go on moving, weights that are tied.
        """
        args = parse(RewriteMagics.freeze, line)
        if args.part is None:
            raise UsageError(f"name the part, as in `%freeze net.embed{' --undo' if args.undo else ''}`")
        with plainly():
            from ..twins.batch.freeze import freeze_of
            from .names import Variables

            variables = Variables.of_shell(self.shell, local_ns)
            part = variables.value(args.part)
            args.model = args.model or _owner(args.part, part, variables)
            bench = self._bench("%freeze", args, local_ns)
            answer = freeze_of(bench, part, name=args.part, eval=args.eval, undo=args.undo, budget=args.budget)
        return deliver(self, answer, args)


def _owner(expression: str, part: Any, variables: Any) -> str | None:
    """The model that a part is written as a part of, `net` in `net.blocks[0].norm`, or the only one that holds it.

    Raises UsageError for what can be no part of a model.
    """
    from torch import nn

    if not isinstance(part, (nn.Module, nn.Parameter, str)):
        kind = type(part).__name__
        raise UsageError(f"a module or a parameter of a model can be frozen; `{expression}` is of type {kind}")
    root = re.match(r"\w+", expression)
    spaces = variables.visible()
    if root is not None and root[0] != expression:
        owner = next((space[root[0]] for space in spaces if root[0] in space), None)
        return root[0] if isinstance(owner, nn.Module) else None
    held = {name: value for space in reversed(spaces) for name, value in space.items() if isinstance(value, nn.Module)}
    owners = [name for name, value in held.items() if name != expression and _holds(value, part)]
    return owners[0] if len(owners) == 1 else None


def _holds(model: Any, part: Any) -> bool:
    return any(one is part for one in (*model.modules(), *model.parameters()))
