"""The manual pages kad(1), kademlia(8) and node.toml(5), in mdoc(7).

Verbs, options, keys, defaults and exit codes come from the parser and the tables that the programs
themselves use, so a page cannot differ from them.  The text around them stands in ``kad_words``,
``kademlia_words`` and ``node_toml_words``.
``python -m kadtwisted.cli.manual DIRECTORY`` writes the pages, and does nothing else.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from kadtwisted import __version__
from kadtwisted.cli.arguments import make_parser
from kadtwisted.cli.exit_codes import MEANINGS as KAD_MEANINGS
from kadtwisted.cli.manual.kad_words import KAD, OF_VERBS
from kadtwisted.cli.manual.kademlia_words import KADEMLIA
from kadtwisted.cli.manual.node_toml_words import NODE_TOML
from kadtwisted.daemon.command_line import Options
from kadtwisted.daemon.exit_status import MEANINGS as DAEMON_MEANINGS
from kadtwisted.model.settings.value_kinds import TextList, WholeNumber
from kadtwisted.settings.kinds import FilePath
from kadtwisted.settings.options import OPTIONS, TABLES, Option

DATE = "November 22, 2026"
"""When the text was last revised, in the form of mdoc's ``Dd``."""

_DASHES = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
_SENTENCE = re.compile(r"(?<=[a-z0-9)\"])\. +(?=[A-Z])")


def pages() -> Mapping[str, str]:
    """All pages, by the names of their files."""
    return MappingProxyType({"kad.1": _kad(), "kademlia.8": _kademlia(), "node.toml.5": _toml()})


def main(arguments: list[str]) -> int:
    """Write the pages to a directory, the only argument."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m kadtwisted.cli.manual DIRECTORY\n")
        return os.EX_USAGE
    for name, page in pages().items():
        Path(arguments[0], name).write_text(page, "utf-8")
    return os.EX_OK


def _page(words: str, **parts: Iterable[str]) -> str:
    """A page: its text, with generated lines in place of each line ``%NAME%``."""
    made = words.lstrip("\n").replace("%DATE%", DATE).replace("%VERSION%", __version__)
    for name, lines in parts.items():
        made = made.replace(f"%{name.upper()}%\n", "".join(f"{line}\n" for line in lines))
    return made


# --- kad(1) ----------------------------------------------------------------------------------


def _kad() -> str:
    parser = make_parser()
    return _page(
        KAD,
        globals=_list(_argument(each) for each in _global_options(parser)),
        verbs=_verbs(parser),
        codes=_codes(KAD_MEANINGS),
    )


def _global_options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [each for each in parser._actions if each.option_strings]


def verbs_of(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The parsers of the verbs, in the order of the help."""
    (verbs,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return MappingProxyType(
        {name: verb for name, verb in verbs.choices.items() if verb.prog.endswith(f" {name}")}
    )


def other_names_of(verb: argparse.ArgumentParser, parser: argparse.ArgumentParser) -> list[str]:
    """The other names of a verb."""
    (verbs,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return [
        name
        for name, each in verbs.choices.items()
        if each is verb and not verb.prog.endswith(f" {name}")
    ]


def arguments_of(
    verb: argparse.ArgumentParser, parser: argparse.ArgumentParser
) -> list[argparse.Action]:
    """The arguments of a verb, without the global options."""
    everywhere = {name for each in parser._actions for name in each.option_strings}
    return [each for each in verb._actions if not everywhere & set(each.option_strings)]


def _verbs(parser: argparse.ArgumentParser) -> Iterator[str]:
    for name, verb in verbs_of(parser).items():
        arguments = arguments_of(verb, parser)
        yield f".Ss kad {name}"
        yield ".D1 " + " ".join(["Ic kad Cm", name, *map(_usage, arguments)])
        yield from _paragraph(verb.description or "")
        others = other_names_of(verb, parser)
        if others:
            yield "It is also called"
            yield " or ".join([".Cm " + others[0], *others[1:]]) + " ."
        yield from OF_VERBS.get(name, "").strip("\n").splitlines()
        if arguments:
            yield from _list(_argument(each) for each in arguments)


def _usage(action: argparse.Action) -> str:
    shown = _head(action)
    if isinstance(action, argparse._AppendAction):
        shown += " No ..."
    optional = not action.required or action.nargs == "?"
    return f"Oo {shown} Oc" if optional else shown


def _head(action: argparse.Action) -> str:
    """An option or argument as it is typed, in macros."""
    if not action.option_strings:
        choices = action.choices
        return f"Cm {' | '.join(choices)}" if choices else f"Ar {action.metavar}"
    flags = " , ".join(f"Fl {name[1:]}" for name in action.option_strings)
    return flags if action.nargs == 0 else f"{flags} Ar {action.metavar}"


def _argument(action: argparse.Action) -> tuple[str, list[str]]:
    said = (action.help or "").replace("%%", "%")
    return _head(action), _paragraph(_as_sentence(said))


# --- kademlia(8) -----------------------------------------------------------------------------


def _kademlia() -> str:
    return _page(KADEMLIA, options=_list(_daemon_options()), codes=_codes(DAEMON_MEANINGS))


def _daemon_options() -> Iterator[tuple[str, list[str]]]:
    yield "Fl -config Ar FILE", _documented(Options.opt_config)
    for option in OPTIONS.values():
        if option.argument:
            letter = f"Fl {option.letter} , " if option.letter else ""
            head = f"{letter}Fl -{option.argument} Ar {_metavar(option)}"
            yield head, [*_paragraph(option.help), *_facts(option, again=True)]
    yield "Fl -set Ar KEY=VALUE", _documented(Options.opt_set)
    yield "Fl -help", _paragraph("Show the options and end.")
    yield "Fl -version", _paragraph("Show the version of Twisted and end.")


def _documented(take: Callable[..., None]) -> list[str]:
    return _paragraph(_as_sentence(inspect.getdoc(take) or ""))


def _metavar(option: Option) -> str:
    if isinstance(option.kind, WholeNumber):
        return "NUMBER"
    return "PATH" if isinstance(option.kind, FilePath) else "TEXT"


# --- node.toml(5) ----------------------------------------------------------------------------


def _toml() -> str:
    return _page(NODE_TOML, keys=_tables())


def _tables() -> Iterator[str]:
    tables: dict[str, list[Option]] = {}
    for option in OPTIONS.values():
        tables.setdefault(option.key.rpartition(".")[0], []).append(option)
    for table, options in tables.items():
        yield f".Ss {f'The table [{table}]' if table else 'Keys outside all tables'}"
        if table in TABLES:
            yield from _paragraph(inspect.getdoc(TABLES[table]) or "")
        yield from _list(
            (
                f"Ic {option.key.rpartition('.')[2]} No = Ar {_quoted(option.shown)}",
                [*_paragraph(option.help), *_facts(option)],
            )
            for option in options
        )


def _facts(option: Option, again: bool = False) -> Iterator[str]:
    """The expected values, the default, the other names, and whether SIGHUP applies a change."""
    yield f"Expected: {_escaped(option.kind.expected)}."
    if again and isinstance(option.kind, TextList):
        yield "May be given several times."
    if option.example is None:
        yield f"Default: {_escaped(option.shown)}."
    elif not again:
        yield "The value above is an example; there is no fixed default."
    yield "Environment:"
    yield f".Ev {option.variable} ."
    if option.argument and not again:
        yield "Argument:"
        yield f".Fl -{option.argument} ."
    if option.reloadable:
        yield "Applied by SIGHUP."


# --- Pieces of mdoc --------------------------------------------------------------------------


def _codes(meanings: Mapping[int, str]) -> Iterator[str]:
    return _list(
        (f"{code}", _paragraph(_as_sentence(meaning))) for code, meaning in meanings.items()
    )


def _list(items: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    yield ".Bl -tag -width Ds"
    for head, lines in items:
        yield f".It {head}"
        yield from lines
    yield ".El"


def _paragraph(words: str) -> list[str]:
    """Lines of text, one for each sentence, as is usual in mdoc."""
    plain = " ".join(words.replace("`", "").split())
    return [_escaped(line) for line in _SENTENCE.sub(".\n", plain).splitlines()]


def _escaped(line: str) -> str:
    made = line.replace("\\", r"\e")
    made = _DASHES.sub(lambda found: found[0].replace("-", r"\-"), made)
    return rf"\&{made}" if made[:1] in (".", "'") else made


def _quoted(word: str) -> str:
    """One argument of a macro; it may hold blanks and quotes."""
    return '"' + word.replace("\\", r"\e").replace('"', r"\(dq") + '"'


def _as_sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."
