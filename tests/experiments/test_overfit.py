"""One batch is learned by heart in front of the user, and everything is afterwards as it was."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nbrecipe import film, toys
from nbrecipe.batches import BadInput
from nbrecipe.bench import Bench
from nbrecipe.experiments.overfit import overfit

#: what hooks of a test heard; a list that a hook closes over would be put back with the rest of the user's things
HEARD = []
MASKS = nn.functional.avg_pool2d(torch.randn(16, 1, 12, 12, generator=toys.seeded(1)), 3, 1, 1)


def bits(tensor):
    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def fingerprint(bench):
    state = {key: bits(value) for key, value in bench.model.state_dict().items()}
    state |= {f"{name}.grad": None if p.grad is None else bits(p.grad) for name, p in bench.model.named_parameters()}
    state |= {f"{name}.mode": module.training for name, module in bench.model.named_modules()}
    state |= {f"{name}.p": module.p for name, module in bench.model.named_modules() if hasattr(module, "p")}
    state["rng"] = bits(torch.get_rng_state())
    if bench.optimizer is not None:
        state["optimizer"] = repr(bench.optimizer.state_dict())
    if isinstance(bench.loss_fn, nn.Module):
        state["loss_fn"] = repr(sorted(vars(bench.loss_fn).items(), key=str))
    return state | {f"batch {i}": bits(part) for i, part in enumerate(bench.batch)}


def seeded(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build()


def masks():
    def build():
        return nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 1, 3, padding=1)
        )

    yes = (MASKS > 0).float()
    return toys.bench(seeded(build), MASKS + yes, yes, nn.BCEWithLogitsLoss(), size=16)


def copies():
    x = torch.rand(16, 36, generator=toys.seeded(2))
    return toys.bench(seeded(lambda: toys.mlp((36, 64, 36))), x, x, nn.MSELoss(), size=16)


def labels():
    x = torch.randn(32, 20, generator=toys.seeded(3))
    y = (torch.rand(32, 4, generator=toys.seeded(4)) < 0.4).float()
    return toys.bench(toys.mlp((20, 64, 4)), x, y, nn.BCEWithLogitsLoss())


KINDS = [
    (toys.classify, film.Kind.CLASSES, (16,), 16),
    (toys.binary, film.Kind.CLASSES, (16,), 16),
    (toys.regress, film.Kind.REGRESSION, (16, 1), 16),
    (labels, film.Kind.MULTILABEL, (16, 4), 64),
    (masks, film.Kind.IMAGES, (8, 12, 12), 16 * 144),
    (copies, film.Kind.IMAGES, (8, 6, 6), 16),
]


@pytest.mark.parametrize(("make", "kind", "shape", "counted"), KINDS, ids=lambda v: getattr(v, "__name__", None))
def test_every_kind_of_task_comes_to_its_floor_and_is_filmed(make, kind, shape, counted):
    bench = make()
    before = fingerprint(bench)
    outcome = overfit(bench)
    shown = outcome.film
    assert outcome.reached
    assert outcome.stopped == "floor"
    assert outcome.end <= outcome.floor + outcome.tolerance
    assert (shown.kind, outcome.best.counted) == (kind, counted)
    assert shown.targets.shape == shape
    assert {frame.shape for frame in shown.frames} == {shape}
    assert len(shown.frames) == len(shown.steps) <= film.MAX_FRAMES + 1
    assert (shown.steps[0], shown.steps[-1]) == (0, outcome.steps)
    assert shown.steps == sorted(set(shown.steps))
    assert (shown.losses[0][0], shown.losses[-1][0]) == (0, outcome.steps)
    assert 0 <= outcome.aligned <= outcome.steps
    assert fingerprint(bench) == before


def test_the_last_frame_of_classes_holds_the_probability_of_each_label():
    outcome = overfit(toys.classify())
    assert outcome.film.frames[-1].min() > 0.9
    assert outcome.film.labels == [str(int(label)) for label in toys.classify().batch[1][:16]]
    assert [str(guess) for guess in outcome.film.guesses[-1]] == outcome.film.labels
    assert outcome.film.losses[-1][1] == pytest.approx(-float(torch.tensor(outcome.film.frames[-1]).log().mean()), 1e-3)


def test_the_first_frame_is_the_model_as_it_came():
    bench = toys.classify()
    x, y = (part[:16] for part in bench.batch)
    shares = bench.model(x).softmax(1).gather(1, y[:, None])[:, 0]
    outcome = overfit(bench, steps=1)
    assert torch.allclose(torch.tensor(outcome.film.frames[0]), shares, atol=1e-6)
    assert outcome.start == pytest.approx(float(F.cross_entropy(bench.model(x), y).detach()))


def test_predictions_stay_on_their_labels_from_the_step_named():
    outcome = overfit(toys.classify())
    labels = torch.tensor([int(label) for label in outcome.film.labels])
    right = [bool((torch.tensor(guess) == labels).all()) for guess in outcome.film.guesses]
    for step, all_right in zip(outcome.film.steps, right, strict=True):
        assert all_right or step < outcome.aligned


def test_tokens_are_read_with_the_tokenizer_and_equal_beginnings_raise_the_floor():
    bench = toys.next_token().replace(tokenizer=[chr(97 + i) for i in range(24)])
    x = bench.batch[0].clone()
    x[1, 0] = x[0, 0]
    y = torch.cat([x[:, 1:], x[:, :1]], dim=1)
    bench = bench.replace(batch=(x, y))
    outcome = overfit(bench)
    assert outcome.reached
    assert outcome.floor > 0
    assert outcome.film.kind is film.Kind.TOKENS
    assert outcome.film.targets.shape == (8, 16)
    assert outcome.film.names[int(outcome.film.targets[0, 0])] == chr(97 + int(outcome.film.targets[0, 0]))
    assert any("begin alike and go on differently" in note for note in outcome.notes)


class OwnLoss(nn.Module):
    """Shifts inside and returns its own loss, as Hugging Face's causal models do."""

    def __init__(self) -> None:
        super().__init__()
        self.body = toys.lm(24)

    def forward(self, input_ids, labels=None):
        logits = self.body(input_ids)
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        return {"loss": loss, "logits": logits}


def test_a_model_with_its_own_loss_is_filmed_without_the_ignored_tokens():
    ids = toys.next_token().batch[0]
    labels = ids.clone()
    labels[:, :5] = -100
    bench = Bench(model=OwnLoss(), batch={"input_ids": ids, "labels": labels})
    outcome = overfit(bench, n=4)
    assert outcome.reached
    assert outcome.film.ignored == -100
    assert outcome.best.counted == 4 * 11
    assert outcome.film.targets.shape == (4, 15)


def test_a_loss_that_is_not_understood_is_followed_by_its_number_alone():
    def distances(model, batch):
        return (model(batch[0]) ** 2).sum(1).add(1).log().mean() - 3

    outcome = overfit(toys.classify(loss_fn=distances), steps=50)
    assert outcome.floor is None
    assert outcome.film.kind is film.Kind.LOSS
    assert outcome.film.frames == []
    assert outcome.end < outcome.start < 0
    assert len(outcome.film.losses) == 51


def test_the_first_examples_are_taken_and_copied():
    HEARD.clear()
    bench = toys.classify(nn.Sequential(nn.Identity(), toys.mlp()))
    bench.model[0].register_forward_hook(lambda module, args, out: HEARD.append(args[0].clone()))
    x = bench.batch[0].clone()
    overfit(bench, n=5, steps=20)
    assert all(torch.equal(given, x[:5]) for given in HEARD)
    assert len(HEARD) > 20


def test_a_model_that_writes_into_its_input_does_not_reach_the_batch():
    class Rude(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = toys.mlp()

        def forward(self, x):
            return self.body(x.clamp_(-1, 1))

    bench = toys.classify(Rude())
    before = bench.batch[0].clone()
    overfit(bench, steps=3)
    assert torch.equal(bench.batch[0], before)


def test_small_batches_of_a_loader_are_joined():
    bench = toys.classify(batch=None)
    loader = DataLoader(TensorDataset(*bench.train_data[:40]), 6)
    outcome = overfit(bench.replace(train_loader=loader))
    assert outcome.examples == 16
    assert outcome.notes == []


def test_a_batch_that_is_too_small_says_so():
    bench = toys.classify()
    outcome = overfit(bench.replace(batch=tuple(part[:3] for part in bench.batch)))
    assert outcome.examples == 3
    assert outcome.notes == ["the batch holds only 3 of the 16 examples asked for"]


def test_a_batch_that_cannot_be_cut_is_used_whole():
    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = toys.mlp()

        def forward(self, x, edges):
            return self.body(x.index_add(0, edges[1], x[edges[0]]))

    x, y = toys.classify().batch
    edges = torch.stack([torch.arange(63), torch.arange(1, 64)])
    outcome = overfit(toys.classify(Graph()).replace(batch=(x, edges, y)), steps=5)
    assert outcome.examples == 64
    assert outcome.notes == ["a part of this batch cannot be fed, so all 64 examples are used"]


def trained_a_little():
    bench = toys.images(toys.convnet(dropout=0.3))
    bench = bench.replace(loss_fn=nn.CrossEntropyLoss(label_smoothing=0.1))
    bench.model[1].eval()
    bench.model[0].bias.requires_grad_(False)
    bench.loss_fn(bench.model(bench.batch[0]), bench.batch[1]).backward()
    bench.optimizer.step()
    bench.optimizer.param_groups[0]["weight_decay"] = 0.1
    return bench


def test_everything_comes_back_after_a_run():
    bench = trained_a_little()
    before = fingerprint(bench)
    outcome = overfit(bench)
    assert outcome.steps > 10
    assert fingerprint(bench) == before


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_everything_comes_back_when_the_loss_raises(error):
    bench = trained_a_little()
    calls = iter(range(12))

    class Broken(nn.Module):
        def forward(self, out, y):
            if next(calls, None) is None:
                raise error("in the middle")
            return F.cross_entropy(out, y)

    bench = bench.replace(loss_fn=Broken())
    before = fingerprint(bench)
    with pytest.raises(error, match="in the middle"):
        overfit(bench)
    assert fingerprint(bench) == before


def test_everything_comes_back_when_a_listener_is_interrupted():
    bench = trained_a_little()
    before = fingerprint(bench)

    def listen(frame):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        overfit(bench, on_frame=listen)
    assert fingerprint(bench) == before


def test_the_run_can_be_stopped_and_what_it_has_is_kept():
    asked = iter([False] * 30)
    outcome = overfit(toys.classify(), should_stop=lambda: next(asked, True))
    assert (outcome.stopped, outcome.steps) == ("user", 30)
    assert outcome.film.steps[-1] == 30
    assert not outcome.reached
    assert len(outcome.attempts) == 1


def test_steps_and_seconds_are_kept():
    assert overfit(toys.classify(), steps=7).steps == 7
    bench = toys.classify()
    slow = bench.replace(optimizer=torch.optim.SGD(bench.model.parameters(), 1e-3))
    assert overfit(slow, budget=0.02).attempts[-1].stopped == "budget"


def test_frames_are_told_while_it_runs_and_the_last_always(monkeypatch):
    told = []
    bench = toys.classify()
    bench = bench.replace(optimizer=torch.optim.SGD(bench.model.parameters(), 1e-2))
    outcome = overfit(bench, on_frame=told.append)
    assert told[0].step == 0
    assert told[-1].step == outcome.steps
    assert all(frame.film is outcome.film and frame.total == 2000 for frame in told)
    assert told[-1].values.tolist() == outcome.film.frames[-1].tolist()
    assert told[-1].guess.tolist() == outcome.film.guesses[-1].tolist()
    steps = [step for frame in told for step, _ in frame.losses]
    assert steps == sorted(set(steps))
    assert steps[-1] == outcome.steps


def test_frames_are_told_at_most_ten_times_a_second(monkeypatch):
    import nbrecipe.experiments.overfit.record as record

    now = [0.0]
    monkeypatch.setattr(record.time, "perf_counter", lambda: now[0])

    def tick():
        now[0] += 0.03
        return False

    told = []
    outcome = overfit(toys.classify(), steps=100, budget=1e9, on_frame=told.append, should_stop=tick)
    seconds = 0.03 * sum(attempt.steps + 1 for attempt in outcome.attempts)
    assert 0.5 * 10 * seconds <= len(told) <= 10 * seconds + 2 * len(outcome.attempts)


def test_the_user_s_optimizer_goes_first_and_adam_follows_where_it_fails():
    bench = toys.classify()
    slow = torch.optim.SGD(bench.model.parameters(), 1e-6, momentum=0.9, weight_decay=0.01)
    outcome = overfit(bench.replace(optimizer=slow))
    assert [a.optimizer for a in outcome.attempts] == ["SGD at 1e-06", "Adam at 0.001"]
    assert [a.own for a in outcome.attempts] == [True, False]
    assert outcome.attempts[0].start == outcome.attempts[1].start
    assert outcome.reached
    assert outcome.switched_off == ["weight decay 0.01"]


def test_another_rate_can_be_asked_for():
    bench = toys.classify()
    bench = bench.replace(optimizer=torch.optim.SGD(bench.model.parameters(), 1e-6))
    assert overfit(bench, lr=0.05).best.optimizer == "SGD at 0.05"
    assert overfit(bench.replace(optimizer=None), lr=0.002).best.optimizer == "Adam at 0.002"


def test_a_warm_up_that_starts_at_zero_does_not_stop_the_run():
    bench = toys.classify()
    optimizer = torch.optim.AdamW(bench.model.parameters(), 1e-3, weight_decay=0.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 100))
    outcome = overfit(bench.replace(optimizer=optimizer, scheduler=scheduler))
    assert outcome.best.optimizer == "AdamW at 0.001"
    assert outcome.switched_off == ["the schedule of the learning rate"]
    assert optimizer.param_groups[0]["lr"] == 0


def test_a_loss_that_leaves_the_numbers_is_tried_at_a_tenth_of_the_rate():
    bench = toys.regress()
    bench = bench.replace(optimizer=torch.optim.SGD(bench.model.parameters(), 1e6))
    outcome = overfit(bench, steps=200)
    assert [a.stopped for a in outcome.attempts[:2]] == ["nan", "nan"]
    assert [a.optimizer for a in outcome.attempts[:3]] == ["SGD at 1e+06", "SGD at 1e+06 / 10", "Adam at 0.001"]


def test_an_optimizer_that_takes_a_closure_and_one_of_another_model_are_not_tried():
    bench = toys.regress()
    closure = overfit(bench.replace(optimizer=torch.optim.LBFGS(bench.model.parameters())), steps=5)
    assert closure.attempts[0].optimizer == "Adam at 0.001"
    assert "LBFGS is not tried: it takes a closure" in closure.notes
    stale = overfit(bench.replace(optimizer=torch.optim.SGD(toys.mlp().parameters(), 0.1)), steps=5)
    assert stale.attempts[0].optimizer == "Adam at 0.001"
    assert "the optimizer holds no trainable parameter of the model, so Adam is used" in stale.notes


def test_frozen_parameters_stay_frozen():
    model = toys.mlp()
    model[:-1].requires_grad_(False)
    HEARD.clear()
    model[0].register_forward_hook(lambda module, args, out: HEARD.append(bits(module.weight)))
    overfit(toys.classify(model), steps=20)
    assert len(HEARD) > 20
    assert len(set(HEARD)) == 1


def test_a_film_never_grows_beyond_its_limits():
    bench = toys.classify()
    bench = bench.replace(optimizer=torch.optim.SGD(bench.model.parameters(), 1e-2))
    outcome = overfit(bench)
    assert outcome.steps > 3 * film.MAX_FRAMES
    assert len(outcome.film.frames) <= film.MAX_FRAMES
    gaps = {b - a for a, b in zip(outcome.film.steps[:-2], outcome.film.steps[1:-1], strict=True)}
    assert len(gaps) == 1
    assert len(outcome.film.losses) <= film.MAX_LOSSES


GIVEN = "the number of examples to overfit is a whole number from 1 on; {} was given"
REFUSED = [
    (toys.classify, {"n": 0}, GIVEN.format(0)),
    (toys.classify, {"n": 2.5}, GIVEN.format(2.5)),
    (toys.classify, {"n": True}, GIVEN.format(True)),
    (toys.classify, {"steps": 0}, "the number of steps is a whole number from 1 on; 0 was given"),
    (toys.classify, {"budget": 0}, "the budget is a number of seconds above 0; 0 was given"),
    (
        lambda: toys.classify(toys.mlp().requires_grad_(False)),
        {},
        "`net` has no parameter that requires a gradient, so there is nothing to train; "
        "unfreeze some with `requires_grad_()`",
    ),
    (
        lambda: toys.classify(nn.LazyLinear(5)),
        {},
        "`net` is lazy and has no weights yet; run one batch through it first",
    ),
    (
        lambda: toys.classify().replace(batch=(torch.zeros(0, 20), torch.zeros(0, dtype=torch.long))),
        {},
        "the batch holds no examples; give one with at least one",
    ),
]


@pytest.mark.parametrize(("make", "given", "sentence"), REFUSED)
def test_what_cannot_be_used_is_told_in_one_sentence(make, given, sentence):
    with pytest.raises(BadInput) as told:
        overfit(make(), **given)
    assert str(told.value) == sentence
