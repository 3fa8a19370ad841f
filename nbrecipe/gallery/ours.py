"""What outputs of ours carry for our scripts, taken out as data: the page brings the scripts of this version."""

from __future__ import annotations

import base64
import functools
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..render.pieces.fragment import STATIC, needed, script, static

#: what `replayed` writes
SHOT = re.compile(
    r'<script type="module">\s*const root = document\.getElementById\("(?P<place>nbr-[0-9a-f]{12})"\);\s*'
    r'const code = Uint8Array\.from\(atob\("(?P<code>[A-Za-z0-9+/=]+)"\)[^<]*?'
    r'run\.snapshot\(root, "(?P<packed>[A-Za-z0-9+/=]*)"\)\)[^<]*</script>'
)
PLAIN = re.compile(r"<script>(.*?)</script>", re.DOTALL)
STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
#: a script that shares fewer of its lines with each of ours is none of ours
ALIKE = 0.3
#: where packed data holds HTML that a script puts into the page
MARKUP = {"batch.js": ("rest",), "watch.js": ("board", "found")}


@dataclass(frozen=True)
class Shot:
    """What stands in one place of an output: the script that draws it, and its packed data."""

    place: str
    module: str
    packed: str


@functools.cache
def modules() -> tuple[str, ...]:
    """Our scripts that draw what was saved, and do not only ask a kernel."""
    names = sorted(path.name for path in STATIC.glob("*.js"))
    return tuple(
        name
        for name in names
        if re.search(r"^export .*\bsnapshot\b", static(name), re.MULTILINE) and "kernel.js" not in needed(name)
    )


def is_ours(html: str) -> bool:
    """It is laid out as all our outputs are."""
    return '<div class="nbr' in html and "<style>" in html


def taken(html: str, clean: Callable[[str], str]) -> tuple[str, list[Shot]]:
    """The HTML without our scripts, and what they draw; `clean` is for HTML within it."""
    shots = [shot for match in SHOT.finditer(html) if (shot := _shot(match, clean)) is not None]
    return PLAIN.sub(lambda match: "" if _helps(match[1]) else match[0], SHOT.sub("", html)), shots


def styles(html: str) -> set[str]:
    """Our style sheets that an output brings, as they are now: those of which it has most lines."""
    brought = {line for text in STYLE.findall(html) for line in text.splitlines()}
    return {name for name, lines in _sheets().items() if len(lines & brought) > len(lines) / 2}


@functools.cache
def _sheets() -> dict[str, frozenset[str]]:
    """The lines of each style sheet that no other has."""
    every = {path.name: frozenset(static(path.name).splitlines()) for path in STATIC.glob("*.css")}
    return {
        name: lines.difference(*(other for each, other in every.items() if each != name))
        for name, lines in every.items()
    }


def _shot(match: re.Match[str], clean: Callable[[str], str]) -> Shot | None:
    try:
        module = nearest(base64.b64decode(match["code"]).decode())
        packed = _cleaned(module, match["packed"], clean)
    except (ValueError, zlib.error, TypeError, RecursionError):  # not what we packed
        return None
    return Shot(match["place"], module, packed) if module else None


def _helps(code: str) -> bool:
    """It is, or was in another version, a script of ours for buttons and keys: a page has its own."""
    lines = frozenset(code.splitlines())
    return len(lines & _helpers()) >= ALIKE * len(lines)


@functools.cache
def _helpers() -> frozenset[str]:
    """The lines of our scripts that draw nothing."""
    texts = [static(path.name) for path in STATIC.glob("*.js")]
    return frozenset(
        line for text in texts if not re.search("^export ", text, re.MULTILINE) for line in text.splitlines()
    )


@functools.lru_cache(maxsize=64)
def nearest(code: str) -> str:
    """Our script that this one is, or was in another version; "" where it is none, or does nothing without a kernel."""
    lines = frozenset(code.splitlines())
    mine = {name: frozenset(script(name).splitlines()) for name in _drawing()}
    likeness = {name: len(lines & own) / len(lines | own) for name, own in mine.items()}
    best = max(likeness, key=lambda name: likeness[name])
    return best if likeness[best] >= ALIKE and best in modules() else ""


@functools.cache
def _drawing() -> tuple[str, ...]:
    names = sorted(path.name for path in STATIC.glob("*.js"))
    return tuple(name for name in names if re.search(r"^export .*\bsnapshot\b", static(name), re.MULTILINE))


def _cleaned(module: str, packed: str, clean: Callable[[str], str]) -> str:
    """The packed data with the HTML in it cleaned; as it was where there is none."""
    if module not in MARKUP:
        return packed
    line, _, data = _inflated(base64.b64decode(packed)).partition(b"\n")
    head, changed = _within(json.loads(line), MARKUP[module], clean)
    if not changed:
        return packed
    told = json.dumps(head, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(told + b"\n" + data, 9)).decode()


def _inflated(packed: bytes, most: int = 256 * 1024**2) -> bytes:
    data = zlib.decompressobj().decompress(packed, most)
    if len(data) >= most:
        raise ValueError("too much")
    return data


def _within(value: Any, path: tuple[str, ...], clean: Callable[[str], str]) -> tuple[Any, bool]:
    """The value with what stands at the end of `path` cleaned, and whether there was anything."""
    if isinstance(value, str) and not path:
        return clean(value), bool(value)
    if isinstance(value, list) and not path:
        return [clean(each) if isinstance(each, str) else "" for each in value], bool(value)
    if isinstance(value, dict) and path and path[0] in value:
        inner, changed = _within(value[path[0]], path[1:], clean)
        return {**value, path[0]: inner}, changed
    return ("", True) if not path and value is not None else (value, False)
