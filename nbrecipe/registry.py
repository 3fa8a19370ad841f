"""Every check there is: ours, found by walking the folder, those of installed packages, and those of the notebook."""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType

from . import checks
from .check import Check
from .recipe import STAGES, TIPS, stage_of

#: entry points of this group name modules that are check files, or packages of such
GROUP = "nbrecipe.checks"
#: what `%recipe` takes beside the names of checks and chapters
RESERVED = ("explain",)
#: the checks that the notebook itself wrote, by id
_written: dict[str, Check] = {}
#: why checks of installed packages are missing, one sentence each
_complaints: list[str] = []


@functools.cache
def all_checks() -> Mapping[str, Check]:
    """Every check by id, in the order in which the recipe tells their tips."""
    found = {**shipped_checks(), **_packaged(), **_written}
    return {check.id: check for check in sorted(found.values(), key=_place)}


@functools.cache
def shipped_checks() -> Mapping[str, Check]:
    """The checks of nbrecipe itself, by id, in the order in which the recipe tells their tips."""
    found = [_check_of(importlib.import_module(name)) for name in _files(checks)]
    return {check.id: check for check in sorted(found, key=_place)}


def add(check: Check) -> None:
    """Take in a check that a notebook wrote; it replaces the one of the same id that was written before."""
    _written[check.id] = check
    all_checks.cache_clear()


def remove(name: str) -> None:
    """Forget a check that a notebook wrote."""
    if _written.pop(name, None) is not None:
        all_checks.cache_clear()


def forget_written() -> None:
    """Forget every check that a notebook wrote."""
    if _written:
        _written.clear()
        all_checks.cache_clear()


def read_anew() -> None:
    """Forget everything: folders and packages are read again when they are next asked for."""
    _written.clear()
    for known in (all_checks, shipped_checks, _packaged):
        known.cache_clear()


def taken(name: str) -> str:
    """Whose name this is already, in words; empty where a notebook may give it to a check."""
    if name in shipped_checks() or name in _packaged():
        source = get_check(name).source
        return f"a check of {source or 'nbrecipe'} is called `{name}` already"
    if name in RESERVED or name in {check.chapter for check in {**shipped_checks(), **_packaged()}.values()}:
        return f"`{name}` means something else to `%recipe`"
    return ""


def complaints() -> tuple[str, ...]:
    """Why checks of installed packages are missing, one sentence each."""
    all_checks()
    return tuple(_complaints)


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


@functools.cache
def _packaged() -> Mapping[str, Check]:
    """The checks that other installed packages bring, by id; what cannot be used is left out with a complaint."""
    _complaints.clear()
    found: dict[str, Check] = {}
    for point in _points():
        brought = point.dist.name if point.dist is not None else point.name
        for name, check in _tried(point, brought):
            if check.id in shipped_checks() or check.id in found:
                _complaints.append(f"`{name}` of {brought} is left out: a check is called `{check.id}` already")
                continue
            check.source = brought
            found[check.id] = check
    return found


def _points() -> Iterable[importlib.metadata.EntryPoint]:
    """The entry points of our group, each once, in order: a path that is listed twice lists its packages twice."""
    points = {(point.name, point.value): point for point in importlib.metadata.entry_points(group=GROUP)}
    return [points[key] for key in sorted(points)]


def _tried(point: importlib.metadata.EntryPoint, brought: str) -> Iterator[tuple[str, Check]]:
    """The checks behind an entry point with the names of their modules, each tried by itself; `_name` is none."""
    broken = lambda name: _complaints.append(_complaint(name, brought, sys.exc_info()[1]))  # noqa: E731
    try:
        top = importlib.import_module(point.value.partition(":")[0].strip())
        names = list(_files(top, broken)) if hasattr(top, "__path__") else [top.__name__]
    except (Exception, SystemExit) as error:
        _complaints.append(_complaint(point.value, brought, error))
        return
    for name in names:
        if name.rpartition(".")[2].startswith("_"):
            continue
        try:
            yield name, _check_of(importlib.import_module(name))
        except (Exception, SystemExit) as error:
            _complaints.append(_complaint(name, brought, error))


def _complaint(name: str, brought: str, error: BaseException | None) -> str:
    told = str(error.args[0] if isinstance(error, LookupError) and error.args else error).partition("\n")[0]
    return f"the checks of `{name}` ({brought}) are left out: {type(error).__name__}: {told}"


def _place(check: Check) -> tuple[int, int, str]:
    """Where a check stands: its stage, its tip (those of no essay come last) and its id."""
    tip = TIPS.index(check.tip) if check.tip in TIPS else len(TIPS)
    return STAGES.index(stage_of(check.tip)), tip, check.id


def _files(package: ModuleType, broken: Callable[[str], None] | None = None) -> Iterator[str]:
    """The names of the modules of a package, however deep; folders themselves are none."""
    for place in pkgutil.walk_packages(package.__path__, package.__name__ + ".", broken):
        if not place.ispkg:
            yield place.name


def _check_of(module: ModuleType) -> Check:
    check = getattr(module, "check", None)
    if not isinstance(check, Check):
        raise TypeError(f"{module.__name__}: has no `check = Check(__name__, ...)`")
    return check
