"""The magics as their own help tells them: what each does, what it takes."""

from __future__ import annotations

import argparse
import inspect
import re
from dataclasses import dataclass
from typing import Any

import nbrecipe

#: where the function in Python has another name, so as not to be mistaken for a noun
TWINS = {"tokens": "show_tokens"}


@dataclass(frozen=True)
class Magic:
    """One magic: its title is the first sentence of its help, `more` what follows that."""

    name: str
    call: str
    title: str
    more: str
    usage: str
    #: name and help of what it takes, in the order of its help
    takes: tuple[tuple[str, str], ...]
    #: the function of the same name, as it is called
    twin: str


def all_magics() -> list[Magic]:
    """Every magic of the extension, by name."""
    from ..notebook.magics import RecipeMagics

    tables: Any = RecipeMagics.magics
    names = sorted({*tables["line"], *tables["cell"]})
    return [_magic(getattr(RecipeMagics, name), "%%" if name in tables["cell"] else "%") for name in names]


def _magic(function: Any, signs: str) -> Magic:
    parser: argparse.ArgumentParser = function.parser
    name = function.__name__
    title, _, more = (parser.description or "").strip().partition("\n\n")
    usage = " ".join(parser.format_usage().removeprefix("::").split())
    usage = signs + usage.removeprefix("usage: ").lstrip("%")
    takes = tuple(_taken(action) for action in parser._actions)
    return Magic(name, signs + name, " ".join(title.split()), more.strip(), usage, takes, _twin(name))


def _taken(action: argparse.Action) -> tuple[str, str]:
    """How an argument is written, and its help."""
    told = action.metavar or action.dest.upper()
    words = told if isinstance(told, str) else " ".join(told)
    if isinstance(action.nargs, int) and action.nargs > 1:
        words = " ".join([words] * action.nargs)
    value = "" if action.nargs == 0 else f" [{words}]" if action.nargs == "?" and action.option_strings else f" {words}"
    names = ", ".join(f"`{flag}{value}`" for flag in action.option_strings) or f"`{words}`"
    return names, action.help or ""


def _twin(name: str) -> str:
    """The function's call without the annotations of its parameters."""
    called = TWINS.get(name, name)
    function = getattr(nbrecipe, called, None)
    if function is None:
        return ""
    signature = inspect.signature(function)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    told = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return re.sub(r"=<[^>]*>", "=…", f"nbrecipe.{called}{told}")
