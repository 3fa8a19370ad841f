"""Who may import whom, and how large things may grow: read off the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "nbrecipe"
FILES = sorted(ROOT.rglob("*.py"))

#: room → the rooms it may import; a room is a file or a folder right under the package
ARROWS: dict[str, set[str]] = {name: set() for name in ("recipe", "finding", "film", "pictures", "guard", "batches")}
ARROWS["libraries"] = {"batches"}
ARROWS["statistics"] = {"libraries", *ARROWS["libraries"]}
ARROWS["tokens"] = {"batches", "finding"}
ARROWS["task"] = {"batches", "film", "finding", "tokens"}
ARROWS["bench"] = {"task", "tokens", "batches", "guard", "finding", "film"}
ARROWS["decoding"] = {"bench", "pictures", *ARROWS["bench"]}
ARROWS["probes"] = {"decoding", "libraries", "statistics", *ARROWS["decoding"]}
ARROWS["scan"] = {"decoding", "libraries", "statistics", *ARROWS["decoding"]}
ARROWS["evaluation"] = {"scan", "probes", *ARROWS["probes"]}
ARROWS["experiments"] = {"evaluation", *ARROWS["evaluation"]}
ARROWS["journal"] = {"batches"}
ARROWS["trace"] = {"film", "batches", "task", "tokens", "guard"}
ARROWS["check"] = {"bench", "finding", "recipe"}
ARROWS["toys"] = {"bench", "trace"}
ARROWS["checks"] = {"check", "toys", "recipe", "experiments", "trace", "journal", *ARROWS["experiments"]}
ARROWS["registry"] = {"check", "checks", "recipe"}
ARROWS["runner"] = {"registry", "check", "bench", "batches", "finding"}
ARROWS["report"] = {"runner", "registry", "check", "finding", "recipe", "film", "trace"}
ARROWS["render"] = {"report", "finding", "film", "pictures", "recipe", "trace"}
ARROWS["gallery"] = {"batches", "libraries", "render", "__init__"}
ARROWS["session"] = {"report", "probes", "bench", "batches", *ARROWS["report"]}
ARROWS["verbs"] = {*ARROWS, "render"}
ARROWS["twins"] = {*ARROWS, "verbs"}
ARROWS["own"] = {*ARROWS, "verbs"}
ARROWS["__init__"] = {"finding", "own", "verbs", "twins", "notebook"}
for edge in ("notebook", "cli", "catalogue"):
    ARROWS[edge] = {*ARROWS, "notebook", "__init__"} - {"cli", "catalogue"}
#: rooms within a room, each of which may import those before it; what lies beside them may import all of them
FLOORS = {"trace": ("record", "measures", "looks", "hooks")}
#: rooms whose files stand alone
APART = {"checks"}
#: the libraries of the front end, and the one room that may import them
FRONT, FRONT_ROOM = {"IPython", "ipywidgets", "anywidget", "traitlets", "comm"}, "notebook"

MAX_FILE, MAX_FUNCTION = 300, 40


def room_of(module: str) -> str:
    """`nbrecipe.checks.init.loss_at_init` → `checks`; the package itself is `__init__`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def module_of(path: Path, root: Path) -> str:
    """The dotted name of a file."""
    parts = [root.name, *path.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, module: str, modules: set[str], package: bool = False) -> Iterator[str]:
    """Every module named by an import that runs, wherever it stands; imports for type checkers alone do not count."""
    for node in running(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = module.split(".") if package else module.split(".")[:-1]
            here = home[: len(home) + 1 - node.level] if node.level else []
            base = ".".join([*here, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in modules or whole == "matplotlib.pyplot" else base


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Every node under this one, without the bodies of `if TYPE_CHECKING:`."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from running(child)


def wrong_arrows(root: Path) -> list[str]:
    """Every import against the arrows, as `importer → imported`."""
    paths = {module_of(path, root): path for path in sorted(root.rglob("*.py"))}
    wrong = []
    for module, path in paths.items():
        for name in imported(path.read_text("utf-8"), module, set(paths), path.stem == "__init__"):
            if name.split(".")[0] != root.name:
                continue
            mine, theirs = room_of(module), room_of(name)
            allowed = name == module or mine not in APART if mine == theirs else theirs in ARROWS.get(mine, set())
            if not allowed:
                wrong.append(f"{module} → {name}")
    return wrong


def wrong_floors(root: Path) -> list[str]:
    """Every import within a room from a later floor, as `importer → imported`."""
    paths = {module_of(path, root): path for path in sorted(root.rglob("*.py"))}
    wrong = []
    for module, path in paths.items():
        floors = FLOORS.get(room_of(module), ())
        mine = floor_of(module, floors)
        for name in imported(path.read_text("utf-8"), module, set(paths), path.stem == "__init__"):
            if room_of(name) == room_of(module) and mine < floor_of(name, floors):
                wrong.append(f"{module} → {name}")
    return wrong


def floor_of(module: str, floors: tuple[str, ...]) -> int:
    """`nbrecipe.trace.looks.tokens` → 2; what lies beside the floors comes after the last one."""
    inner = module.split(".")[2:3]
    return floors.index(inner[0]) if inner and inner[0] in floors else len(floors)


def names_in(path: Path) -> set[str]:
    return set(imported(path.read_text("utf-8"), module_of(path, ROOT), set(), path.stem == "__init__"))


def long_functions(source: str) -> list[str]:
    """Every function with more than MAX_FUNCTION lines."""
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    lengths = {f.name: (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions}
    return [f"{name}: {lines} lines" for name, lines in lengths.items() if lines > MAX_FUNCTION]


def test_every_import_follows_the_arrows():
    assert wrong_arrows(ROOT) == []


@pytest.mark.parametrize(
    ("place", "line", "arrow"),
    [
        ("finding.py", "from .bench import Bench", "nbrecipe.finding → nbrecipe.bench"),
        ("render/text.py", "from ..check import Check", "nbrecipe.render.text → nbrecipe.check"),
        ("render/text.py", "def f():\n    from .. import runner", "nbrecipe.render.text → nbrecipe.runner"),
        ("checks/init/a.py", "from .b import check", "nbrecipe.checks.init.a → nbrecipe.checks.init.b"),
        ("checks/init/a.py", "from ...registry import all_checks", "nbrecipe.checks.init.a → nbrecipe.registry"),
        ("verbs.py", "import nbrecipe.notebook", "nbrecipe.verbs → nbrecipe.notebook"),
        ("runner.py", "from .cli import main", "nbrecipe.runner → nbrecipe.cli"),
        ("newroom.py", "from .bench import Bench", "nbrecipe.newroom → nbrecipe.bench"),
    ],
)
def test_an_import_against_the_arrows_is_named(tmp_path, place, line, arrow):
    rooms = "finding bench check registry runner cli verbs notebook render/text checks/init/a checks/init/b"
    for room in [*rooms.split(), place.removesuffix(".py")]:
        path = tmp_path / "nbrecipe" / f"{room}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert wrong_arrows(tmp_path / "nbrecipe") == []
    (tmp_path / "nbrecipe" / place).write_text(line)
    assert wrong_arrows(tmp_path / "nbrecipe") == [arrow]


def test_every_import_within_a_room_follows_its_floors():
    assert wrong_floors(ROOT) == []
    assert {path.name for path in (ROOT / "trace").iterdir() if (path / "__init__.py").exists()} == {*FLOORS["trace"]}


def test_an_import_from_a_later_floor_is_named(tmp_path):
    room = tmp_path / "nbrecipe" / "trace"
    for place in ("record/data", "measures/facts", "hooks/calls", "watcher"):
        (room / place).parent.mkdir(parents=True, exist_ok=True)
        (room / f"{place}.py").touch()
    (room / "hooks" / "calls.py").write_text("from ..measures import facts\nfrom ..record.data import Trace")
    (room / "watcher.py").write_text("from .hooks.calls import Calls")
    assert wrong_floors(tmp_path / "nbrecipe") == []
    (room / "measures" / "facts.py").write_text("from ..hooks.calls import Calls")
    (room / "record" / "data.py").write_text("from ..watcher import Watcher")
    assert wrong_floors(tmp_path / "nbrecipe") == [
        "nbrecipe.trace.measures.facts → nbrecipe.trace.hooks.calls",
        "nbrecipe.trace.record.data → nbrecipe.trace.watcher",
    ]


def test_an_import_for_type_checkers_alone_does_not_count(tmp_path):
    (tmp_path / "nbrecipe").mkdir()
    (tmp_path / "nbrecipe" / "film.py").touch()
    (tmp_path / "nbrecipe" / "finding.py").write_text("if TYPE_CHECKING:\n    from .film import Film\n")
    assert wrong_arrows(tmp_path / "nbrecipe") == []


def test_only_the_notebook_package_knows_the_front_end():
    guilty = [
        str(path.relative_to(ROOT))
        for path in FILES
        if room_of(module_of(path, ROOT)) != FRONT_ROOM and {name.split(".")[0] for name in names_in(path)} & FRONT
    ]
    assert guilty == []


def test_no_file_imports_pyplot():
    assert [str(path.relative_to(ROOT)) for path in FILES if "matplotlib.pyplot" in names_in(path)] == []


def test_every_way_to_import_pyplot_is_seen():
    for line in (
        "import matplotlib.pyplot as plt",
        "from matplotlib import pyplot",
        "def f():\n    from matplotlib.pyplot import plot",
    ):
        assert "matplotlib.pyplot" in set(imported(line, "nbrecipe.x", set()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short(path):
    source = path.read_text("utf-8")
    lines = len(source.splitlines())
    assert lines <= MAX_FILE, "split it by topic"
    assert long_functions(source) == [], "each hides a second function"


def test_a_long_function_is_named():
    assert long_functions("def f():\n" + "    x = 1\n" * MAX_FUNCTION) == ["f: 41 lines"]
    assert long_functions("def f():\n" + "    x = 1\n" * (MAX_FUNCTION - 1)) == []


HEAVY = "{'torch', 'numpy', 'matplotlib', 'anywidget', 'ipywidgets', 'IPython'}"


@pytest.mark.parametrize(("line", "heavy"), [("import nbrecipe", ""), ("import nbrecipe; nbrecipe.recipe", "torch")])
def test_importing_the_package_is_light_and_a_heavy_import_would_show(line, heavy):
    asked = f"import sys; {line}; print(*sorted(set(sys.modules) & {HEAVY}))"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == [] if not heavy else heavy in loaded.split()


def test_no_two_modules_of_the_tests_have_one_name():
    names = Counter(
        path.name for path in Path(__file__).parent.rglob("*.py") if path.name not in ("conftest.py", "__init__.py")
    )
    assert [name for name, count in names.items() if count > 1] == []
