"""The wire between a page and its kernel: the page asks for a further batch, or for rows, and the kernel reads them."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import anywidget
import traitlets

from ..batches import BadInput
from ..probes.batch.stream import Leafing
from ..render.batches import batch as drawn
from ..task.refusal import told

#: wires that stay open, each with the data it reads; the oldest closes when there are more
OPEN = 8
WIRES: deque[Wire] = deque()
#: what a question is answered; None for what is none
Answering = Callable[[Mapping[str, Any]], "dict[str, Any] | None"]


def wired(leafing: Leafing) -> str:
    """Open a wire to these batches; returns its name."""
    return opened(lambda question: _batch(leafing, question))


def opened(answering: Answering) -> str:
    """Open a wire to what answers a page; returns its name."""
    while len(WIRES) >= OPEN:
        WIRES.popleft().close()
    WIRES.append(Wire(answering))
    return WIRES[-1].name


class Wire(anywidget.AnyWidget):
    """A widget that is never displayed: what is saved is the page, which asks through this one while it is there."""

    _esm = drawn.wire()
    name = traitlets.Unicode().tag(sync=True)

    def __init__(self, answering: Answering) -> None:
        super().__init__(name=uuid.uuid4().hex)
        self._answering = answering
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # a shell that is no kernel
            self._loop = None
        self.on_msg(self._hear)

    def _hear(self, _: Any, question: Mapping[str, Any], __: Any) -> None:
        number = question.get("number")
        if not isinstance(number, int) or number < 0:
            return
        # some kernels deliver this on another thread, while a cell trains the model: wait until that cell is done
        if threading.current_thread() is threading.main_thread() or self._loop is None:
            self._answer(question)
        else:
            self._loop.call_soon_threadsafe(self._answer, question)

    def _answer(self, question: Mapping[str, Any]) -> None:
        found = self._answering(question)
        if found is not None:
            self.send({"number": question["number"], **found})


def _batch(leafing: Leafing, question: Mapping[str, Any]) -> dict[str, Any] | None:
    """A batch, how many there are where it lies behind the last, or a sentence that says why not."""
    if question.get("kind") != "batch":
        return None
    number: int = question["number"]
    try:
        page = leafing.further(number)
        return {"length": leafing.length} if page is None else {"html": drawn.html_of_one(page)}
    except KeyboardInterrupt:
        return {"refused": f"Batch {number + 1} was interrupted."}
    except BadInput as error:
        return {"refused": f"Batch {number + 1}: {error}."}
    except Exception as error:
        return {"refused": f"Batch {number + 1} could not be read: {told(error)}."}
