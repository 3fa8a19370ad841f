"""What the code tells of itself, in Markdown: `python -m nbrecipe.catalogue [--check] [MAGIC…]`.

The README's tables of magics and stages, the page of all checks, and a page for each magic. Pictures are another
command's (`python -m tests.pictures`); here it is only seen to that there are some.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import tables
from .magics import Magic, all_magics
from .pages import heard, index, page, prose_of
from .tables import masked

ROOT = Path(__file__).parent.parent.parent
FOLDER = ".github/magics"
CHECKS = ".github/CHECKS.md"
#: the groups of magics, in the order in which one meets them
GROUPS = ("Where you stand", "Your data", "Your texts", "Your net", "Your run", "Your number")
OUTPUT = re.compile(r"(```text(?: measured)?\n.*?```\n)", re.DOTALL)


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Write what is stale; with `--check` only name it, with exit code 1 where anything is."""
    parser = argparse.ArgumentParser(prog="python -m nbrecipe.catalogue", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when anything is stale")
    parser.add_argument("magics", nargs="*", metavar="MAGIC", help="run the examples of these alone (default: all)")
    options = parser.parse_args(argv)
    try:
        stale = [(path, text) for path, text in fresh(root, options.magics) if not same(path, text)]
        missing = list(lacking(root))
    except (OSError, ValueError) as error:
        print(f"catalogue: {error}", file=sys.stderr)
        return 2
    for path, text in [] if options.check else stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path, _ in stale:
        told = "is stale: run python -m nbrecipe.catalogue" if options.check else "written"
        print(f"catalogue: {path.relative_to(root)} {told}")
    for path in missing:
        print(f"catalogue: there is no {path}: run python -m tests.pictures")
    return int(bool(missing or (stale and options.check)))


def fresh(root: Path, names: Sequence[str] = ()) -> Iterator[tuple[Path, str]]:
    """Every page as it should be. Raises ValueError for a magic without prose, and for one that there is not."""
    magics = all_magics()
    unknown = sorted(set(names) - {magic.name for magic in magics})
    if unknown:
        raise ValueError(f"there is no magic called {unknown[0]!r}")
    groups = groups_of(magics)
    readme = (root / "README.md").read_text(encoding="utf-8")
    readme = tables.filled(readme, "magics", tables.magics(magics, groups, FOLDER))
    yield root / "README.md", tables.filled(readme, "stages", tables.stages())
    yield root / CHECKS, f"{CHECKS_HEAD}\n\n{tables.checks()}\n"
    yield root / FOLDER / "README.md", index(tables.magics(magics, groups, "."))
    for magic in magics:
        if not names or magic.name in names:
            yield root / FOLDER / f"{magic.name}.md", magic_page(magic)


def magic_page(magic: Magic) -> str:
    """The page of a magic; runs its example."""
    prose = prose_of(magic.name)
    return page(magic, prose, [text for text, _ in heard(prose.cells)])


def groups_of(magics: Sequence[Magic]) -> dict[str, str]:
    """The group of each magic, groups in their order."""
    found = {magic.name: prose_of(magic.name).group for magic in magics}
    strange = sorted(name for name, group in found.items() if group not in GROUPS)
    if strange:
        raise ValueError(f"prose/{strange[0]}.md: the first line is one of {', '.join(GROUPS)}")
    return dict(sorted(found.items(), key=lambda item: (GROUPS.index(item[1]), item[0])))


def lacking(root: Path) -> Iterator[Path]:
    """The pictures that pages show and that are not there."""
    for magic in all_magics():
        for ending in ("", "-dark") if prose_of(magic.name).picture else ():
            if not (root / FOLDER / f"{magic.name}{ending}.png").exists():
                yield Path(FOLDER, f"{magic.name}{ending}.png")


def same(path: Path, text: str) -> bool:
    """Whether the file holds this text, but for the numbers and line breaks in what was printed."""
    if not path.exists():
        return False
    old, new = (OUTPUT.split(page) for page in (path.read_text(encoding="utf-8"), text))
    return len(old) == len(new) and all(map(_alike, old, new))


def _alike(old: str, new: str) -> bool:
    kinds = ("```text measured\n", "```text\n")
    measured, printed = (old.startswith(kind) and new.startswith(kind) for kind in kinds)
    return old == new or measured or (printed and masked(old) == masked(new))


CHECKS_HEAD = """<!-- written by python -m nbrecipe.catalogue -->
# What is checked

In the order of the recipe. `%recipe explain ID`, or `nbrecipe explain ID` in a terminal, shows a check's page: why it
matters, what it needs, and examples that break it and that only look so, run. A finding is `bad` (a fault; only this
fails CI), a `hint` (worth a look, claims nothing), `ok`, or `skipped` with the line that gives what is missing.
Whatever a check does, weights, buffers, gradients, modes, optimizers and random numbers are bit for bit as before; the
tests hold every check to it. `# nbrecipe: ignore ID` in a cell silences one."""
