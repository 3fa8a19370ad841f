"""What ends a command: one sentence for the person, and the exit code that says so."""

from __future__ import annotations

#: the exit code of a command that could not go on
TROUBLE = 2


class Trouble(Exception):
    """The command cannot go on; the message is one sentence."""
