"""Gradients are clipped between backward and step.

Before the backward there is nothing to clip, after the step it is too late; a generator of parameters that was used up
holds none; and gradients that a scaler has multiplied by thousands are cut down to nothing. All of it runs silently.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from ... import toys
from ...bench import Bench
from ...check import Check
from ...finding import Finding, bad, hint, number, ok, skipped
from ...trace import Trace
from ...trace.record.data import ClipSeen

check = Check(__name__, tip="training dynamics")

#: calls before the claim
CALLS = 2
#: share of the calls above which clipping has no effect
SHARE = 0.9
#: a limit on scaled gradients that is meant so is itself multiplied by the scale, which starts at 65536
UNSCALED = 100.0


@check.run
def run(trace: Trace) -> Finding:
    clips = [clip for clip in trace.clips if math.isfinite(clip.limit) and clip.count >= CALLS]
    if not clips or not trace.steps:
        return skipped("the cell clips no gradients")
    for clip in clips:
        found = _judge(trace, clip)
        if found is not None:
            return found
    return ok(f"gradients are clipped between backward and step, {sum(clip.count for clip in clips)} times")


def _judge(trace: Trace, clip: ClipSeen) -> Finding | None:
    call = f"clip_grad_{clip.kind}_"
    optimizer = next((one.name for one in trace.optimizers if one.steps), "optimizer")
    loss = trace.backward[0].name if trace.backward else "loss"
    if clip.empty >= max(1, SHARE * (clip.count - 1)):  # the first call may have used it up
        return bad(
            f"`{call}` was given no parameters in **{clip.empty}** of {clip.count} calls: a generator is empty once "
            "it was gone through",
            fix="Hand over the parameters anew in each call.",
            code=f"torch.nn.utils.{call}({_model(trace)}.parameters(), {number(clip.limit)})",
            **_seen(clip),
        )
    if clip.followed >= CALLS and clip.after_step >= SHARE * clip.followed:
        # far above every norm it only measures, which may be done anywhere
        idle = clip.norms.count > 0 and all(0 < norm <= clip.limit for _, norm in clip.norms.finite())
        claim = hint if idle else bad
        return claim(
            f"gradients were clipped where no step follows their backward, in **{clip.after_step}** of "
            f"{clip.followed} calls: the steps are taken unclipped",
            fix="Clip after the backward and before the step.",
            code=f"{loss}.backward()\ntorch.nn.utils.{call}({_model(trace)}.parameters(), {number(clip.limit)})\n"
            f"{optimizer}.step()",
            **_seen(clip),
        )
    if clip.scaled >= SHARE * clip.count and clip.limit <= UNSCALED:
        return bad(
            f"gradients were clipped to {number(clip.limit)} while they were still scaled, in **{clip.scaled}** of "
            f"{clip.count} calls",
            fix="Unscale the gradients before they are clipped.",
            code=f"scaler.unscale_({optimizer})",
            **_seen(clip),
        )
    return None


def _model(trace: Trace) -> str:
    return next((model.name for model in trace.models if any(p.trained for p in model.passes)), "model")


def _seen(clip: ClipSeen) -> dict[str, Any]:
    return {
        "where": str(clip.place),
        "count": clip.count,
        "followed": clip.followed,
        "after_step": clip.after_step,
        "empty": clip.empty,
        "scaled": clip.scaled,
    }


def _loop(order: str = "bcs", limit: float = 0.1, generator: bool = False, scaled: bool = False) -> Bench:
    """Calls for each batch in this order: b backward, u unscale, c clip, s step."""
    given = toys.classify()
    net, loss_fn, opt = toys.parts(given)
    scaler = torch.amp.GradScaler("cpu", enabled=scaled)
    params = net.parameters()

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt.zero_grad()
            loss = scaler.scale(loss_fn(net(x), y))
            for call in order:
                if call == "b":
                    loss.backward()  # type: ignore[no-untyped-call]
                elif call == "u":
                    scaler.unscale_(opt)
                elif call == "c":
                    torch.nn.utils.clip_grad_norm_(params if generator else net.parameters(), limit)
                else:
                    scaler.step(opt)
                    scaler.update()

    return toys.watched(program, net=net, opt=opt)


@check.breaks
def after_the_step() -> Bench:
    """The step has been taken."""
    return _loop("bsc")


@check.breaks
def before_the_backward() -> Bench:
    """The gradients that are clipped were cleared a line above."""
    return _loop("cbs")


@check.breaks
def a_generator_used_up() -> Bench:
    """`params = net.parameters()` gives its parameters once."""
    return _loop(generator=True)


@check.breaks
def before_unscaling() -> Bench:
    """Gradients 65536 times too large are clipped to 0.1."""
    return _loop(scaled=True)


@check.holds
def between_backward_and_step() -> Bench:
    """Where it belongs."""
    return _loop()


@check.holds
def unscaled_first() -> Bench:
    """With a scaler: unscale, clip, step."""
    return _loop("bucs", scaled=True)


@check.holds
def measured_only() -> Bench:
    """An infinite limit gives the norm for the log, after the step as well as before it."""
    return _loop("bcsc", limit=1e9)


@check.holds
def two_optimizers_of_one_loss() -> Bench:
    """The first optimizer has stepped when the gradients of the second are clipped, and these still wait."""
    given = toys.classify()
    net, loss_fn = given.model, given.loss_fn
    assert isinstance(net, torch.nn.Sequential)
    assert loss_fn is not None
    body, head = net[:-1], net[-1]
    opt_body, opt_head = torch.optim.Adam(body.parameters()), torch.optim.Adam(head.parameters())

    def program() -> None:
        for x, y in toys.batches(given, 2):
            opt_body.zero_grad()
            opt_head.zero_grad()
            loss_fn(head(body(x)), y).backward()
            torch.nn.utils.clip_grad_norm_(body.parameters(), 0.1)
            opt_body.step()
            torch.nn.utils.clip_grad_norm_(head.parameters(), 0.1)
            opt_head.step()

    return toys.watched(program, body=body, head=head, opt_body=opt_body, opt_head=opt_head)
