"""A magic's line: words that keep brackets and quotes together, parsed into arguments or refused in one sentence."""

from __future__ import annotations

import difflib
import keyword
from argparse import Namespace
from typing import Any

from IPython.core.error import UsageError

OPEN, CLOSE, QUOTES = "([{", ")]}", "'\""


def parse(magic: Any, line: str) -> Namespace:
    """The arguments of a magic's line; `silent` where it ends with a semicolon.

    Raises UsageError, in one sentence, for a word that the magic does not take and for an `--out` that is no name.
    """
    parser = magic.parser
    args, unknown = parser.parse_known_args(words(line))
    if unknown:
        raise UsageError(_refusal(magic, unknown[0]))
    args.silent = line.rstrip().endswith(";")
    out = getattr(args, "out", None)
    if out is not None and (not out.isidentifier() or keyword.iskeyword(out)):
        raise UsageError(f"--out takes the name of a variable; `{out}` is none")
    return args


def words(line: str) -> list[str]:
    """The words of a line; `(x[:8], y)` is one word, and quotes round a whole word are taken off.

    Raises UsageError for a bracket or quote that is not closed.
    """
    found: list[str] = []
    word, depth, quote = "", 0, ""
    for letter in line.strip().removesuffix(";"):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in QUOTES:
            quote = letter
        elif letter in OPEN + CLOSE:
            depth += 1 if letter in OPEN else -1
        elif letter.isspace() and depth == 0:
            found.append(word)
            word = ""
            continue
        word += letter
    if quote or depth:
        raise UsageError(f"a bracket or a quote is not closed: {line.strip()}")
    return [_unquoted(word) for word in [*found, word] if word]


def flags(magic: Any) -> dict[str, str]:
    """The flags of a magic with their help."""
    return {flag: action.help or "" for action in magic.parser._actions for flag in action.option_strings}


def _unquoted(word: str) -> str:
    whole = len(word) > 1 and word[0] in QUOTES and word[0] == word[-1] and word[0] not in word[1:-1]
    return word[1:-1] if whole else word


def _refusal(magic: Any, word: str) -> str:
    name = f"%{magic.parser.prog}"
    if not word.startswith("-"):
        return f"{name} does not take `{word}`; {name}? shows what it takes"
    flag = word.partition("=")[0]
    near = difflib.get_close_matches(flag, flags(magic), n=1)
    return f"{name} has no {flag}; " + (f"did you mean {near[0]}?" if near else f"{name}? shows what it has")
