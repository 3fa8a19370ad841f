"""Small images as data for a page, with a mask blended on top."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...pictures.batch import Box

if TYPE_CHECKING:
    from PIL.Image import Image

#: colours of classes: mid-tones that stand out on dark and on light, ten just noticeable steps apart for every kind of
#: colour vision (tests/render/pieces/test_palette.py)
TONES = ("#016cf9", "#b05929", "#429881", "#a670c6", "#ba8d0b", "#d8349b", "#7d995f", "#606c6e")
#: pixels a side up to which an image is shown pixel by pixel, and those that it is enlarged to
SMALL, SHOWN = 64, 96
#: pixels that an enlarged image is wide at most
WIDEST = 640
#: share of the mask's colour in what is drawn
BLEND = 0.5


def tone(number: int) -> str:
    """The colour of a class; class 0 is most often the background, and the first that is drawn is 1."""
    return TONES[(number - 1) % len(TONES)]


def seen(pixels: np.ndarray) -> str:
    """(H, W) or (H, W, 3) of uint8 in words, for who does not see it: "28 × 28 pixels, brightness 13 %"."""
    height, width = pixels.shape[:2]
    return f"{width} × {height} pixels, brightness {pixels.mean() / 2.55:.0f} %" if pixels.size else "no pixels"


def blended(pixels: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """(H, W, 3) of uint8 with every class but 0, -1 and 255 tinted."""
    colours = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    if mask is None or mask.shape != colours.shape[:2]:
        same: np.ndarray = colours
        return same
    out = colours.astype("f4")
    for number in np.unique(mask):
        if number in (0, -1, 255):
            continue
        colour = np.array([int(tone(int(number))[i : i + 2], 16) for i in (1, 3, 5)], "f4")
        there = mask == number
        out[there] = (1 - BLEND) * out[there] + BLEND * colour
    tinted: np.ndarray = np.clip(out, 0, 255).astype(np.uint8)
    return tinted


def encoded_image(pixels: np.ndarray, mask: np.ndarray | None, side: int) -> tuple[str, int, int]:
    """A data URI, and width and height on the page; larger images than `side` are made smaller."""
    from PIL import Image

    drawn = blended(pixels, mask) if mask is not None else pixels
    image = Image.fromarray(np.ascontiguousarray(drawn))
    if image.height > side:
        size = (max(1, image.width * side // image.height), side)
        image = image.resize(size, Image.Resampling.LANCZOS)
    data, kind = _bytes(image)
    times = max(1, min(SHOWN // image.height, WIDEST // image.width))
    encoded = base64.b64encode(data).decode()
    return f"data:image/{kind};base64,{encoded}", image.width * times, image.height * times


def _bytes(image: Image) -> tuple[bytes, str]:
    """Without loss where every pixel is seen, else as a photograph."""
    out = io.BytesIO()
    if image.height <= SMALL:
        image.save(out, format="png", optimize=True)
        return out.getvalue(), "png"
    image.save(out, format="jpeg", quality=82, optimize=True)
    return out.getvalue(), "jpeg"


def boxed(image: Image, boxes: Sequence[Box]) -> Image:
    """The image with boxes drawn on it, each in the colour of its label."""
    from PIL import ImageDraw

    if not boxes:
        return image
    image = image.convert("RGB")
    pen = ImageDraw.Draw(image)
    for box in boxes:
        left, right = sorted(min(max(x, 0.0), 1.0) * (image.width - 1) for x in (box.left, box.right))
        top, bottom = sorted(min(max(y, 0.0), 1.0) * (image.height - 1) for y in (box.top, box.bottom))
        width = max(1, min(image.size) // 120)
        pen.rectangle((left, top, right, bottom), outline=tone(sum(box.label.encode())), width=width)
    return image


def with_boxes(pixels: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """(H, W) or (H, W, 3) with boxes drawn on it."""
    from PIL import Image

    return np.asarray(boxed(Image.fromarray(np.ascontiguousarray(pixels)), boxes)) if boxes else pixels


def thumbnail(
    pixels: np.ndarray, mask: np.ndarray | None, side: int, boxes: Sequence[Box] = ()
) -> tuple[str, int, int]:
    """A data URI of at most `side` pixels a side, made quickly, and whole times its width and height on the page."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(blended(pixels, mask) if mask is not None else pixels))
    out, small = io.BytesIO(), max(image.size) <= side
    if small:
        boxed(image, boxes).save(out, format="png", compress_level=6)
    else:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        boxed(image, boxes).save(out, format="jpeg", quality=80)
    times = max(1, side // max(image.size))
    encoded = base64.b64encode(out.getvalue()).decode()
    uri = f"data:image/{'png' if small else 'jpeg'};base64,{encoded}"
    return uri, image.width * times, image.height * times
