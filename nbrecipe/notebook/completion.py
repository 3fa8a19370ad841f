"""Tab completion after our magics: flags, ids of checks, and the user's names of the right kind."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any

from .line import flags

try:
    from IPython.core.completer import SimpleCompletion, context_matcher
except ImportError:  # IPython before 8.6 completes names and magics in its own way
    context_matcher = None  # type: ignore[assignment]

LINE = re.compile(r"(?:^|=\s*)\s*%%?(\w+)\s+(.*)$")
#: what a word after a magic may be, by what it is called there
WORDS = {
    "model": ("model",),
    "data": ("train_data", "train", "val_data", "val"),
    "others": ("val_data", "val"),
    "loader": ("train", "val"),
    "given": ("batch", "train"),
    "what": ("tokenizer", "train_data", "train"),
}
#: flags whose values are of the kind of another
LIKE = {"watch --probe": "batch", "tokens --against": "tokenizer", "evaluate --against": "model"}
#: flags whose values are metrics, one or several with commas between them
METRICS = ("--metric", "--metrics")
#: the attribute by which our matcher is known again
MARK = "nbrecipe"


def add(shell: Any, magics: Any) -> None:
    """Complete after these magics."""
    if context_matcher is None:
        return

    @context_matcher()
    def after_magic(context: Any) -> dict[str, Any]:
        fragment, texts = complete(shell, magics, context.text_until_cursor)
        found = [SimpleCompletion(text=text, type="param") for text in texts]
        return {"completions": found, "suppress": bool(found), "matched_fragment": fragment}

    setattr(after_magic, MARK, True)
    shell.Completer.custom_matchers.append(after_magic)


def remove(shell: Any) -> None:
    """Complete as before."""
    matchers = getattr(shell.Completer, "custom_matchers", None)
    if matchers is not None:
        matchers[:] = [matcher for matcher in matchers if not hasattr(matcher, MARK)]


def complete(shell: Any, magics: Any, line: str) -> tuple[str, list[str]]:
    """The last piece of this line and what it may become; nothing where it is no line of ours."""
    match = LINE.search(line)
    magic = getattr(type(magics), match[1], None) if match else None
    if match is None or not hasattr(magic, "parser"):
        return "", []
    *before, word = re.split(r"\s+", match[2])
    if before and before[-1] in METRICS:
        piece = word.rpartition(",")[2]
        return piece, _starting(piece, _metrics())
    what, equals, piece = word.partition("=")
    if equals:  # --model=net, or model=net after %bind
        return piece, _starting(piece, _names(shell, what.lstrip("-")))
    return word, _starting(word, _offers(shell, match[1], magic, before, word))


def _starting(piece: str, texts: Iterable[str]) -> list[str]:
    return [text for text in texts if text.startswith(piece)]


def _offers(shell: Any, name: str, magic: Any, before: list[str], word: str) -> Iterable[str]:
    if word.startswith("-"):
        return flags(magic)
    if name == "bind":
        return [f"{flag}=" for flag in _kinds()]
    if before and before[-1].startswith("--"):
        return _names(shell, LIKE.get(f"{name} {before[-1]}", before[-1][2:]))
    if name == "recipe":
        return _ids(before)
    takes = [action.dest for action in magic.parser._actions if not action.option_strings]
    pairs = zip(["", *before], before, strict=False)
    place = len([one for last, one in pairs if not one.startswith("-") and not last.startswith("--")])
    told = takes[min(place, len(takes) - 1)] if takes else ""
    return [text for flag in WORDS.get(told, ()) for text in _names(shell, flag)]


def _ids(before: list[str]) -> list[str]:
    from ..registry import all_checks, chapters

    more = [] if before[:1] == ["explain"] else chapters()
    return [*all_checks(), *more, *([] if before else ["explain"])]


def _metrics() -> list[str]:
    if "torch" not in sys.modules:
        return []
    from ..evaluation.asked import names_known

    return names_known()


def _kinds() -> Iterable[str]:
    from .kinds import BY_FLAG

    return BY_FLAG


def _names(shell: Any, flag: str) -> list[str]:
    """The user's names of this kind, told by type alone; without torch there are none."""
    if "torch" not in sys.modules:
        return []
    from .kinds import BY_FLAG
    from .names import Variables

    kind = BY_FLAG.get(flag)
    spaces = Variables.of_shell(shell, None).visible() if kind else []
    usual = {name for group in kind.usual for name in group} if kind else set()
    return [
        name
        for space in spaces
        for name, value in space.items()
        if kind and (kind.fits(name, value) or (name in usual and kind.could(value)))
    ]
