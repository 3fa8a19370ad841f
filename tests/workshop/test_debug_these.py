"""Ten programs with one mistake each: what the folded solutions promise is what a student gets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from IPython.utils.capture import capture_output

PATH = Path(__file__).parents[2] / "notebooks" / "debug_these.ipynb"
#: what looks at one batch, asked of the repaired program
BATCH = "%recipe model loss text"


@dataclass(frozen=True)
class Program:
    """One of the ten: its cell, and what the folded solution below it says."""

    title: str
    cell: str
    prefilled: str
    magic: str
    check: str
    #: parts of the finding's sentence, in order
    quoted: tuple[str, ...]
    old: str
    new: str

    @property
    def repaired(self) -> str:
        assert self.cell.count(self.old) == 1, "the line to change stands once in the program"
        return self.cell.replace(self.old, self.new)


def programs() -> list[Program]:
    cells = nbformat.read(PATH, as_version=4).cells
    ten = []
    for i, cell in enumerate(cells):
        title = re.search(r"^## (\d+) · (.+)$", cell.source, re.M)
        if cell.cell_type != "markdown" or title is None or title[1] == "11":
            continue
        below = cells[i + 4].source.partition("</details>")[0]
        magic, check = re.search(r"`(%+[^`]+)`[^`]*names it \(`([\w-]+)`\)", below).groups()
        (sentence,) = re.findall(r"^> ✗ (.+)$", below, re.M)
        changed = re.search(r"```diff\n(.*?)\n```", below, re.S)[1].splitlines()
        old, new = ("\n".join(line[2:] for line in changed if line[0] == sign) for sign in "-+")
        quoted = tuple(part.strip() for part in sentence.split("…") if part.strip())
        ten.append(Program(title[0][3:], cells[i + 1].source, cells[i + 3].source, magic, check, quoted, old, new))
    return ten


PROGRAMS = programs()


def run(shell, cell):
    """The value of a cell that ends without an error."""
    with capture_output():
        outcome = shell.run_cell(cell, store_history=True)
    outcome.raise_error()
    return outcome.result


def asked(shell, magic, cell):
    """What a magic says of a program: above it where it is one for cells, else below it."""
    if magic.startswith("%%"):
        return found(run(shell, f"{magic}\n{cell}"))
    run(shell, cell)
    return found(run(shell, magic))


def found(answer):
    return {result.id: result.finding for result in answer}


def faults(findings):
    return {id: finding.message for id, finding in findings.items() if finding.verdict.value == "bad"}


def test_there_are_ten_of_ten_kinds():
    assert len(PROGRAMS) == 10
    assert len({program.check for program in PROGRAMS}) == 10
    from nbrecipe.registry import all_checks

    chapters = {all_checks()[program.check].chapter for program in PROGRAMS}
    assert chapters >= {"data", "model", "loss", "loop", "optimizer", "evaluation", "text"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.check)
def test_a_program_is_named_by_its_solution_and_right_after_it(program, ip):
    assert all(line.startswith("#") for line in program.prefilled.splitlines()), "nothing is given away"
    assert program.check not in program.prefilled
    broken = asked(ip, program.magic, program.cell)
    assert program.check in faults(broken), faults(broken)
    said = faults(broken)[program.check].replace("**", "")
    place = -1
    for part in program.quoted:
        place = said.find(part, place + 1)
        assert place >= 0, f"{part!r} is not said by: {said}"
    watched = asked(ip, "%%watch -q", program.repaired)
    right = watched if program.magic == "%%watch" else found(run(ip, program.magic))
    assert right[program.check].verdict.value == "ok", right[program.check].message
    assert faults(watched | right | found(run(ip, BATCH))) == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.check)
def test_nothing_at_all_is_held_against_a_repaired_program(program, ip):
    run(ip, program.repaired)
    assert faults(found(run(ip, "%recipe --full --budget 300"))) == {}
