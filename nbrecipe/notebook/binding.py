"""What a magic works on: the line's flags, what `%bind` fixed, and what is found among the user's variables."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from .. import verbs
from ..bench import Bench
from . import cells
from .kinds import BY_FLAG
from .names import Search, Variables

if TYPE_CHECKING:
    from .front import Front


def bench(
    magics: Front,
    magic: str,
    args: argparse.Namespace,
    local_ns: Mapping[str, Any] | None,
    *,
    cell: str,
    board: bool,
) -> Bench:
    """The bench for one call of a magic; the board does without what cannot be told.

    Raises UsageError, in one sentence, where a name cannot be told.
    """
    history = cells.history(magics.shell)
    verbs.SESSION.silence(cells.silenced(history))
    given = {flag: value for flag, value in vars(args).items() if flag in BY_FLAG and value is not None}
    variables = Variables.of_shell(magics.shell, local_ns)
    fresh = cells.assigned(cells.tree(cells.python(magics.shell, cell))) if cell else ()
    search = Search(
        variables,
        magics.bound | given,
        fresh=fresh,
        cells=history,
        magic=magic,
        any_optimizer=magic == "%recipe",
    )
    try:
        return search.bench()
    except UsageError:
        if not board:
            raise
        told = Search(variables, magics.bound | given, cells=history, magic=magic)  # what was said holds all the same
        return Bench(**told.given_values(), cells=history, names=told.names)


def bind(magics: Front, args: argparse.Namespace, local_ns: Mapping[str, Any] | None) -> dict[str, str]:
    """Keep `what=expression` pairs, once each of them proved good; the same is bound for the Python twins.

    Raises UsageError, in one sentence, and binds nothing, where one of them is not.
    """
    pairs = dict(_pair(text) for text in args.pairs)
    kept = ({} if args.clear else magics.bound) | pairs
    found = Search(Variables.of_shell(magics.shell, local_ns), pairs, magic="%bind").given_values()
    if args.clear:
        verbs.SESSION.bound.clear()
        verbs.SESSION.names.clear()
    magics.bound = kept
    verbs.bind({BY_FLAG[flag].field: expression for flag, expression in pairs.items()}, **found)
    return dict(kept)


def _pair(text: str) -> tuple[str, str]:
    flag, equals, expression = text.partition("=")
    if not equals or not expression:
        raise UsageError(f"%bind takes pairs such as model=net; `{text}` is none")
    if flag not in BY_FLAG:
        near = difflib.get_close_matches(flag, BY_FLAG, n=1)
        advice = f"did you mean `{near[0]}`?" if near else f"it takes {', '.join(BY_FLAG)}"
        raise UsageError(f"%bind knows no `{flag}`; {advice}")
    return flag, expression
