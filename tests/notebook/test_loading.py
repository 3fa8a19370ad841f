"""The extension comes once, says where to begin, and goes without a trace."""

from __future__ import annotations

import pytest
from IPython.utils.capture import capture_output

OURS = {"check_init", "overfit_batch", "recipe", "bind", "seed", "watch"}


def state(shell):
    """Everything of a shell that an extension may change."""
    return {
        "line": dict(shell.magics_manager.magics["line"]),
        "cell": dict(shell.magics_manager.magics["cell"]),
        "registry": dict(shell.magics_manager.registry),
        "configurables": list(shell.configurables),
        "matchers": list(getattr(shell.Completer, "custom_matchers", [])),
        "names": dict(shell.user_ns),
        "events": {name: list(callbacks) for name, callbacks in shell.events.callbacks.items()},
        "transformers": list(shell.input_transformers_cleanup) + list(shell.input_transformers_post),
    }


def test_loading_says_in_one_line_where_to_begin(ip):
    ip.run_line_magic("unload_ext", "nbrecipe")
    with capture_output() as said:
        ip.run_line_magic("load_ext", "nbrecipe")
    assert said.stdout == "nbrecipe 0.1.0: %inspect_data · %check_init · %%overfit_batch · %%watch · %recipe\n"


def test_loading_again_changes_nothing(ip):
    from nbrecipe.notebook import load

    before = state(ip)
    with capture_output() as said:
        load(ip)
    assert said.stdout == ""
    assert state(ip) == before


def test_reloading_leaves_one_of_everything(ip):
    with capture_output():
        ip.run_line_magic("reload_ext", "nbrecipe")  # IPython itself loads some of its magics only now
        before = state(ip)
        ip.run_line_magic("reload_ext", "nbrecipe")
    after = state(ip)
    assert {name: len(value) for name, value in after.items()} == {name: len(value) for name, value in before.items()}
    assert {*after["line"], *after["cell"]} >= OURS


def test_unloading_leaves_nothing_behind(ip):
    ip.run_line_magic("unload_ext", "nbrecipe")
    bare = state(ip)
    with capture_output():
        ip.run_line_magic("load_ext", "nbrecipe")
        loaded = state(ip)
        ip.run_line_magic("unload_ext", "nbrecipe")
    assert loaded != bare
    assert state(ip) == bare
    assert not OURS & {*bare["line"], *bare["cell"]}


@pytest.mark.parametrize("name", ["check_init", "%overfit_batch", "recipe", "bind", "seed"])
def test_help_is_generated_from_the_arguments(ip, name):
    with capture_output() as said:
        ip.run_cell(f"%{name}?")
    magic = getattr(type(ip.magics_manager.registry["RecipeMagics"]), name.lstrip("%"))
    assert f"%{name} " in said.stdout
    for action in magic.parser._actions:
        assert (action.help or "").split()[0] in said.stdout
