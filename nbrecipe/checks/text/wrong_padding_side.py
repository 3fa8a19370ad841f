"""Rows are filled up on the side that the model expects.

A decoder goes on from the last place of a row: where padding stands there, it goes on from padding, so that prompts of
several lengths are to be filled up on the left. An encoder with places counted from the start, and one that was trained
so, wants them on the right. What is meant cannot be known for certain: a hint at most, with what it changes measured.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import batches, toys
from ...batches import BadInput
from ...batches.models import plain
from ...bench import Bench, Cell, Missing
from ...check import Check
from ...finding import Finding, hint, ok, skipped
from ...probes.graph.mentions import is_foreign
from ...probes.passes.signal import evaluating
from ...scan.text import held
from ...scan.text.carried import equipped
from ...scan.text.id_reading import IdScan
from ...tokens import Tokenizer, open_tokenizer

check = Check(__name__, tip="outputs of the tokenizer", cost="scan")

GENERATES = re.compile(r"\.generate\s*\(")
PADS = re.compile(r"padding\s*=\s*(True|[\"'](longest|max_length)[\"'])|\.pad\s*\(")
LEFT = re.compile(r"padding_side\s*=\s*[\"']left[\"']")
#: prompts that are tried, and their tokens
ROWS, TOKENS = 8, 48


@check.run
def run(bench: Bench) -> Finding:
    given = bench.once(equipped)
    tokenizer = open_tokenizer(given.get("tokenizer"), given.name("tokenizer"))
    scans = [_scanned(given, measure) for measure in (held.train_ids, held.val_ids)]
    sides = [scan.side if scan is not None else None for scan in scans]
    model = plain(bench.model) if bench.model is not None else None
    if model is not None and _generates(model):  # one side to train, the other to go on with prompts
        return _of_decoder(bench, model, tokenizer, scans[0])
    if model is not None and None not in sides and sides[0] != sides[1]:
        names = [scan.name for scan in scans if scan is not None]
        return hint(
            f"rows of `{names[0]}` are filled up on the {sides[0]}, and those of `{names[1]}` on the {sides[1]}",
            fix="Fill up both on the side that the model expects.",
            code=f'{tokenizer.name}.padding_side = "{sides[0]}"',
            train=sides[0],
            val=sides[1],
        )
    if model is not None and sides[0] == "left" and _counts_from_the_start(model):
        return hint(
            f"rows are filled up on the **left**, and `{bench.name('model')}` counts places from the start of a row",
            fix="Fill up on the right, or hand over `position_ids`.",
            code=f'{tokenizer.name}.padding_side = "right"',
            why="the same text stands at other places in another batch",
            side="left",
        )
    side = sides[0] or tokenizer.side
    if side is None:
        return skipped("no row is filled up, and the tokenizer does not say on which side it would be")
    return ok(f"rows are filled up on the {side}", side=side)


def _of_decoder(bench: Bench, model: nn.Module, tokenizer: Tokenizer, scan: IdScan | None) -> Finding:
    """A model that goes on from the last place."""
    if tokenizer.side != "right":
        return ok(
            f"`{tokenizer.name}` fills up on the {tokenizer.side or 'side that is asked for'}", side=tokenizer.side
        )
    calls = [cell for cell in bench.cells if GENERATES.search(cell.source)]
    if any(LEFT.search(cell.source) for cell in bench.cells):
        return ok("a cell fills up on the left where it generates")
    padded = [cell for cell in calls if PADS.search(cell.source)]
    if not padded:
        return ok("training fills up on the right, and no cell generates from several prompts at once", side="right")
    changed = _changed(bench, model, tokenizer, scan)
    told = (
        f": measured, **{changed[0]}** of {changed[1]} prompts go on with another token" if changed is not None else ""
    )
    return hint(
        f"cell {padded[0].number} generates from prompts that `{tokenizer.name}` fills up on the **right**, so that "
        f"the model goes on from padding{told}",
        fix="Fill up prompts on the left before generating.",
        code=f'{tokenizer.name}.padding_side = "left"',
        where=f"cell {padded[0].number}",
        side="right",
        changed=list(changed or ()),
    )


def _changed(bench: Bench, model: nn.Module, tokenizer: Tokenizer, scan: IdScan | None) -> tuple[int, int] | None:
    """Prompts whose next token is another one once they are filled up on the right; and how many were tried."""
    pad = tokenizer.specials.padding
    if scan is None or pad is None:
        return None
    block = scan.part.sample.block().columns
    rows = sorted((ids[real] for ids, real in zip(block["ids"], block["real"], strict=True)), key=len)
    prompts = [row[: max(1, min(len(row) - 1, TOKENS))] for row in rows if len(row) > 1]
    prompts = prompts[:: max(1, len(prompts) // ROWS)][:ROWS]
    longest = max(map(len, prompts), default=0)
    short = [row for row in prompts if len(row) < longest]
    if not short:
        return None
    place = next((p.device for p in model.parameters()), torch.device("cpu"))
    other = 0
    with bench.untouched(), evaluating(model), torch.no_grad():
        for row in short:
            ids = torch.full((1, longest), pad, dtype=torch.int64, device=place)
            ids[0, : len(row)] = torch.from_numpy(np.ascontiguousarray(row))
            mask = (torch.arange(longest, device=place) < len(row)).long()[None]
            try:
                output = batches.output_of(model(input_ids=ids, attention_mask=mask))
            except Exception:  # a model that takes something else
                return None
            if output is None or output.ndim != 3 or output.shape[1] != longest:
                return None
            other += bool(output[0, -1].argmax() != output[0, len(row) - 1].argmax())
    return other, len(short)


def _generates(model: nn.Module) -> bool:
    """Whether it is a decoder alone that can be asked to go on."""
    can = getattr(model, "can_generate", None)
    if not callable(getattr(model, "generate", None)) or getattr(
        getattr(model, "config", None), "is_encoder_decoder", False
    ):
        return False
    return can is None or bool(can())


def _counts_from_the_start(model: nn.Module) -> bool:
    """Whether a library's encoder looks places up by their number from the start."""
    kind = getattr(getattr(model, "config", None), "position_embedding_type", "")
    tables = [path for path, part in model.named_modules() if isinstance(part, nn.Embedding)]
    return is_foreign(model) and (kind == "absolute" or any("position" in path or "wpe" in path for path in tables))


def _scanned(bench: Bench, measure: Any) -> IdScan | None:
    try:
        scan: IdScan = bench.once(measure)
        return scan
    except (Missing, BadInput):
        return None


class Letters:
    """A tokenizer as transformers has them, of letters, which fills up on a side."""

    pad_token_id, eos_token_id = 0, 1
    all_special_ids = (0, 1)

    def __init__(self, side: str) -> None:
        self.padding_side = side

    def get_vocab(self) -> dict[str, int]:
        """Padding, the end, and letters."""
        return {"<pad>": 0, "<end>": 1} | {chr(95 + i): i for i in range(2, 24)}

    def convert_ids_to_tokens(self, i: int) -> str:
        """One letter."""
        return {i: piece for piece, i in self.get_vocab().items()}[i]

    def batch_decode(self, rows: Any) -> list[str]:
        """Rows of letters."""
        return ["".join(map(self.convert_ids_to_tokens, row)) for row in rows]


class Writer(nn.Module):
    """A language model that can go on with a text."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.lm()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        made: Tensor = self.body(input_ids)
        return made

    def generate(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """One token more."""
        return torch.cat([input_ids, self(input_ids, attention_mask)[:, -1:].argmax(-1)], 1)


def _bench(tokenizer: str, cell: str, train: str = "right", val: str | None = None, writes: bool = True) -> Bench:
    g, splits = toys.seeded(), []
    for side in (train, val or train):
        ids = torch.randint(2, 24, (32, 12), generator=g)
        lengths = torch.randint(5, 13, (32, 1), generator=g)
        places = torch.arange(12)
        mask = places >= 12 - lengths if side == "left" else places < lengths
        splits.append([{"input_ids": i, "attention_mask": m.long()} for i, m in zip(ids * mask, mask, strict=True)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Writer() if writes else nn.Sequential(nn.Embedding(24, 8), nn.Linear(8, 3))
    names = {"train_data": "train_set", "val_data": "val_set", "tokenizer": "tok"}
    data: Any = splits
    cells = (Cell(3, cell),)
    return Bench(
        model=net, train_data=data[0], val_data=data[1], tokenizer=Letters(tokenizer), cells=cells, names=names
    )


SEVERAL = "enc = tok(prompts, padding=True, return_tensors='pt')\nout = net.generate(**enc)"


@check.breaks
def prompts_filled_up_on_the_right() -> Bench:
    """Several prompts go into `generate`, with padding behind them."""
    return _bench("right", SEVERAL)


@check.breaks
def each_split_its_own_side() -> Bench:
    """Of a tagger training is filled up on the right, and validation on the left."""
    return _bench("right", "", val="left", writes=False)


@check.holds
def prompts_filled_up_on_the_left() -> Bench:
    """The tokenizer fills up on the left."""
    return _bench("left", SEVERAL, train="left")


@check.holds
def one_side_to_train_and_one_to_write() -> Bench:
    """Training is filled up on the right, and validation on the left, to go on from."""
    return _bench("left", SEVERAL, val="left")


@check.holds
def one_prompt_at_a_time() -> Bench:
    """Training fills up on the right, and a cell generates from one prompt without padding."""
    return _bench("right", "out = net.generate(**tok(prompt, return_tensors='pt'))")


@check.holds
def set_before_generating() -> Bench:
    """The side is changed in the cell that generates."""
    return _bench("right", f"tok.padding_side = 'left'\n{SEVERAL}")
