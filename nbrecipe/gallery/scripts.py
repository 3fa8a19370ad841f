"""The scripts and style sheets of a page, each once, with what allows the browser these scripts and no others."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from ..render.pieces.fragment import IMPORTS, needed, static

HERE = Path(__file__).parent / "static"
EXPORT = re.compile(r"^export (?!default)(?=(?:async )?(?:const|let|function|class) (\w+))", re.MULTILINE)
DEFAULT = re.compile(r"^export default .*;$", re.MULTILINE)


@functools.cache
def own(name: str) -> str:
    """A style sheet or a script of the gallery."""
    return (HERE / name).read_text(encoding="utf-8")


def bundle(modules: Iterable[str]) -> str:
    """One script that holds these and what they import, each part once: `nbrSnapshots["film.js"](root, packed)`."""
    names = sorted(modules)
    parts = list(dict.fromkeys(part for name in names for part in needed(name)))
    shown = ", ".join(f'"{name}": nbrPart["{name}"].snapshot' for name in names)
    body = "\n".join(map(_part, parts))
    return (
        f'"use strict";\nconst nbrSnapshots = (() => {{\nconst nbrPart = {{}};\n{body}\nreturn {{ {shown} }};\n}})();'
    )


@functools.cache
def _part(name: str) -> str:
    source = static(name)
    names = ", ".join(EXPORT.findall(source))
    source = IMPORTS.sub(r'const {\1} = nbrPart["\2"];', source)
    source = DEFAULT.sub("", EXPORT.sub("", source))
    return f'nbrPart["{name}"] = (() => {{\n{source}\nreturn {{ {names} }};\n}})();'


def tag(script: str) -> str:
    """The script in its tag."""
    return f"<script>{script}</script>"


def policy(scripts: Iterable[str]) -> str:
    """What a page may do: run these scripts, show what it carries; nothing else, and no request."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; media-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
