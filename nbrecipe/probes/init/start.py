"""What the untrained model loses on a few batches, beside what a guess would lose and what a healthy start may lose."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ... import batches
from ...batches import BadInput
from ...bench import Bench
from ...task import Expected, Kind, Task, expected, read_task
from ...task.expected import as_taken, channel_axis, class_axis, columns, from_logits, to_logits
from ...task.labels import more_labels
from ...task.search import spread_out

#: examples that are enough: the standard error is then an eighth of the spread of the examples' losses
_ENOUGH = 64
#: batches read at most
_BATCHES = 4
#: random answers drawn, and numbers drawn in all
_DRAWS, _NUMBERS = 200, 1 << 22
#: numbers in an answer from which on some of its rows are enough
_LARGEST = 1 << 22
#: kinds whose answers are logits, so that a healthy spread is 1
_LOGITS = (Kind.CLASSES, Kind.BINARY, Kind.MULTILABEL, Kind.NEXT_TOKEN, Kind.SEGMENTATION)


@dataclass(frozen=True)
class Start:
    """Losses are means over what counts, whatever the user's reduction: `summed` is the user's own number."""

    tasks: tuple[Task, ...]
    examples: int
    loss: float
    #: the standard error of `loss` over examples; None where the losses of single examples cannot be told
    error: float | None
    summed: float | None
    guess: Expected
    #: the loss of the best constant answer on these very batches
    best_here: float
    #: the standard error of `loss - best_here`
    paired: float | None
    #: number of labels behind `guess`
    labels: int
    #: how far answers vary in a healthy start: 1 for logits, the targets' standard deviation for values
    scale: Tensor

    @property
    def too_few(self) -> bool:
        """Whether the targets are so few that they tell no spread: one for each value to be learned."""
        return self.guess.uniform is None and self.labels <= len(self.guess.constant)


def start(bench: Bench) -> Start | None:
    """The losses of up to four batches before training; None where no constant answer can be compared."""
    first: Task = bench.get("task")
    if first.kind is Kind.OWN or first.loss_of is None or first.output is None:
        return None
    whole = [_averaged(task) for task in (first, *_more(bench, first))]
    tasks = [_thinned(task) for task in whole]
    known = known_labels(bench)
    guess = expected(tasks[0], known)
    if guess is None or not math.isfinite(guess.best):
        return None
    if guess.uniform is None and first.kind is Kind.RECONSTRUCTION:
        guess = replace(guess, uniform=loss_of(tasks[0], torch.zeros_like(scored(tasks[0]))))
    rows = [task.feed.size for task in tasks]
    loss, error = _pooled([_losses(task, scored(task)) for task in tasks], rows)
    if any(thin is not full for thin, full in zip(tasks, whole, strict=True)):
        loss, _ = _pooled([torch.tensor([loss_of(task, scored(task))]) for task in whole], rows)
    constants = [constant_answer(task, guess.constant) for task in tasks]
    best, _ = _pooled([_losses(t, c) for t, c in zip(tasks, constants, strict=True)], rows)
    gaps = [_losses(t, scored(t)) - _losses(t, c) for t, c in zip(tasks, constants, strict=True)]
    _, paired = _pooled(gaps, rows)
    summed = first.call is not None and first.call.reduction == "sum"
    assert first.loss is not None
    count = _count(first.target if known is None else known)
    return Start(
        tuple(tasks), sum(rows), loss, error, float(first.loss) if summed else None, guess, best, paired, count,
        _target_scale(whole[0], known),
    )  # fmt: skip


def scored(task: Task) -> Tensor:
    """What the loss was given."""
    assert task.output is not None
    return task.output if task.call is None else task.call.input


def loss_of(task: Task, answer: Tensor) -> float:
    """The loss of another answer of the shape of `scored(task)`."""
    if task.call is not None:
        return float(task.call.again(answer).mean())
    assert task.loss_of is not None
    return float(task.loss_of(answer))


def axis_of(task: Task) -> int:
    """The axis of `scored(task)` that holds classes, labels or values."""
    if task.call is None:
        return class_axis(task)
    given = task.call.input
    if task.call.name in ("cross_entropy", "nll_loss", "kl_div"):
        return min(1, given.ndim - 1)
    return channel_axis(given.shape)


def width_along(answer: Tensor, axis: int) -> int:
    """How many classes, labels or values an answer holds on this axis; (N,) is one for each example."""
    return int(answer.shape[axis]) if answer.ndim > 1 else 1


def constant_answer(task: Task, constant: Tensor) -> Tensor:
    """The same numbers for every example, as the loss wants them."""
    answer = scored(task)
    return spread_out(constant.to(answer.device), answer, axis_of(task))


def healthy_losses(begun: Start, spread: float, *, least: float = 0.0, seed: int = 0) -> tuple[float, float]:
    """Mean and standard deviation of the loss of random answers around a guess.

    The answers vary by `spread`: in logits, or for values in the targets' standard deviation or `least`, whichever is
    larger. As much of the variance is shared by all examples as in the model's own answers: what is shared does not
    average out over a batch.
    """
    task = begun.tasks[0]
    centre, scale = _centre(begun), begun.scale.clamp_min(least)
    shared = _shared(task, centre)
    axis, answer = axis_of(task), scored(task)
    generator = torch.Generator().manual_seed(seed)
    draws = max(4, min(_DRAWS, _NUMBERS // max(1, answer.numel())))
    losses = []
    for _ in range(draws):
        alone = _normal(answer.shape, generator) * math.sqrt(1 - shared)
        common = torch.randn(len(centre), generator=generator) * math.sqrt(shared)
        noise = (alone.to(answer) + spread_out(common.to(answer), answer, axis)) * spread
        varied = spread_out(centre.to(answer), answer, axis) + noise * spread_out(scale.to(answer), answer, axis)
        losses.append(loss_of(task, varied if task.call is None else from_logits(task.call, varied)))
    found = torch.tensor(losses, dtype=torch.float64)
    return float(found.mean()), float(found.std())


def _normal(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Normal numbers, repeated where there are more than a mean needs."""
    count = shape.numel()
    numbers = torch.randn(min(count, _NUMBERS // 4 + 1), generator=generator)
    return numbers.repeat(math.ceil(count / max(1, len(numbers))))[:count].reshape(shape)


def is_far_off(begun: Start) -> bool:
    """Whether values to be learned lie far from 0, and the answers too far from them.

    Far is the square root of 3 deviations of the targets: a squared error is then 4 times that of the best constant.
    The deviation counts as 1 at least: a layer that keeps the variance of its inputs knows nothing of the targets'
    unit, and nobody could tell a smaller offset from its noise.
    """
    task, best = begun.tasks[0], begun.guess.constant.detach().cpu().float()
    if task.kind is not Kind.REGRESSION or len(best) != len(begun.scale):
        return False
    limit = 3 * float(begun.scale.clamp_min(1.0).square().sum())
    return all(float(gap.square().sum()) > limit for gap in (best, _noise(task, best).mean(0)))


def answers_spread(begun: Start) -> float:
    """How far the model's answers lie from a guess: root mean square, in units of a healthy spread."""
    task = begun.tasks[0]
    noise = _noise(task, _centre(begun))
    return float((noise / begun.scale.clamp_min(1.0)).square().mean().sqrt())


def _target_scale(task: Task, known: Tensor | None) -> Tensor:
    """The standard deviation of the targets for each value; 1 for logits."""
    answer, axis = scored(task), axis_of(task)
    width = width_along(answer, axis)
    target = as_taken(task, known) if task.call is not None else task.target
    if task.kind in _LOGITS or not isinstance(target, Tensor):
        return torch.ones(width)
    matrix = columns(answer, target, axis)
    return torch.ones(width) if matrix is None else matrix.std(0, unbiased=False).float()


def _centre(begun: Start) -> Tensor:
    """The guess nearest to the model's answers, in logits or values: the prior, or zeros.

    Zeros are the same for every class, one half for yes and no, a blank image; as numbers to be learned they mean
    nothing.
    """
    task = begun.tasks[0]
    prior = begun.guess.constant.detach().cpu().float()
    if task.call is not None and task.call.name == "binary_cross_entropy":
        prior = prior.clamp(1e-7, 1 - 1e-7).logit()
    if task.kind is Kind.REGRESSION:
        return prior
    flat = torch.zeros_like(prior)
    return prior if _noise(task, prior).square().mean() < _noise(task, flat).square().mean() else flat


def _noise(task: Task, centre: Tensor) -> Tensor:
    """The model's answers, (rows, channels), less a guess; classes less their mean, which no softmax sees."""
    answer = scored(task)
    logits = answer if task.call is None else to_logits(task.call, answer)
    axis = axis_of(task)
    rows = (logits.movedim(axis, -1) if logits.ndim else logits).reshape(-1, len(centre)).detach().cpu().float()
    noise = rows - centre
    over_classes = task.kind in (Kind.CLASSES, Kind.NEXT_TOKEN, Kind.SEGMENTATION) and len(centre) > 1
    return noise - noise.mean(1, keepdim=True) if over_classes else noise


def _shared(task: Task, centre: Tensor) -> float:
    noise = _noise(task, centre)
    whole = float(noise.square().mean())
    return min(1.0, float(noise.mean(0).square().mean()) / whole) if whole > 0 else 0.0


def _averaged(task: Task) -> Task:
    """The task with its loss as a mean where the user sums."""
    if task.call is None or task.call.reduction != "sum":
        return task
    return replace(task, call=replace(task.call, options={**task.call.options, "reduction": "mean"}))


def _thinned(task: Task) -> Task:
    """Every so many rows of a huge answer (a vocabulary at every position): as good for a mean, and cheap."""
    if task.call is None or scored(task).numel() <= _LARGEST or task.call.options.get("weight") is not None:
        return task
    call, rows = task.call, len(scored(task))
    step = min(math.ceil(scored(task).numel() / _LARGEST), max(1, rows // task.feed.size))
    if call.input.shape[:1] != call.target.shape[:1]:
        return task
    return replace(task, call=replace(call, input=call.input[::step], target=call.target[::step]))


def _losses(task: Task, answer: Tensor) -> Tensor:
    """The loss of each example where the loss can be asked for it, else the one loss of the batch."""
    if task.call is None:
        return torch.tensor([loss_of(task, answer)], dtype=torch.float64)
    whole = task.call.again(answer).mean().double().cpu()
    single = task.call.again(answer, reduction="none").double().cpu()
    rows = task.feed.size
    if single.numel() % rows or rows < 2:
        return whole.reshape(1)
    single = single.reshape(rows, -1).mean(1)
    mean = single.mean()
    return single * (whole / mean) if mean != 0 else single  # weights and ignored targets: the same mean as the loss


def _pooled(losses: list[Tensor], rows: list[int]) -> tuple[float, float | None]:
    """Mean over examples, and its standard error where the examples' losses are known."""
    mean = sum(float(part.mean()) * count for part, count in zip(losses, rows, strict=True)) / sum(rows)
    if any(len(part) != count for part, count in zip(losses, rows, strict=True)) or sum(rows) < 2:
        return mean, None
    return mean, float(torch.cat(losses).std()) / math.sqrt(sum(rows))


def _more(bench: Bench, first: Task) -> list[Task]:
    """Further batches, where one alone is too noisy."""
    dense = first.kind in (Kind.NEXT_TOKEN, Kind.SEGMENTATION)
    have = _count(first.target) if dense else first.feed.size
    if bench.train_loader is None or have >= _ENOUGH // 2:
        return []
    found: list[Task] = []
    model = bench.get("model")
    try:
        for batch in itertools.islice(batches.read(bench.train_loader), 1, _BATCHES):
            if sum(task.feed.size for task in (first, *found)) >= _ENOUGH:
                break
            task = read_task(model, batches.feed(model, batch, bench.loss_fn), bench.loss_fn)
            if task.output is not None and task.loss_of is not None and (task.call is None) == (first.call is None):
                found.append(task)
    except BadInput:
        return []
    return found


def known_labels(bench: Bench) -> Tensor | None:
    """As many targets as are cheap to reach; None where only the batch at hand has some."""
    return bench.once(_labels)


def _labels(bench: Bench) -> Tensor | None:
    model = bench.get("model")
    return more_labels(
        bench.train_loader, bench.train_data, lambda batch: batches.feed(model, batch, bench.loss_fn).target
    )


def _count(target: object) -> int:
    return int(target.numel()) if isinstance(target, Tensor) else 0
