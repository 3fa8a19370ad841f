"""Weights that are declared to be tied: by a configuration, by an attribute, by methods."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from nbrecipe import toys
from nbrecipe.bench import Bench
from nbrecipe.checks.model.untied_weights import check
from nbrecipe.finding import Verdict
from nbrecipe.runner import run

transformers = pytest.importorskip("transformers")


def gpt2(**options):
    ids = {"bos_token_id": 0, "eos_token_id": 0}
    config = transformers.GPT2Config(vocab_size=40, n_embd=16, n_layer=1, n_head=2, **ids, **options)
    return transformers.GPT2LMHeadModel(config)


def found(model):
    return run(check, Bench(model=model, names={"model": "net"})).finding


class Config:
    def __init__(self, **values):
        vars(self).update(values)


def small(tie, **attributes):
    net = toys.lm()
    if tie:
        net.head.weight = net.tokens.weight
    for key, value in attributes.items():
        setattr(net, key, value)
    return net


def loaded_with_assign():
    net = gpt2()
    net.load_state_dict({key: value.clone() for key, value in net.state_dict().items()}, assign=True)
    return net


def resized_alone():
    net = gpt2()
    net.transformer.wte = nn.Embedding(48, 16)
    return net


@pytest.mark.parametrize(
    ("net", "verdict"),
    [
        (lambda: small(False, config=Config(tie_word_embeddings=True)), Verdict.BAD),
        (lambda: small(False, cfg={"weight_tying": True}), Verdict.BAD),
        (lambda: small(False, tie_weights=True), Verdict.HINT),  # only the name of an attribute says so
        (lambda: small(False, config=Config(tie_word_embeddings=True, text=Config(tie_word_embeddings=False))),
         Verdict.HINT),
        (loaded_with_assign, Verdict.BAD),
        (resized_alone, Verdict.HINT),
        (lambda: small(True, config=Config(tie_word_embeddings=True)), Verdict.OK),
        (lambda: small(True, tie_weights=True), Verdict.OK),
        (gpt2, Verdict.OK),
        (lambda: copy.deepcopy(gpt2()), Verdict.OK),
        (lambda: nn.DataParallel(gpt2()), Verdict.OK),
        (lambda: gpt2().half(), Verdict.OK),
        (lambda: gpt2(tie_word_embeddings=False), Verdict.SKIPPED),
        (lambda: small(False, config=Config(tie_word_embeddings=False)), Verdict.SKIPPED),
        (lambda: small(False, config=Config(width=32)), Verdict.SKIPPED),
        (lambda: small(False), Verdict.SKIPPED),
        (toys.mlp, Verdict.SKIPPED),
        (lambda: transformers.GPT2Model(gpt2().config), Verdict.SKIPPED),
    ],
)  # fmt: skip
def test_what_is_declared_is_held_against_what_is_there(net, verdict):
    finding = found(net())
    assert finding.verdict is verdict, finding


def test_the_line_to_paste_ties_them():
    net = small(False, config=Config(tie_word_embeddings=True))
    finding = found(net)
    assert finding.code == "net.head.weight = net.tokens.weight"
    assert finding.message.startswith(
        "`net.config.tie_word_embeddings` says that they are tied, but `net.tokens.weight`"
    )
    exec(finding.code, {"net": net})
    assert found(net).verdict is Verdict.OK
    assert torch.equal(net.head.weight, net.tokens.weight)
