"""`%tokens`: what a tokenizer really did to texts, or what stands in a batch of ids."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import line_magic, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from .delivery import deliver, plainly
from .front import Front, Locals, expressions, family, shown
from .line import parse
from .reading import Progress

if TYPE_CHECKING:
    from ..bench import Bench
    from ..verbs import Answer
    from .names import Variables

#: what people call their texts
TEXTS = (
    "train_texts", "texts", "corpus", "sentences", "documents", "docs", "reviews", "prompts", "lines", "text",
)  # fmt: skip
#: ends of names of files whose texts can be read
FILES = (".txt", ".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".gz")
WHAT = "a tokenizer, or two to be compared; then texts: a text, a list, a data set, a loader, a frame or a path"


@family
class TokenMagics(Front):
    """Texts as their tokens."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    @magic_arguments()
    @argument("what", nargs="*", metavar="WHAT", help=WHAT)
    @argument("--against", metavar="EXPR", help="another tokenizer, to read the same texts beside the first")
    @argument("--val", metavar="EXPR", help="validation texts, whose numbers are set against those of the others")
    @argument("--max-length", type=int, metavar="N", help="the greatest length (default: what the tokenizer declares)")
    @argument("--column", metavar="NAME", help="the column that holds the texts")
    @argument("--answer", metavar="NAME", help="the column with what is to be answered, which must not be cut off")
    @argument("--rows", type=int, metavar="N", help="texts or rows that are shown (default 200)")
    @expressions("model", "batch", "train", "loss")
    @shown
    def tokens(self, line: str, local_ns: Locals = None) -> Answer | None:
        """Show what the tokenizer really did: coloured tokens, ids, padding, what is cut off, what does not come back.

        Arrow keys go from token to token. With a loader or `--batch` it shows the ids that go into the model, decoded,
        with masks and targets. In Python it is `nbrecipe.show_tokens(tokenizer, texts)`.
        """
        args = parse(TokenMagics.tokens, line)
        with plainly(self._lacks(f"%tokens {line}", local_ns)):
            from ..twins.texts.show_tokens import show_tokens_of
            from .names import Variables

            _whole(args)
            variables = Variables.of_shell(self.shell, local_ns)
            tokenizers, texts = _sorted(args, variables, line)
            val, args.val = args.val, None
            asked = bool(args.batch or args.train)
            bench = self._bench("%tokens", args, local_ns, board=not (args.model or asked))
            bench, against = _with(bench, tokenizers, variables)
            bench, data = _texts(bench, texts, variables, asked)
            with Progress() as progress:
                more: dict[str, Any] = {} if args.rows is None else {"rows": args.rows}
                if val is not None:
                    more["val"] = _value(val, variables, line)
                    bench = bench.replace(names={**bench.names, "val_data": val})
                answer = show_tokens_of(bench, data, against=against, max_length=args.max_length, column=args.column,
                                        answer=args.answer, batch=asked, progress=progress, **more)  # fmt: skip
        return deliver(self, answer, args)


def _whole(args: argparse.Namespace) -> None:
    for flag, value in (("--max-length", args.max_length), ("--rows", args.rows)):
        if value is not None and value < 1:
            raise UsageError(f"{flag} is a whole number, 1 or more; {value} was given")


def _sorted(
    args: argparse.Namespace, variables: Variables, line: str
) -> tuple[list[tuple[str, Any]], tuple[str, Any] | None]:
    """The tokenizers that were named, with their names, and the texts; what is which is told by what it can do."""
    from ..tokens.telling import is_no_text

    if len(args.what) > 3:
        raise UsageError(f"%tokens takes two tokenizers and texts at most; {len(args.what)} words were given")
    given = [(word, _value(word, variables, line)) for word in args.what]
    if len(given) == 2 and is_no_text(given[1][1]) and not is_no_text(given[0][1]):
        given.reverse()  # the texts were named first
    texts = None
    if len(given) == 3 or (given and not is_no_text(given[-1][1])):
        *given, texts = given
    if args.against is not None:
        if len(given) > 1:
            raise UsageError(f"two tokenizers to compare with: `{given[1][0]}` and `--against {args.against}`")
        given.append((args.against, variables.value(args.against)))
    return given, texts


def _value(word: str, variables: Variables, line: str) -> Any:
    """An expression, or else a path or, in quotes, a text as it stands."""
    try:
        return variables.value(word)
    except UsageError:
        path = Path(word).expanduser()
        if (path.suffix in FILES and "(" not in word) or (len(path.parts) > 1 and path.exists()):
            return word
        if f"'{word}'" in line or f'"{word}"' in line:
            return word
        raise


def _with(bench: Bench, given: list[tuple[str, Any]], variables: Variables) -> tuple[Bench, Any]:
    """The bench with the tokenizer that was named, or the only one that is there; and the other one."""
    names = dict(bench.names)
    against = None
    if given:
        names["tokenizer"], first = given[0]
        bench = bench.replace(tokenizer=first)
    elif bench.tokenizer is None:
        _several(variables)
    if len(given) > 1:
        names["against"], against = given[1]
    return bench.replace(names=names), against


def _several(variables: Variables) -> None:
    from ..tokens.telling import is_tokenizer

    names = [name for space in variables.visible() for name, value in space.items() if is_tokenizer(value)]
    if len(names) > 1:
        listed = ", ".join(f"`{name}`" for name in names)
        raise UsageError(f"{len(names)} tokenizers here: {listed}; say which: %tokens {names[-1]}")


def _texts(bench: Bench, texts: tuple[str, Any] | None, variables: Variables, asked: bool) -> tuple[Bench, Any]:
    """The bench with the user's name for the texts, and these: what was named, or what is usually called so."""
    from ..twins.texts.show_tokens import is_batch

    if texts is None and not asked and bench.train_loader is None and bench.train_data is None:
        held = ((name, space[name]) for space in variables.visible() for name in TEXTS if name in space)
        texts = next(((name, value) for name, value in held if _holds(value)), None)
    if texts is None:
        return bench, None
    name, value = texts
    if is_batch(value):
        return bench.replace(batch=value, train_loader=None, names={**bench.names, "batch": name}), None
    called = {"train_data": name, "train_loader": name}
    return bench.replace(names={**bench.names, **called}), value


def _holds(value: Any) -> bool:
    """A text or a list of texts."""
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    return isinstance(first, str)
