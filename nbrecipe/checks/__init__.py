"""One check is one file, in a folder per chapter; `nbrecipe.registry` finds them by walking this folder."""
