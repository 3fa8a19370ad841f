"""Workshop notebooks, executed: as they stand, or with their folded solutions pasted in where they are folded."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import nbformat

from nbrecipe.cli import main

FOLDER = Path(__file__).parent.parent / "notebooks"
#: of processor time, which other programs on the machine do not lengthen; and of memory, on a server with 1 to 2 GB
MAX_SECONDS, MAX_MEGABYTES = 60, 900
TOOK = re.compile(r"\(([\d.,]+) s of processor time\)(?:, ([\d.,]+) MB at its peak)?")
FOLDED = re.compile(r"<details>\s*<summary>Solution.*?</summary>\s*```python\n(.*?)```.*?</details>", re.S)


def executed(source: Path, folder: Path, *arguments: object) -> tuple[int, nbformat.NotebookNode]:
    """The exit code of `nbrecipe run`, and the notebook with its outputs; within what a Binder server gives."""
    out, said = folder / f"{source.stem}-executed.ipynb", io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main(["run", str(source), "--output", str(out), *map(str, arguments)])
    took = TOOK.search(said.getvalue())
    assert took is not None, said.getvalue()
    seconds, megabytes = (float((number or "0").replace(",", "")) for number in took.groups())
    assert 0 < seconds <= MAX_SECONDS, source.stem
    assert megabytes <= MAX_MEGABYTES, source.stem
    return code, nbformat.read(out, as_version=4)


def solutions(source: str) -> list[str]:
    """The code of the solutions that a markdown cell folds away."""
    return FOLDED.findall(source)


def with_solutions(name: str, folder: Path) -> Path:
    """A copy of a notebook with a code cell for each solution, tagged as such, after the cell that folds it away."""
    page = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    cells = []
    for cell in page.cells:
        cells.append(cell)
        if cell.cell_type == "markdown":
            tagged = {"tags": ["solution"]}
            cells += [nbformat.v4.new_code_cell(code, metadata=tagged) for code in solutions(cell.source)]
    page.cells = cells
    path = folder / f"{name}.ipynb"
    nbformat.write(page, path)
    return path


def told(cell: nbformat.NotebookNode) -> str:
    """Everything that a cell put out, as plain text."""
    outs = cell.get("outputs", [])
    return "\n".join(out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in outs)


def cells_with(page: nbformat.NotebookNode, line: str) -> list[nbformat.NotebookNode]:
    """The code cells in which this stands."""
    return [cell for cell in page.cells if cell.cell_type == "code" and line in cell.source]


def solved_cells(page: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells that were pasted in, in order."""
    return [cell for cell in page.cells if "solution" in cell.metadata.get("tags", [])]
