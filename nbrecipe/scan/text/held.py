"""The texts and the ids of a bench, each read once however many checks ask: `bench.once(train_text)`."""

from __future__ import annotations

from typing import Any

from torch.utils.data import DataLoader, default_collate

from ...batches import BadInput
from ...bench import Bench, Missing
from ...tokens import open_tokenizer
from ..held import ROWS, SECONDS, given_data
from ..plan import plan_of
from ..sources.opening import open_source
from ..sources.source import Source
from .id_reading import IdScan, id_column, id_scan
from .opening import open_texts, text_column, text_columns
from .reading import TextScan, text_scan
from .table import Embedding, embedding_of


def train_text(bench: Bench) -> TextScan:
    """What the tokenizer makes of the training texts. Raises Missing where there are no data or no tokenizer.

    Raises BadInput where the data hold no texts. Of several columns of texts the one that is usually called so is read,
    else the one with most letters.
    """
    return _text(bench, "train")


def val_text(bench: Bench) -> TextScan:
    """The same of the validation texts, in the column that the training texts were read from; raises the same."""
    return _text(bench, "val")


def train_ids(bench: Bench) -> IdScan:
    """What stands in training data that are ids already. Raises Missing without data, BadInput without ids."""
    return _ids(bench, "train")


def val_ids(bench: Bench) -> IdScan:
    """The same of the validation data; raises the same, and BadInput for data of another make than training's."""
    found = _ids(bench, "val")
    try:
        train = bench.once(train_ids)
    except (BadInput, Missing):
        return found
    if (found.column, bool(found.labels)) != (train.column, bool(train.labels)):  # those of another program
        raise BadInput(f"`{found.name}` does not hold what `{train.name}` does")
    return found


def embedding(bench: Bench) -> Embedding:
    """The table of the model that ids are looked up in. Raises Missing without a model, BadInput without a table."""
    model = bench.model
    if model is None:
        raise Missing("model")
    return embedding_of(model, bench.name("model"))


def text_source(bench: Bench, split: str) -> tuple[Source, str]:
    """The texts of a split and their column: as training reads them, else what a collate function makes ids of.

    Raises Missing where there are no data, and BadInput where they hold no texts.
    """
    data, name = given_data(bench, split)
    places = [(data, name)]
    if isinstance(data, DataLoader) and data.collate_fn is not default_collate:
        places.append((data.dataset, f"{name}.dataset"))
    own = getattr(bench, f"{split}_data")
    if own is not None and own is not data:
        places.append((own, bench.name(f"{split}_data")))
    refused: list[BadInput] = []
    for thing, told in places:
        try:
            source = open_texts(thing, told)
            return source, _longest(source) if split == "train" else _same(bench, source)
        except BadInput as error:
            refused.append(error)
    raise refused[0]


def _text(bench: Bench, split: str) -> TextScan:
    if bench.tokenizer is None:
        raise Missing("tokenizer")
    with bench.untouched():
        source, column = text_source(bench, split)
        tokenizer = open_tokenizer(bench.tokenizer, bench.name("tokenizer"))
        return text_scan(source, tokenizer, column=column, most=ROWS, seconds=SECONDS)


def _longest(source: Source) -> str:
    plan = plan_of(source)
    found = text_columns(source, plan)
    try:
        return text_column(source, None, plan)
    except BadInput:
        if not found:
            raise
    letters = dict.fromkeys(found, 0)
    for block in source.blocks(0, 512):
        for column in found:
            letters[column] += sum(len(text) for text in block.columns.get(column, []) if isinstance(text, str))
    return max(found, key=lambda column: letters[column])


def _same(bench: Bench, source: Source) -> str:
    """The column of the training texts where the validation data have it too."""
    known = bench.known(train_text)
    if known is not None and known.column in text_columns(source):
        return known.column
    return _longest(source)


def _ids(bench: Bench, split: str) -> IdScan:
    data, name = given_data(bench, split)
    with bench.untouched():
        try:
            table = embedding_of(bench.model) if bench.model is not None else None
        except BadInput:
            table = None
        source = open_source(data, name)
        column = id_column(source, sure=table is None)
        padding = table.padding if table is not None else None
        limits: dict[str, Any] = {"most": ROWS, "seconds": SECONDS}
        return id_scan(source, bench.tokenizer, column=column, padding=padding, **limits)
