"""Predictions on one fixed batch while the user's model trains: a copy of the model is asked, never itself.

The copy gets the weights of the moment and computes in eval mode; its hooks are gone, so nothing of the user's hears of
it. It costs the memory of the weights once more.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ...batches.structure import BadInput, apply
from ...film import MAX_FRAMES, MAX_LOSSES, Film, Kind
from ...guard import Untouched
from ...task.naming import row_labels
from ...task.predictions import Classes, Predictions
from ...tokens import Tokenizer, open_tokenizer
from ...tokens.reading import Namer
from ..measures.facts import tensors
from ..measures.scores import reading_of
from ..record.series import thin
from .asked import Asked, Output, classes_last, cut_like, given, unfit, where
from .writing import Writing, writes

if TYPE_CHECKING:
    from ..watcher import Watcher

#: seconds between two looks, and the share of the running time that they may take, beside some seconds once
PAUSE, SHARE, ONCE = 0.1, 0.002, 0.02
#: this many looks come at steps 1, 2, 4, 8, … as far as the seconds go: the first steps move most
DOUBLINGS = 10


class Rehearsal:
    """Takes frames of the predictions on a fixed batch."""

    def __init__(self, watcher: Watcher, probe: Any = None, tokenizer: Callable[[], Any] = lambda: None) -> None:
        self._watcher = watcher
        #: a batch of the user's choice: (inputs, target), or a mapping
        self._probe = probe
        #: finds the user's tokenizer, which the watched cell may make
        self._find = tokenizer
        self._tokenizer: Tokenizer | None = None
        self._namer: Namer | None = None
        self._writing: Writing | None = None
        self._asked: Asked | None = None
        self._copy: nn.Module | None = None
        self._output: Output | None = None
        self._predictions: Predictions | None = None
        self._cast: tuple[str, bool, torch.dtype] = ("cpu", False, torch.float32)
        self._film: Film | None = None
        #: a loss whose model has not been found yet: name, scores, target, options
        self._loss: tuple[str, Tensor, Tensor, Mapping[str, Any]] | None = None
        self._tried = False
        self._due, self._doubling = 0.0, 1
        #: seconds that looks have taken
        self._spent = 0.0

    def prepare(self, name: str, output: Tensor, target: Any, options: Mapping[str, Any]) -> None:
        """A loss with gradients was computed: the model's predictions of the first such batch are followed."""
        if not self._tried and isinstance(target, Tensor):
            self._loss = name, output, target, options
            self.answered()

    def answered(self) -> None:
        """A model has answered; a model that computes its loss itself does so after the loss is known."""
        asked = self._watcher.passes.last
        if self._loss is None or asked is None:
            return
        name, output, target, options = self._loss
        place = where(asked.made, output)
        if not self._watcher.passes.running:  # a loss inside a model waits for its answer; nothing else is held
            self._loss = None
        if place is None:
            return
        self._loss, self._tried = None, True
        why = unfit(asked)
        if not why:
            try:
                with Untouched([]):
                    self._begin(asked, place, name, output, target, options)
            except Exception as error:
                self._film = self._watcher.trace.film = None
                why = str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
        if why:
            self._watcher.trace.notes.append(f"predictions are not followed: {why}")

    def _begin(
        self, asked: Asked, place: Output, name: str, output: Tensor, target: Tensor, options: Mapping[str, Any]
    ) -> None:
        made = asked.made[place.index]
        if self._probe is not None:
            ahead = self._is_next_token(asked, target, options)
            asked, target = given(asked, self._probe, target)
            width = next((t.shape[1] for t in _ids(asked)), 0)
            target = cut_like(place, target, ahead) if target.ndim == 2 and target.shape[1] == width else target
        ids = next(_ids(asked), None)
        self._predictions = reading_of(name, target.detach().clone(), output, ids, options)
        if self._predictions is None:
            return
        if self._probe is not None and isinstance(self._predictions, Classes) and classes_last(made, output):
            self._predictions.axis = -1
        kind = output.device.type
        self._cast = (kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind))
        module = asked.module
        module = module.module if isinstance(module, (nn.parallel.DistributedDataParallel, nn.DataParallel)) else module
        keep = lambda leaf: leaf.detach().clone() if isinstance(leaf, Tensor) else leaf  # noqa: E731
        self._asked = Asked(module, apply(asked.args, keep), apply(asked.kwargs, keep), ())
        self._output = place if self._probe is None else replace(place, view=None)
        self._watcher.deaf = True
        try:
            self._copy = _copied(module)
        finally:
            self._watcher.deaf = False
        predictions = self._predictions
        film = Film(
            predictions.kind, row_labels(predictions), predictions.targets, ignored=predictions.ignored,
            limits=predictions.limits,
        )  # fmt: skip
        film.notes["batch"] = "the batch given" if self._probe is not None else "the first training batch"
        self._film = self._watcher.trace.film = film
        if predictions.kind is Kind.TOKENS:
            tokenizer = self._find()
            self._tokenizer, self._namer = _opened(tokenizer), Namer(tokenizer)
        self._take()
        if predictions.kind is Kind.TOKENS and self._probe is not None:
            self._begin_writing(target, options)

    @staticmethod
    def _is_next_token(asked: Asked, target: Tensor, options: Mapping[str, Any]) -> bool:
        ignored = int(options.get("ignore_index", -100))
        return any(writes(ids, target, ignored) is not None for ids in _ids(asked))

    def _begin_writing(self, target: Tensor, options: Mapping[str, Any]) -> None:
        """A language model also writes on by itself, as a person would try it."""
        assert self._asked is not None
        assert self._film is not None
        asked, ignored = self._asked, int(options.get("ignore_index", -100))
        for ids in _ids(asked):
            text = writes(ids, target, ignored)
            if text is None:
                continue
            writing = Writing(asked.args, asked.kwargs, ids, text, self._tokenizer)
            if writing.sees_ahead(self._answer):
                return
            self._writing, self._film.written = writing, writing.written
            writing.write(self._watcher.trace.steps, self._answer)
            return

    def look(self, now: float, *, last: bool = False) -> None:
        """Take a frame when it is time."""
        steps = self._watcher.trace.steps
        if self._film is None or steps == (self._film.steps[-1] if self._film.steps else -1):
            return
        elapsed = now - self._watcher.looking.begun
        affordable = self._spent < SHARE * elapsed + ONCE
        doubled = affordable and steps >= self._doubling and self._doubling < 1 << DOUBLINGS
        if not (last or doubled or now >= self._due):
            return
        while self._doubling <= steps:
            self._doubling *= 2
        wrote = 0.0
        try:
            with Untouched([]):
                self._take(last=last)
                if self._writing is not None and (last or self._writing.affordable(elapsed)):
                    wrote = self._writing.write(steps, self._answer)
        except Exception as error:
            self._watcher.trace.notes.append(f"predictions end at step {steps}: {type(error).__name__}: {error}")
            self._copy = self._asked = self._writing = None
            self._film = None
        took = time.perf_counter() - now
        self._spent += took - wrote  # writing has a budget of its own
        begun = self._watcher.looking.begun
        self._due = max(now + took + PAUSE, begun + (self._spent - ONCE) / SHARE)

    @property
    def open(self) -> bool:
        """Whether a model to follow is still looked for."""
        return not self._tried

    @property
    def due(self) -> float:
        """When to look again."""
        return self._due if self._film is not None else float("inf")

    def end(self) -> None:
        """The cell has ended: the last weights are looked at too, but not where an error or an interrupt ended it."""
        if not self._watcher.trace.error:
            self.look(time.perf_counter(), last=True)
        if self._film is not None and self._watcher.trace.backward:
            losses = self._watcher.trace.backward[0].values.finite()
            while len(losses) > MAX_LOSSES:
                thin(losses, MAX_LOSSES)
            self._film.losses = losses
        self._copy = self._asked = self._loss = self._writing = None

    def _take(self, *, last: bool = False) -> None:
        assert self._film is not None
        assert self._predictions is not None
        self._watcher.deaf = True
        try:
            scores = self._ask()
        finally:
            self._watcher.deaf = False
        film, step = self._film, self._watcher.trace.steps
        values, guess = self._predictions.frame(scores)
        film.steps.append(step)
        film.frames.append(values)
        if guess is not None:
            film.guesses.append(guess)
        for ids in (guess, None if len(film.steps) > 1 else film.targets):
            if ids is not None and self._namer is not None:
                film.names |= self._namer.names(set(np.unique(ids).tolist()) - {film.ignored})
        if len(film.steps) > MAX_FRAMES and not last:
            kept = [*range(0, len(film.steps) - 1, 2), len(film.steps) - 1]
            for frames in (film.steps, film.frames, film.guesses):
                if frames:
                    frames[:] = [frames[i] for i in kept]

    def _ask(self) -> Tensor:
        """The scores of the copy, with the weights of the moment."""
        asked, copied, place = self._asked, self._copy, self._output
        assert asked is not None
        assert copied is not None
        assert place is not None
        theirs = [*asked.module.parameters(), *asked.module.buffers()]
        mine = [*copied.parameters(), *copied.buffers()]
        for new, old in zip(mine, theirs, strict=True):
            new.data.copy_(old.detach())
        return place.of(list(tensors(self._answer(asked.args, asked.kwargs))))

    def _answer(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What the copy makes of this input, without gradients."""
        assert self._copy is not None
        kind, enabled, dtype = self._cast
        torch.set_grad_enabled(False)  # put back by the guard around
        with torch.autocast(kind, dtype, enabled=enabled):
            return self._copy(*args, **kwargs)


def _ids(asked: Asked) -> Iterator[Tensor]:
    """What may be rows of token ids among the inputs of a call."""
    return (t for t in tensors([asked.args, asked.kwargs]) if t.ndim == 2 and not t.is_floating_point())


def _opened(given: Any) -> Tokenizer | None:
    try:
        return open_tokenizer(given) if given is not None else None
    except BadInput:  # ids are shown as they are
        return None


def _copied(module: nn.Module) -> nn.Module:
    copied = copy.deepcopy(module)
    for part in copied.modules():
        for table in (part._forward_hooks, part._forward_pre_hooks, part._backward_hooks, part._backward_pre_hooks):
            table.clear()
    for parameter in copied.parameters():
        parameter.grad = None
        parameter.requires_grad_(False)
    return copied.eval()
