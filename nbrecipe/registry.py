"""Every check there is, found by walking the folder: there is no list to keep."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Mapping

from . import checks
from .check import Check
from .recipe import TIPS


@functools.cache
def all_checks() -> Mapping[str, Check]:
    """Every check by id, in the order in which the recipe tells their tips."""
    found = []
    for place in pkgutil.walk_packages(checks.__path__, checks.__name__ + "."):
        if place.ispkg:
            continue
        module = importlib.import_module(place.name)
        if not isinstance(getattr(module, "check", None), Check):
            raise TypeError(f"{place.name}: has no `check = Check(__name__, ...)`")
        found.append(module.check)
    order = {tip: i for i, tip in enumerate(TIPS)}
    return {check.id: check for check in sorted(found, key=lambda c: (order[c.tip], c.id))}


def get_check(name: str) -> Check:
    """The check with this id; LookupError names the nearest one."""
    known = all_checks()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    advice = f"Did you mean {near[0]!r}?" if near else "`%recipe` lists them."
    raise LookupError(f"no check is called {name!r}. {advice}")


def checks_named(name: str) -> list[Check]:
    """The check with this id, or those of a chapter that need no watched loop; LookupError names the nearest one."""
    chapter = [check for check in all_checks().values() if check.chapter == name and "trace" not in check.needs]
    return chapter or [get_check(name)]


def chapters() -> list[str]:
    """The names of the chapters that `checks_named` takes."""
    return sorted({check.chapter for check in all_checks().values() if "trace" not in check.needs})
