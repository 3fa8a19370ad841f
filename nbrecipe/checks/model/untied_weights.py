"""Weights that the configuration ties are one tensor.

A language model whose input embedding and output layer are declared to be one matrix has two after one of them was
replaced, resized or loaded alone. They start equal or not, are trained apart, and one of them is lost where a
checkpoint keeps the tied weight once. Where only an attribute of the model says that they are tied, it is a hint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, ok, skipped, spelled

check = Check(__name__, tip="unused parameters")

#: what configurations and models call it
FLAGS = ("tie_word_embeddings", "tie_embeddings", "tie_weights", "weight_tying", "tied_weights", "share_embeddings")
CONFIGS = ("config", "cfg", "conf", "args", "hparams")


@dataclass(frozen=True)
class Declared:
    """A module that says its input and output embeddings are one."""

    owner: nn.Module
    path: str
    #: "net.config.tie_word_embeddings"
    said: str
    sure: bool


@check.run
def run(model: nn.Module, bench: Bench) -> Finding:
    name = bench.name("model")
    declared = list(_declarations(model, name))
    if not declared:
        return skipped("nothing says that weights of this model are tied")
    pairs = [(one, *pair) for one in declared if (pair := _pair(one.owner)) is not None]
    if not pairs:
        return skipped(f"`{declared[0].said}` ties weights, but there is no pair of an embedding and a layer to tie")
    for one, inner, outer, clear in pairs:
        if not _same(inner.weight, outer.weight):
            return _untied(one, inner, outer, clear, model, name)
    one, inner, outer, _ = pairs[0]
    first, second = (_path(model, module, name) for module in (inner, outer))
    return ok(f"`{first}.weight` and `{second}.weight` are one tensor, as `{one.said}` says", tied=[first, second])


def _untied(one: Declared, inner: Any, outer: Any, clear: bool, model: nn.Module, name: str) -> Finding:
    first, second = (_path(model, module, name) for module in (inner, outer))
    equal = inner.weight.shape == outer.weight.shape and torch.equal(inner.weight, outer.weight.to(inner.weight))
    trained = inner.weight.requires_grad or outer.weight.requires_grad
    if equal and not trained:
        return ok(f"`{first}.weight` and `{second}.weight` are two tensors, equal and frozen", tied=[first, second])
    now = "equal now, and trained apart" if equal else "and differ already"
    fits = inner.weight.shape == outer.weight.shape and inner.weight.dtype == outer.weight.dtype
    return (bad if one.sure and clear and fits else hint)(
        f"`{one.said}` says that they are tied, but `{first}.weight` and `{second}.weight` are **two tensors**, {now}",
        fix="Make them one again, before the optimizer is built.",
        code=f"{second}.weight = {first}.weight",
        where=f"`{second}`",
        tied=[first, second],
        equal=equal,
    )


def _declarations(model: nn.Module, name: str) -> Iterator[Declared]:
    """Modules that say so themselves or by their configuration; the outermost of those that share one."""
    seen: set[int] = set()
    for path, module in model.named_modules():
        wraps = type(module).__module__.startswith("peft")
        for key in CONFIGS:
            config = vars(module).get(key)
            flag = _flag(config)
            if flag and id(config) not in seen:
                seen.add(id(config))
                yield Declared(module, path, f"{spelled(name, path)}.{key}.{flag}", not wraps and not _torn(config))
        own = next((flag for flag in FLAGS if vars(module).get(flag) is True), None)
        if own is not None:
            yield Declared(module, path, f"{spelled(name, path)}.{own}", False)


def _flag(config: Any) -> str | None:
    if config is None or isinstance(config, (nn.Module, Tensor, str)):
        return None
    values = config if isinstance(config, dict) else getattr(config, "__dict__", {})
    named = {flag: values.get(flag, getattr(config, flag, None)) for flag in FLAGS}
    return next((flag for flag, value in named.items() if value is True), None)


def _torn(config: Any) -> bool:
    """Whether a part of the configuration says otherwise: of several towers one may be tied and another not."""
    inner = [value for value in getattr(config, "__dict__", {}).values() if hasattr(value, "tie_word_embeddings")]
    return any(value.tie_word_embeddings is not True for value in inner)


def _pair(owner: nn.Module) -> tuple[Any, Any, bool] | None:
    """Input embedding and output layer, and whether they are clear: by the model's own word, or the only ones."""
    asked = [_asked(owner, method) for method in ("get_input_embeddings", "get_output_embeddings")]
    if hasattr(type(owner), "get_output_embeddings"):
        return (asked[0], asked[1], True) if all(isinstance(_weight(one), Tensor) for one in asked) else None
    tables = [module for module in owner.modules() if isinstance(module, nn.Embedding)]
    heads = [module for module in owner.modules() if isinstance(module, nn.Linear)]
    pairs = [(table, head) for table in tables for head in heads if table.weight.shape == head.weight.shape]
    tied = [pair for pair in pairs if _same(pair[0].weight, pair[1].weight)]
    if not pairs:
        return None
    return (*(tied or pairs)[0], len(pairs) == 1 or bool(tied))


def _asked(owner: nn.Module, method: str) -> Any:
    try:
        return getattr(owner, method)()
    except Exception:  # a model without one of them raises
        return None


def _weight(module: Any) -> Any:
    return getattr(module, "weight", None)


def _same(one: Tensor, other: Tensor) -> bool:
    """One tensor, or two views of one piece of memory."""
    if one is other:
        return True
    return one.device == other.device and one.data_ptr() == other.data_ptr() != 0


def _path(model: nn.Module, wanted: nn.Module, name: str) -> str:
    return spelled(name, next((path for path, module in model.named_modules() if module is wanted), ""))


class _Config:
    def __init__(self, tied: bool) -> None:
        self.tie_word_embeddings = tied


def _lm(tie: bool, said: bool = True) -> Bench:
    net: Any = toys.lm()
    net.config = _Config(said)
    if tie:
        net.head.weight = net.tokens.weight
    return toys.next_token(net)


@check.breaks
def two_tensors() -> Bench:
    """The configuration ties the embedding to the output layer, and the model has two matrices."""
    return _lm(tie=False)


@check.breaks
def resized_alone() -> Bench:
    """They were one until the output layer was made anew from a copy."""
    bench = _lm(tie=True)
    net: Any = bench.model
    net.head.weight = nn.Parameter(net.head.weight.detach().clone())
    return bench


@check.holds
def one_tensor() -> Bench:
    """Tied, as the configuration says."""
    return _lm(tie=True)


@check.holds
def two_that_are_frozen() -> Bench:
    """Two tensors with equal values, neither of them trained."""
    bench = resized_alone()
    net: Any = bench.model
    net.head.requires_grad_(False)
    net.tokens.requires_grad_(False)
    return bench
