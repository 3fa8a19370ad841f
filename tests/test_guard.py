"""What the guard puts back, bit for bit."""

import functools
import random
import signal

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, WeightedRandomSampler

from nbrecipe import guard, toys
from nbrecipe.guard import Untouched


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 2))


def bits(tensor):
    return tensor.detach().clone().contiguous().flatten().view(torch.uint8)


def same(a, b):
    return torch.equal(bits(a), bits(b))


def train(model, steps=3):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().sum().backward()
        optimizer.step()


def test_weights_and_buffers_come_back_bit_for_bit():
    model = net()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    ids = [id(p) for p in model.parameters()]
    with Untouched([model]):
        train(model)
        assert not same(model[0].weight, before["0.weight"])
        assert int(model[1].num_batches_tracked) == 3
    assert all(same(value, before[key]) for key, value in model.state_dict().items())
    assert [id(p) for p in model.parameters()] == ids


def test_a_zero_that_turned_negative_and_a_nan_come_back_as_they_were():
    model = net()
    with torch.no_grad():
        model[0].weight[0, :3] = torch.tensor([0.0, float("nan"), float("inf")])
        model[4].weight[0, 0] = 0.0
    before = model[0].weight.detach().clone()
    with Untouched([model]):
        model[0].weight.data.zero_()
        model[4].weight.data[0, 0] = -0.0
    assert same(model[0].weight, before)
    assert not model[4].weight[0, 0].signbit()


def test_gradients_keep_their_identity_and_their_values():
    model = net()
    model(torch.randn(8, 4)).sum().backward()
    model[4].weight.grad = None
    kept = model[0].weight.grad
    values = kept.clone()
    with Untouched([model]):
        train(model)
        kept.mul_(3)
        assert model[4].weight.grad is not None
    assert model[0].weight.grad is kept
    assert same(kept, values)
    assert model[4].weight.grad is None


def test_a_sparse_gradient_comes_back():
    model = nn.Embedding(10, 3, sparse=True)
    model(torch.tensor([1, 2])).sum().backward()
    kept, values = model.weight.grad, model.weight.grad.clone().to_dense()
    with Untouched([model]):
        model(torch.tensor([5])).sum().backward()
    assert model.weight.grad is kept
    assert torch.equal(kept.to_dense(), values)


def test_modes_and_frozen_parts_come_back_module_by_module():
    model = net()
    model.eval()
    model[3].train()
    model[0].requires_grad_(False)
    with Untouched([model]):
        model.train()
        model.requires_grad_(True)
    assert [module.training for module in model.modules()] == [False, False, False, False, True, False]
    assert [p.requires_grad for p in model.parameters()] == [False, False, True, True, True, True]


def test_replaced_removed_and_new_members_are_undone():
    model = net()
    weight, head = model[0].weight, model[4]
    model.calls, model.log = 3, [1, 2]
    log = model.log
    with Untouched([model]):
        model[0].weight = nn.Parameter(torch.zeros(6, 4))
        model[4] = nn.Linear(6, 9)
        model.extra = nn.Linear(2, 2)
        model[0].register_buffer("more", torch.ones(1))
        model.calls += 1
        model.log.append(5)
        model.new = "x"
        del model[1].eps
    assert model[0].weight is weight
    assert model[4] is head
    assert "extra" not in model._modules
    assert "more" not in model[0]._buffers
    assert (model.calls, model.log, hasattr(model, "new"), model[1].eps) == (3, [1, 2], False, 1e-5)
    assert model.log is log


def test_what_lies_inside_attributes_comes_back():
    model = net()
    model.history = {"loss": [1.0], "seen": {1}}
    model.counts = np.zeros(4)
    model.scale = torch.ones(3)
    model.hidden = [nn.Linear(2, 2)]
    before = model.hidden[0].weight.detach().clone()
    with Untouched([model]):
        model.history["loss"].append(2.0)
        model.history["seen"].add(2)
        model.counts += 1
        model.scale.mul_(2)
        model.hidden[0].weight.data.zero_()
    assert model.history == {"loss": [1.0], "seen": {1}}
    assert model.counts.sum() == 0
    assert model.scale.sum() == 3
    assert same(model.hidden[0].weight, before)


def test_hooks_are_gone_and_earlier_ones_stay():
    model = net()
    calls = []
    model[0].register_forward_hook(lambda *_: calls.append("mine"))
    with Untouched([model]):
        model[0].register_forward_hook(lambda *_: calls.append("theirs"))
        model[2].register_full_backward_hook(lambda *_: None)
        model.register_forward_pre_hook(lambda *_: None)
    model(torch.randn(2, 4))
    assert calls == ["mine"]
    assert not model[2]._backward_hooks
    assert not model._forward_pre_hooks


def test_tied_weights_stay_tied():
    model = nn.ModuleDict({"embed": nn.Embedding(5, 3), "head": nn.Linear(3, 5, bias=False)})
    model["head"].weight = model["embed"].weight
    before = model["head"].weight.detach().clone()
    with Untouched([model]):
        model["head"].weight.data.add_(1)
        model["embed"].weight = nn.Parameter(torch.zeros(5, 3))
    assert model["head"].weight is model["embed"].weight
    assert same(model["head"].weight, before)


def test_weights_moved_to_other_memory_come_back_to_their_own():
    model = net()
    place, before = model[0].weight.data_ptr(), model[0].weight.detach().clone()
    with Untouched([model]):
        model.double()
        model[0].weight.data = torch.zeros(2, 2)
    assert model[0].weight.data_ptr() == place
    assert model[0].weight.dtype is torch.float32
    assert same(model[0].weight, before)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.randn(4, 6).t(),
        lambda: torch.randn(8, 8)[::2, 1::3],
        lambda: torch.randn(1, 5).expand(4, 5),
        lambda: torch.randn(3, 3).to(torch.bfloat16),
        lambda: torch.randn(3, 3).to(torch.complex64),
        lambda: torch.arange(6),
        lambda: torch.tensor([True, False]),
        lambda: torch.empty(0, 3),
        lambda: torch.tensor(1.5),
    ],
    ids=["transposed", "strided", "expanded", "bfloat16", "complex", "integer", "bool", "empty", "scalar"],
)
def test_buffers_of_every_layout_come_back(make):
    model = nn.Module()
    model.register_buffer("kept", make())
    before, stride = model.kept.clone(), model.kept.stride()
    with Untouched([model]):
        (model.kept[:1] if before.ndim else model.kept).zero_()
        model.kept = model.kept.clone()
    assert torch.equal(model.kept, before)
    assert model.kept.stride() == stride


@pytest.mark.parametrize("norm", [nn.utils.parametrizations.spectral_norm, nn.utils.parametrizations.weight_norm])
def test_parametrized_weights_come_back(norm):
    model = nn.Sequential(norm(nn.Linear(4, 4)), nn.Linear(4, 2))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with Untouched([model]):
        train(model)
        nn.utils.parametrizations.weight_norm(model[1])
    assert list(model.state_dict()) == list(before)
    assert all(same(value, before[key]) for key, value in model.state_dict().items())
    assert type(model[1]) is nn.Linear
    assert model[1](torch.ones(1, 4)).shape == (1, 2)


@pytest.mark.parametrize(
    "make",
    [
        functools.partial(torch.optim.Adam, lr=0.1),
        functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9),
        functools.partial(torch.optim.AdamW, lr=torch.tensor(0.1), capturable=False),
        functools.partial(torch.optim.LBFGS, max_iter=3),
    ],
    ids=["Adam", "SGD", "tensor lr", "LBFGS"],
)
@pytest.mark.parametrize("stepped", [False, True])
def test_the_optimizer_goes_on_as_if_nothing_had_happened(make, stepped):
    def go_on(interrupted):
        torch.manual_seed(0)
        model = net().eval()
        optimizer = make(model.parameters())
        x = torch.randn(8, 4)

        def closure():
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            return loss

        if stepped:
            optimizer.step(closure)
        if interrupted:
            with Untouched([model, optimizer]):
                optimizer.param_groups[0]["lr"] = 0.7
                optimizer.step(closure)
                optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))]})
                optimizer.state[model[0].weight]["mine"] = 1
        optimizer.step(closure)
        return [p.detach().clone() for p in model.parameters()], optimizer.state_dict()["param_groups"]

    (plain, groups), (guarded, same_groups) = go_on(False), go_on(True)
    assert all(same(a, b) for a, b in zip(plain, guarded, strict=True))
    assert groups == same_groups


def test_a_hook_on_the_optimizer_is_gone():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with Untouched([optimizer]):
        optimizer.register_step_post_hook(lambda *_: None)
    assert not optimizer._optimizer_step_post_hooks


def test_schedulers_come_back_nested_ones_too():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, cosine], [3])
    before, rate, inner = dict(scheduler.state_dict()), optimizer.param_groups[0]["lr"], warm.last_epoch
    with Untouched([optimizer, scheduler]):
        optimizer.step()
        scheduler.step()
        scheduler.step()
    assert scheduler.last_epoch == before["last_epoch"]
    assert warm.last_epoch == inner
    assert optimizer.param_groups[0]["lr"] == rate


def test_random_numbers_of_python_numpy_and_torch_go_on():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    plain = draw()
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.set_rng_state(state[2])
    with Untouched([]):
        draw()
        torch.manual_seed(3)
    assert draw() == plain


class Noisy(Dataset):
    """Draws from generators of its own, and counts."""

    def __init__(self):
        self.torch, self.numpy = torch.Generator().manual_seed(1), np.random.default_rng(1)
        self.legacy, self.python = np.random.RandomState(1), random.Random(1)
        self.transforms = [self.draw_python]
        self.reads, self.cache = 0, {}

    def draw_python(self, value):
        return value + self.python.random()

    def __len__(self):
        return 8

    def __getitem__(self, i):
        self.reads += 1
        self.cache[i] = self.reads
        value = torch.rand(1, generator=self.torch).item() + self.numpy.random() + self.legacy.rand()
        return self.transforms[0](value)


def test_generators_and_counters_of_loaders_and_data_sets_go_on():
    def read(loader):
        return [batch.tolist() for batch in loader]

    def make():
        data = Noisy()
        sampler = WeightedRandomSampler([1.0] * 8, 8, generator=torch.Generator().manual_seed(5))
        return DataLoader(data, batch_size=4, sampler=sampler, generator=torch.Generator().manual_seed(2))

    plain, guarded = make(), make()
    with Untouched([guarded]):
        read(guarded)
        assert guarded.dataset.reads == 8
    assert guarded.dataset.reads == 0
    assert guarded.dataset.cache == {}
    assert read(guarded) == read(plain)


def test_a_loss_that_closes_over_a_network_is_kept():
    teacher, shared = net(), net()

    def loss_fn(output, target, judge=None):
        return (teacher(target) - output).square().mean()

    partial = functools.partial(lambda judge, output: judge(output), shared)
    before = [bits(module[1].running_mean) for module in (teacher, shared)]
    with Untouched([loss_fn, partial]):
        for module in (teacher, shared):
            module(torch.randn(8, 4))
    assert [torch.equal(bits(m[1].running_mean), old) for m, old in zip((teacher, shared), before, strict=True)] == [
        True,
        True,
    ]


@pytest.mark.parametrize("mode", [True, False])
def test_a_graph_that_the_user_still_holds_can_run_backward(mode):
    model = net().train(mode)
    x = torch.randn(8, 4)
    loss = model(x).square().sum()
    with Untouched([model]):
        train(model)
    loss.backward()
    again = net()
    again.load_state_dict(model.state_dict())
    assert model[0].weight.grad is not None
    if not mode:
        again.eval()(x).square().sum().backward()
        assert torch.allclose(model[0].weight.grad, again[0].weight.grad)


def test_a_check_that_changes_nothing_writes_nothing():
    model = net()
    versions = [p._version for p in model.parameters()]
    with Untouched([model]):
        pass
    assert [p._version for p in model.parameters()] == versions


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_or_an_interrupt_leaves_everything_as_it_was(error):
    model = net()
    before = bits(model[0].weight)

    def fails():
        with Untouched([model]):
            model.eval()
            train(model)
            raise error

    with pytest.raises(error):
        fails()
    assert torch.equal(bits(model[0].weight), before)
    assert model.training


def test_an_interrupt_that_arrives_while_restoring_waits_until_it_is_done(monkeypatch):
    model = net()
    before = bits(model[4].weight)
    plain = guard.Keeper

    class Slow(plain):
        def __init__(self, things):
            super().__init__(things)
            self.undos.insert(0, lambda: signal.raise_signal(signal.SIGINT))

    monkeypatch.setattr(guard, "Keeper", Slow)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it
    try:
        with pytest.raises(KeyboardInterrupt), Untouched([model]):
            train(model)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, handler)
    assert torch.equal(bits(model[4].weight), before)


def test_what_cannot_be_put_back_does_not_keep_the_rest_from_it(monkeypatch):
    model = net()
    before = bits(model[4].weight)
    state = Untouched([model])
    state.__enter__()
    state._undo.insert(0, lambda: 1 / 0)
    model[4].weight.data.zero_()
    with pytest.raises(ZeroDivisionError):
        state.__exit__(None, None, None)
    assert torch.equal(bits(model[4].weight), before)


def test_restoring_in_between_leaves_the_guard_on():
    model = net()
    before = bits(model[0].weight)
    with Untouched([model]) as state:
        for _ in range(2):
            train(model)
            state.restore()
            assert torch.equal(bits(model[0].weight), before)


def test_grad_mode_and_default_dtype_come_back():
    with Untouched([]):
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32


def test_lazy_and_meta_tensors_are_left_alone():
    model = nn.Sequential(nn.LazyLinear(3), nn.Linear(2, 2, device="meta"))
    with Untouched([model]):
        pass
    assert isinstance(model[0].weight, nn.parameter.UninitializedParameter)


def test_rows_of_a_data_set_are_not_copied(monkeypatch):
    copied = []
    monkeypatch.setattr(guard.things, "KeptTensor", lambda tensor, away: copied.append(tensor))
    with Untouched([TensorDataset(torch.zeros(5, 5))]):
        pass
    assert copied == []


def test_large_models_on_an_accelerator_are_kept_in_the_memory_of_the_cpu(monkeypatch):
    kept = []
    model = toys.mlp()
    monkeypatch.setattr(guard.things, "_bytes_on_accelerator", lambda things: 2 << 30)
    real = guard.things.KeptTensor

    def note(tensor, *, away):
        kept.append(away)
        return real(tensor, away=away)

    monkeypatch.setattr(guard.things, "KeptTensor", note)
    with Untouched([model]):
        pass
    assert kept == [False] * 6  # these are on the CPU already
    away = real(model[0].weight, away=True)
    before = bits(model[0].weight)
    model[0].weight.data.zero_()
    away.put_back()
    assert torch.equal(bits(model[0].weight), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_weights_and_random_numbers_of_a_gpu_come_back():
    model = net().cuda()
    before, state = bits(model[0].weight), torch.cuda.get_rng_state()
    with Untouched([model]):
        torch.rand(1, device="cuda")
        model[0].weight.data.zero_()
    assert torch.equal(bits(model[0].weight), before)
    assert torch.equal(torch.cuda.get_rng_state(), state)
