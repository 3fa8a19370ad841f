"""Pictures of what the magics answer: `python -m tests.pictures [MAGIC…]`, from the examples of their pages.

Each answer is saved as a page that needs no network, opened in headless Chromium, light and dark, and photographed.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbrecipe.catalogue import FOLDER, ROOT
from nbrecipe.catalogue.magics import all_magics
from nbrecipe.catalogue.pages import heard, prose_of
from nbrecipe.render.findings.page import document
from tests.conftest import CHROMIUM_ARGS

#: pixels of the page, at twice their density; what is longer is cut off
WIDTH, HEIGHT, DENSITY = 860, 640, 2
#: a picture of so many colours is a third as large and looks the same
COLOURS = 256


def main(argv: Sequence[str] | None = None) -> int:
    """Draw every picture, or those of the magics named."""
    pictured = [magic.name for magic in all_magics() if prose_of(magic.name).picture]
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("magics", nargs="*", metavar="MAGIC", choices=[*pictured, []], help="default: all")
    names = parser.parse_args(argv).magics or pictured
    with tempfile.TemporaryDirectory() as folder, _browser() as chromium:
        for name in names:
            prose = prose_of(name)
            answer = heard(prose.cells)[prose.pictured][1]
            page = Path(folder, f"{name}.html")
            page.write_text(document(name, answer._repr_html_()), encoding="utf-8")
            for scheme, ending in (("light", ""), ("dark", "-dark")):
                place = ROOT / FOLDER / f"{name}{ending}.png"
                place.write_bytes(smaller(shot(chromium, page, scheme, *prose.cut)))
                print(f"{place.relative_to(ROOT)}: {place.stat().st_size // 1024} kB", flush=True)
    return 0


def shot(chromium: Any, page: Path, scheme: str, start: str = "body", height: int = 0) -> bytes:
    """A part of a saved page as a picture, in a light or a dark scheme."""
    context = chromium.new_context(
        color_scheme=scheme, viewport={"width": WIDTH, "height": 4 * HEIGHT}, device_scale_factor=DENSITY
    )
    view = context.new_page()
    view.goto(page.as_uri())
    view.wait_for_timeout(2000)  # scripts take over from still pictures
    whole, first = view.locator("body").bounding_box(), view.locator(start).first.bounding_box()
    margin = whole["y"]
    top = first["y"] - margin
    clip = {"x": 0, "y": top, "width": WIDTH, "height": min(height or HEIGHT, whole["height"] + 2 * margin - top)}
    taken: bytes = view.screenshot(clip=clip)
    context.close()
    return taken


def smaller(png: bytes) -> bytes:
    """The same picture with a palette."""
    from PIL import Image

    picture, out = Image.open(io.BytesIO(png)).convert("RGB"), io.BytesIO()
    picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


class _browser:
    """Headless Chromium, as the tests start it."""

    def __enter__(self) -> Any:
        from playwright.sync_api import sync_playwright

        path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
        self._play = sync_playwright().start()
        self._chromium = self._play.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_ARGS)
        return self._chromium

    def __exit__(self, *error: object) -> None:
        self._chromium.close()
        self._play.stop()


if __name__ == "__main__":
    sys.exit(main())
