"""A page for each magic: its help, what is told of it in `prose/`, and an example whose cells really ran."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .magics import Magic
from .tables import table

PROSE = Path(__file__).parent / "prose"
#: `measured` stands where what is printed depends on how fast the machine is, and so is never stale
CELL = re.compile(r"```python( measured)?\n(.*?)```\n", re.DOTALL)
#: a part of what is shown may be cut out: from the first element of a selector on, so many pixels high
PICTURE = re.compile(
    r"^<!-- picture(?: from (?P<start>\S+))?(?: (?P<height>\d+) high)?: (?P<words>.+?) -->$", re.MULTILINE
)
#: an output with more lines folds
FOLD = 32


@dataclass(frozen=True)
class Prose:
    """What a file of `prose/` tells of one magic: its group, and text with cells and at most one picture."""

    name: str
    group: str
    body: str

    @property
    def cells(self) -> list[str]:
        """The cells of the example, in order."""
        return [found[2] for found in CELL.finditer(self.body)]

    @property
    def picture(self) -> str:
        """What the picture shows, in words; empty where there is none."""
        found = PICTURE.search(self.body)
        return found["words"] if found else ""

    @property
    def cut(self) -> tuple[str, int]:
        """Where the picture starts, as a selector, and how high it is at most; 0 for the usual height."""
        found = PICTURE.search(self.body)
        return (found["start"] or "body", int(found["height"] or 0)) if found else ("body", 0)

    @property
    def pictured(self) -> int:
        """Which cell's answer the picture shows."""
        found = PICTURE.search(self.body)
        return len(CELL.findall(self.body[: found.start()])) - 1 if found else -1


def prose_of(name: str, folder: Path = PROSE) -> Prose:
    """What is told of this magic. Raises ValueError where nobody has written it."""
    path = folder / f"{name}.md"
    if not path.exists():
        raise ValueError(f"%{name} has no page: write {'/'.join(path.parts[-4:])}, its group on the first line")
    group, _, body = path.read_text(encoding="utf-8").partition("\n")
    return Prose(name, group.strip(), f"{body.strip()}\n")


def page(magic: Magic, prose: Prose, outputs: list[str]) -> str:
    """The page in Markdown; `outputs` are what the cells printed, one text for each."""
    head = f"<!-- written by python -m nbrecipe.catalogue from the magic's help and prose/{magic.name}.md -->"
    told = [head, f"# {magic.call}", magic.title, magic.more, _shown(prose, outputs), "## What it takes"]
    options = table(("", ""), ((names, help) for names, help in magic.takes))
    told += [f"```text\n{magic.usage}\n```", options if magic.takes else ""]
    told += [f"In Python: `{magic.twin}`" if magic.twin else "", "[All magics](README.md)"]
    return "\n\n".join(part for part in told if part) + "\n"


def index(magics: str) -> str:
    """The list of all pages."""
    head = "<!-- written by python -m nbrecipe.catalogue -->\n# The magics\n\nEach page is written from the magic's own"
    return f"{head} help; its example ran, and its picture was drawn from what the example answered.\n\n{magics}\n"


def heard(cells: list[str]) -> list[tuple[str, Any]]:
    """What each cell printed, tidied, and what it answered."""
    from ..notebook.rehearsing import rehearse

    return [(_tidy(each.text), each.answer) for each in rehearse(cells)]


def _shown(prose: Prose, outputs: list[str]) -> str:
    """The prose with the output under each cell and the picture in its place."""
    left = iter(outputs)
    body = CELL.sub(lambda cell: f"{cell[0]}{_output(next(left), cell[1] or '')}", prose.body)
    return PICTURE.sub(lambda found: picture(prose.name, found["words"]), body).strip()


def picture(name: str, words: str, folder: str = "") -> str:
    """A picture for light and dark pages."""
    return (
        f'<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="{folder}{name}-dark.png">\n'
        f'  <img src="{folder}{name}.png" alt="{words}">\n</picture>'
    )


def _output(text: str, measured: str) -> str:
    if not text:
        return ""
    block = f"```text{measured}\n{text}\n```\n"
    lines = text.count("\n") + 1
    return f"\n{block}" if lines <= FOLD else f"\n<details><summary>As text</summary>\n\n{block}\n</details>\n"


def _tidy(text: str) -> str:
    """The text as a screen shows it at last: no greeting, no prompt, nothing that a carriage return wrote over."""
    lines = [line.rpartition("\r")[2].rstrip() for line in text.split("\n")]
    kept = [re.sub(r"^Out\[\d+\]: ?", "", line) for line in lines if not line.startswith("nbrecipe 0")]
    return "\n".join(kept).strip("\n")
