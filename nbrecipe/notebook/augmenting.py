"""`%show_augment`: the same example, drawn many times."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import Front, Locals, expressions, family, shown
from .line import parse
from .reading import data_of

if TYPE_CHECKING:
    from ..bench import Bench
    from ..twins.data.show_augment import Asked
    from ..verbs import Answer
    from .names import Variables


@family
class AugmentMagics(Front):
    """What augmentation makes of the data."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("data", nargs="?", metavar="DATA", help="a data set, a DataLoader or, with --transform, a path")
    @argument("-n", type=int, default=8, metavar="N", help="draws of each example, 2 to 64 (default 8)")
    @argument("--index", default="0", metavar="I", help="which example, or several: 3 or 3,7,12 (default 0)")
    @argument("--transform", metavar="EXPR", help="what changes the examples, called anew for each draw")
    @argument("--example", metavar="EXPR", help="one example for --transform, in place of a data set")
    @argument("--seed", type=int, metavar="N", help="seeds the draws alone; without it they go on from where you are")
    @argument("--mean", metavar="EXPR", help="what images were normalised with: a number, or one for each channel")
    @argument("--std", metavar="EXPR", help="the standard deviation of the same")
    @expressions("train", "val", "tokenizer")
    @shown
    def show_augment(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Draw the same example many times, with its label, mask and boxes, and tell whether they move together."""
        args = parse(AugmentMagics.show_augment, line)
        if args.data is not None and args.train is not None:
            raise UsageError(f"two data sets: `{args.data}` and `--train {args.train}`; give one of them")
        with plainly():
            from ..twins.data.show_augment import show_augment_of
            from .names import Variables

            variables = Variables.of_shell(self.shell, local_ns)
            bench = _bench(self, args, variables)
            bench, asked = _asked(bench, args, variables)
            index = variables.value(args.index)
            mean, std = (None if text is None else variables.value(text) for text in (args.mean, args.std))
            answer = show_augment_of(bench, asked, n=args.n, index=index, seed=args.seed, mean=mean, std=std)
        return deliver(self, answer, args)


def _bench(magics: Front, args: argparse.Namespace, variables: Variables) -> Bench:
    """What stands among the variables, but for models and losses, of which there may be any number."""
    from .. import verbs
    from . import cells
    from .kinds import BY_FLAG, TOKENIZER, TRAIN, TRAIN_DATA, VAL, VAL_DATA
    from .names import Search

    history = cells.history(magics.shell)
    verbs.SESSION.silence(cells.silenced(history))
    searched = args.data is None and args.example is None
    kinds = (*((TRAIN, TRAIN_DATA) if searched else ()), VAL, VAL_DATA, TOKENIZER)
    flags = [kind.flag for kind in kinds]
    given = {flag: text for flag, text in vars(args).items() if flag in BY_FLAG and text is not None}
    bound = {flag: text for flag, text in magics.bound.items() if flag in flags}
    return Search(variables, bound | given, cells=history, magic="%show_augment", kinds=kinds).bench()


def _asked(bench: Bench, args: argparse.Namespace, variables: Variables) -> tuple[Bench, Asked]:
    """What is to be drawn, by the names that stand in the line; else the only data set there is."""
    from ..twins.data.show_augment import Asked

    transform, example = (None if text is None else variables.value(text) for text in (args.transform, args.example))
    name, data = args.data or "", None if args.data is None else data_of(args.data, variables)
    if args.data is not None and data is None:
        raise UsageError(f"`{args.data}` is None; %show_augment takes a data set, a DataLoader or a path")
    if data is None and example is None and bench.train_data is None and bench.train_loader is None:
        name, data = _only(variables)
    return bench, Asked(data, name, transform, args.transform or "", example)


def _only(variables: Variables) -> tuple[str, Any]:
    """The only data set or loader among the variables; parts of another do not count. ("", None) where there is none.

    Raises UsageError where there are several.
    """
    from .kinds import TRAIN, is_dataset

    found: dict[int, tuple[str, Any]] = {}
    for space in variables.visible():
        for name, value in space.items():
            if is_dataset(value) or TRAIN.fits("", value) or type(value).__module__ == "datasets.arrow_dataset":
                found.setdefault(id(value), (name, value))
    inner = {id(getattr(value, "dataset", None)) for _, value in found.values()}
    outer = [pair for key, pair in found.items() if key not in inner]
    if len(outer) > 1:
        listed = ", ".join(f"`{name}`" for name, _ in outer)
        raise UsageError(f"{len(outer)} data sets here: {listed}; say which: %show_augment {outer[-1][0]}")
    return outer[0] if outer else ("", None)
