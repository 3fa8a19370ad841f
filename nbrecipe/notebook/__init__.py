"""The Jupyter extension: the only package that knows IPython, ipywidgets and anywidget."""

from __future__ import annotations

from typing import Any

from .. import __version__

GREETING = f"nbrecipe {__version__}: %inspect_data · %check_init · %%overfit_batch · %%watch · %recipe"


def load(shell: Any) -> None:
    """Register magics and completion with a shell; a second time changes nothing and says nothing."""
    from . import completion
    from .magics import RecipeMagics

    if loaded(shell) is not None:
        return
    magics = RecipeMagics(shell)
    shell.register_magics(magics)
    completion.add(shell, magics)
    print(GREETING)  # a person typed %load_ext and wants to know where to begin


def unload(shell: Any) -> None:
    """Take everything back that `load` registered."""
    from . import completion

    magics = loaded(shell)
    if magics is None:
        return
    completion.remove(shell)
    shell.configurables.remove(magics)
    manager = shell.magics_manager
    manager.registry.pop(type(magics).__name__, None)
    for table in manager.magics.values():
        for name in [name for name, magic in table.items() if getattr(magic, "__self__", None) is magics]:
            del table[name]


def loaded(shell: Any) -> Any:
    """Our magics in this shell, or None; after `%reload_ext` these are of the class as it was before."""
    return next((thing for thing in shell.configurables if type(thing).__module__ == f"{__name__}.magics"), None)
