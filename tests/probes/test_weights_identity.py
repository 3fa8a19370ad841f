"""Weights are known again, and a change of any of them is seen."""

import copy

import pytest
import torch
from torch import nn

from nbrecipe.probes.weights.identity import fingerprint


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(40, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 5))


def test_the_same_weights_have_one_fingerprint():
    model = net()
    known = fingerprint(model)
    assert known == fingerprint(copy.deepcopy(model)) == fingerprint(net()) == fingerprint(nn.DataParallel(model))
    model.eval()
    model[0].weight.requires_grad_(False)
    assert fingerprint(model) == known != fingerprint(net(1))


def test_running_averages_are_no_weights():
    model = net()
    known = fingerprint(model)
    model(torch.randn(8, 40))
    assert fingerprint(model) == known


@pytest.mark.parametrize("place", [0, 1, 777, 2559])
def test_a_change_of_one_value_is_seen(place):
    model = net()
    known = fingerprint(model)
    with torch.no_grad():
        model[0].weight.view(-1)[place] += 1e-6
    assert fingerprint(model) != known


def test_two_values_that_change_places_are_seen_where_they_are_looked_at():
    model = net()
    known = fingerprint(model)
    with torch.no_grad():
        model[3].bias[:2] = model[3].bias[:2].flip(0)
    assert fingerprint(model) != known


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_of_every_kind_are_read_whatever_the_number_of_threads(dtype):
    model = nn.Linear(1000, 300).to(dtype)
    known, threads = fingerprint(model), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert fingerprint(model) == known != ""
    finally:
        torch.set_num_threads(threads)


def test_what_has_no_weights_has_no_fingerprint():
    assert (
        fingerprint(nn.ReLU()) == fingerprint(lambda x: x) == fingerprint(nn.LazyLinear(3)) == fingerprint(None) == ""
    )
    assert fingerprint(nn.Linear(3, 0)) != ""
