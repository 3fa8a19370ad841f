"""The wire between a shown batch and its loader: the page asks for a further batch, the kernel reads it."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import deque
from collections.abc import Mapping
from typing import Any

import anywidget
import traitlets

from ..batches import BadInput
from ..probes.batch.stream import Leafing
from ..render.batches import batch as drawn
from ..task.refusal import told

#: wires that stay open, each with the loader it reads; the oldest closes when there are more
OPEN = 8
WIRES: deque[Wire] = deque()


def wired(leafing: Leafing) -> str:
    """Open a wire to these batches; returns its name."""
    while len(WIRES) >= OPEN:
        WIRES.popleft().close()
    WIRES.append(Wire(leafing))
    return WIRES[-1].name


class Wire(anywidget.AnyWidget):
    """A widget that is never displayed: what is saved is the page, which asks through this one while it is there."""

    _esm = drawn.wire()
    name = traitlets.Unicode().tag(sync=True)

    def __init__(self, leafing: Leafing) -> None:
        super().__init__(name=uuid.uuid4().hex)
        self._leafing = leafing
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # a shell that is no kernel
            self._loop = None
        self.on_msg(self._hear)

    def _hear(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        number = content.get("number")
        if content.get("kind") != "batch" or not isinstance(number, int) or number < 0:
            return
        # some kernels deliver this on another thread, while a cell trains the model: wait until that cell is done
        if threading.current_thread() is threading.main_thread() or self._loop is None:
            self._answer(number)
        else:
            self._loop.call_soon_threadsafe(self._answer, number)

    def _answer(self, number: int) -> None:
        self.send({"number": number, **self._read(number)})

    def _read(self, number: int) -> dict[str, Any]:
        """The batch, how many there are where it lies behind the last, or a sentence that says why not."""
        try:
            page = self._leafing.further(number)
            return {"length": self._leafing.length} if page is None else {"html": drawn.html_of_one(page)}
        except KeyboardInterrupt:
            return {"refused": f"Batch {number + 1} was interrupted."}
        except BadInput as error:
            return {"refused": f"Batch {number + 1}: {error}."}
        except Exception as error:
            return {"refused": f"Batch {number + 1} could not be read: {told(error)}."}
