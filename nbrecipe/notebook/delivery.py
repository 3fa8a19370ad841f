"""How a magic ends: an answer shown once, kept quiet or put into a variable; or one sentence of refusal."""

from __future__ import annotations

import argparse
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from ..verbs import Answer
    from .front import Front


@contextmanager
def plainly(told: Callable[[str], str] | None = None) -> Iterator[None]:
    """Turn what the core refuses, and an unknown id, into a UsageError: one line without a traceback.

    `told` may know a better sentence for a field of the bench that is missing.
    """
    from ..batches import BadInput

    try:
        yield
    except BadInput as error:
        better = told(error.lacks) if told is not None and error.lacks else ""
        raise UsageError(better or str(error)) from None
    except LookupError as error:
        if type(error) is not LookupError:  # a KeyError is a bug, of ours or of the user's code
            raise
        raise UsageError(str(error)) from None


def deliver(magics: Front, answer: Answer, args: argparse.Namespace, *, seen: bool = False) -> Answer | None:
    """Put the answer where `--out` says and return it, or None after a semicolon, as IPython's own magics do.

    In this cell it is shown once, or not at all with `--quiet`.
    """
    shell: Any = magics.shell
    if args.out:
        shell.user_ns[args.out] = answer
    if seen or args.quiet or magics.quiet:
        answer._ipython_display_ = _hushed(shell, answer)  # type: ignore[attr-defined]
    return None if args.silent else answer


def _hushed(shell: Any, answer: Answer) -> Callable[[], None]:
    """Shows nothing in the cell that is running now, and the answer in every later one."""
    here = shell.displayhook.exec_result
    cell = weakref.ref(here) if here is not None else lambda: None

    def show() -> None:
        if cell() is not None and cell() is shell.displayhook.exec_result:
            return
        from IPython.display import display

        from .live import bundle

        display(bundle(answer), raw=True)

    return show
