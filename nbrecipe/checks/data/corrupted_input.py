"""Every example that enters the model holds something, and no NaN.

A file that did not load becomes zeros, a missing value NaN or -999, an empty text a row of padding. One NaN that
reaches the loss ruins every weight; blank examples with different labels teach the model that labels are noise. Blank
examples are a fault where nothing can tell them apart and their targets differ; a class that is blank by nature, and
whatever else may be meant, is a hint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler

from ... import toys
from ...batches import BadInput
from ...bench import Bench
from ...check import Check
from ...decoding.worded import class_names
from ...finding import Finding, Verdict, bad, hint, number, ok, skipped
from ...probes.batch.blanks import VALUES, Blanks, blanks, targets_differ, uncounted
from ...probes.batch.fed import Fed, fed
from ...probes.batch.filled import filled
from ...scan import held
from ...scan.looks.broken import Broken, broken
from ...scan.looks.filled import as_hint
from ...scan.looks.garbling import misread
from ...scan.reading import Scan
from ...scan.table.selection import line_for

check = Check(__name__, tip="duplicates and corruption", rows=True)

SPLITS = (("train", held.train_scan), ("val", held.val_scan))

#: values that an image has at least
PIXELS = 64
#: examples that are named in a message, and kinds of damage that are told together
NAMED, TOLD = 5, 3


@check.run
def run(bench: Bench) -> Finding:
    """Judge the rows of the data set where it has been read, and the batch at hand."""
    scans = {split: scan for split, measure in SPLITS if (scan := bench.known(measure)) is not None}
    if "train" not in scans:
        return _of_batch(bench)
    found = [_of_rows(bench, split, scan, some) for split, scan in scans.items() for some in broken(scan)]
    found += [told for scan in scans.values() for look in (misread, as_hint) if (told := look(scan)) is not None]
    if bench.model is not None and bench.find("batch") is not None:
        with suppress(BadInput):
            found.append(_of_batch(bench))
    worse = [finding for finding in found if finding.verdict in (Verdict.BAD, Verdict.HINT)]
    if not worse:
        read = " and ".join(f"{scan.extent} of `{scan.name}`" for scan in scans.values())
        whole = f"{read} can be read, are finite, and none is blank"
        return ok(whole, rows=sum(scan.rows for scan in scans.values()))
    worse.sort(key=lambda finding: finding.verdict is not Verdict.BAD)
    return replace(worse[0], message="; ".join(finding.message for finding in worse[:TOLD]))


def _of_rows(bench: Bench, split: str, read: Scan, some: Broken) -> Finding:
    """What is wrong with some rows of the data set."""
    named = ", ".join(map(str, some.rows[:NAMED])) + (", …" if some.count > NAMED else "")
    several = f"{'at least ' if some.more else ''}**{some.count}** rows ({named}) in {read.extent}"
    told = f"{f'row {named}' if some.count == 1 else several} of `{read.name}`"
    numbers: dict[str, Any] = {"rows": list(some.rows), "count": some.count}
    if some.what == "unread":
        sure = some.again and _draws_all(getattr(bench, f"{split}_loader"))
        first = "" if some.count == 1 else f"; row {some.rows[0]}"
        fix = "Look at what these rows are read from; mend or leave them out."
        return (bad if sure else hint)(f"{told} cannot be read{first}: {some.told}", fix=fix, **numbers)
    told += " holds" if some.count == 1 else " hold"
    if some.what == "infinite":
        fix = "Find where they come from, then fill or drop them before training."
        claim = bad if _reaches(bench, split, some) else hint
        return claim(f"{told} {some.told} in `{some.column}`", fix=fix, **numbers)
    if some.own is not None:
        name = class_names(bench).get(some.own, some.own) if isinstance(some.own, int) else some.own
        fix = "See whether that class is blank by nature; if so, all is well."
        return hint(f"{told} {some.told}; they are class `{name}`, and all of it", fix=fix, **numbers)
    return (bad if some.differ else hint)(
        f"{told} {some.told}" + (", and their labels differ: nothing can tell them apart" if some.differ else ""),
        fix="Look at what these rows were read from, and drop those that hold nothing.",
        code=line_for(read.name, some.rows[:NAMED]),
        **numbers,
    )


def _draws_all(loader: Any) -> bool:
    """Whether a loader draws every row."""
    return type(getattr(loader, "sampler", None)) in (RandomSampler, SequentialSampler)


def _reaches(bench: Bench, split: str, some: Broken) -> bool:
    """Whether such a row, in a batch as the loader makes it, makes the model's answer NaN as well."""
    loader = getattr(bench, f"{split}_loader")
    if bench.model is None or not isinstance(loader, DataLoader) or not _draws_all(loader):
        return False
    try:
        chosen = sorted({some.rows[0], *range(min(8, len(loader.dataset)))})  # type: ignore[arg-type]
        batch = loader.collate_fn([loader.dataset[i] for i in chosen])
        return _of_batch(bench.replace(batch=batch)).verdict is Verdict.BAD
    except Exception:  # what cannot be fed is told by other checks
        return False


def _of_batch(bench: Bench) -> Finding:
    """The examples of one batch."""
    bench.get("model")
    seen = bench.once(fed)
    inputs = [(name, tensor) for name, tensor in seen.tensors() if tensor.layout is torch.strided and tensor.numel()]
    if not inputs:
        return skipped("no dense tensor goes into the model")
    lost = _nonfinite(seen, inputs)
    if lost is not None:
        return lost
    rows = [(name, tensor) for name, tensor in inputs if seen.size > 1 and tensor.ndim and len(tensor) == seen.size]
    found = _all_alike(seen, rows)
    if found is not None:
        return found
    for name, tensor in rows:
        blank = blanks(bench, seen, name, tensor)
        if blank is not None:
            return _judged(bench, seen, blank)
    for name, tensor in rows:
        told = filled(name, tensor)
        if told is not None:
            return told
    count = sum(tensor.numel() for _, tensor in inputs)
    if not rows:
        return ok(f"all **{count}** values are finite", values=count)
    return ok(f"all **{count}** values of {seen.size} examples are finite, and no example is blank", values=count)


def _nonfinite(seen: Fed, inputs: list[tuple[str, Tensor]]) -> Finding | None:
    for name, tensor in inputs:
        if not (tensor.is_floating_point() or tensor.is_complex()):
            continue
        wrong = ~tensor.isfinite()
        if "mask" in name.lower() or "bias" in name.lower():
            wrong &= tensor != -torch.inf  # an additive attention mask says "not this one" so
        count = int(wrong.sum())
        if not count:
            continue
        nan = int(tensor.isnan().sum())
        kinds = " and ".join(word for word, some in (("NaN", nan), ("infinite", count - nan)) if some)
        dealt = seen.finite is True
        whole = len(tensor) if tensor.ndim else 0
        held = wrong.reshape(whole, -1).any(1).nonzero().flatten().tolist() if whole and whole == seen.size else []
        there = f", in {_examples(held, seen.size)}" if held else ""
        return (hint if dealt else bad)(
            f"**{count}** of {tensor.numel()} values of `{name}` {'is' if count == 1 else 'are'} {kinds}{there}"
            + ("; the model's answer is finite all the same" if dealt else ""),
            fix="Find where they come from, then fill or drop them before training.",
            code=f"torch.isfinite({name}).all()",
            count=count,
            examples=held[:50],
        )
    return None


def _all_alike(seen: Fed, rows: list[tuple[str, Tensor]]) -> Finding | None:
    """Every example is the same, in all inputs together."""
    size = seen.size
    if size < 4 or not rows or not all(bool((tensor == tensor[:1]).all()) for _, tensor in rows):
        return None
    if sum(tensor[:1].numel() for _, tensor in rows) < VALUES:
        return None
    name, tensor = rows[0]
    only = tensor.flatten()[0]
    filled = bool((tensor == only).all())
    what = f"is {number(float(only.real), 3)} throughout" if filled else f"is the same in all {size} examples"
    differ = targets_differ(seen.target, list(range(size)))
    return (bad if differ else hint)(
        f"`{name}` {what}" + (", and the targets differ" if differ else ""),
        fix="Look at how the examples are read: each of them gives the same input.",
        code="%show_batch",
        examples=size,
    )


def _judged(bench: Bench, seen: Fed, blank: Blanks) -> Finding:
    target, places = seen.target, blank.places
    if uncounted(target, places):
        return ok(f"{_examples(places, seen.size)} of `{blank.name}` hold {blank.told}, and no target of them counts")
    numbers: dict[str, Any] = {"examples": places[:50], "size": seen.size}
    own = _own_class(bench, target, places)
    if own:
        return hint(
            f"{_examples(places, seen.size)} of `{blank.name}` hold {blank.told}; they are class {own}, and all of it",
            fix="See whether that class is blank by nature; if so, all is well.",
            code="%show_batch",
            **numbers,
        )
    differ = len(places) > 1 and targets_differ(target, places)
    dense = "padding" in blank.told or _dense(seen, blank.name)
    return (bad if differ and dense else hint)(
        f"{_examples(places, seen.size)} of `{blank.name}` hold {blank.told}"
        + (", and their targets differ: nothing can tell them apart" if differ else ""),
        fix="Look at what these examples were read from, and drop those that hold nothing.",
        code="%show_batch",
        **numbers,
    )


def _dense(seen: Fed, name: str) -> bool:
    """Images, and nothing beside them by which blanks could be told apart; sparse rows are often empty."""
    others = [t for other, t in seen.tensors() if other != name and t.ndim and len(t) == seen.size]
    tensor = next(t for other, t in seen.tensors() if other == name)
    sparse = tensor.ndim == 2 and float((tensor == 0).float().mean()) >= 0.5
    return not others and not sparse and tensor[:1].numel() >= PIXELS


def _own_class(bench: Bench, target: Any, places: list[int]) -> str:
    """The class that is made of the blank examples and of no other, by its name."""
    if not isinstance(target, Tensor) or target.ndim != 1 or target.is_floating_point() or len(places) < 2:
        return ""
    classes = set(target[places].tolist())
    if len(classes) != 1 or int((target == target[places[0]]).sum()) != len(places) or len(places) == len(target):
        return ""
    number = int(classes.pop())
    return f"`{class_names(bench).get(number, number)}`"


def _examples(places: list[int], size: int) -> str:
    named = ", ".join(map(str, places[:NAMED])) + (", …" if len(places) > NAMED else "")
    return f"example {named} of {size}" if len(places) == 1 else f"**{len(places)}** of {size} examples ({named})"


def _blanked(places: Iterator[int] | range, value: float = 0.0, classes: int = 5) -> Bench:
    """Noisy images of which some hold one value."""
    given = toys.images(classes=classes)
    x, y = (tensor.clone() for tensor in given.train_data.tensors)
    x[list(places)] = value
    return toys.bench(given.get("model"), x, y, given.loss_fn)


@check.breaks
def missing_value() -> Bench:
    """One value of a row is NaN."""
    given = toys.classify()
    x, y = (tensor.clone() for tensor in given.train_data.tensors)
    x[5, 3] = torch.nan
    return toys.bench(given.get("model"), x, y, given.loss_fn)


@check.breaks
def images_that_did_not_load() -> Bench:
    """Every eighth image is black, whatever its class."""
    return _blanked(range(0, 256, 8))


@check.breaks
def fill_values() -> Bench:
    """A column holds -999 where nothing was measured: a hint."""
    given = toys.classify()
    x, y = (tensor.clone() for tensor in given.train_data.tensors)
    x[::6, 2] = -999.0
    return toys.bench(given.get("model"), x, y, given.loss_fn)


@check.holds
def whole() -> Bench:
    """Images without a blank."""
    return toys.images()


@check.holds
def constant_column() -> Bench:
    """A column of ones, as an intercept is, in rows that differ otherwise."""
    given = toys.classify()
    x, y = (tensor.clone() for tensor in given.train_data.tensors)
    x[:, 0] = 1.0
    return toys.bench(given.get("model"), x, y, given.loss_fn)


@check.holds
def blank_by_nature() -> Bench:
    """One class, and it alone, is blank: a hint that names it."""
    given = toys.images()
    x, y = (tensor.clone() for tensor in given.train_data.tensors)
    x[y == 2] = 0.0
    return toys.bench(given.get("model"), x, y, given.loss_fn)
