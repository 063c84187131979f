"""The table in which verbs of ``kad`` are entered, and the options that several of them have."""

from __future__ import annotations

import argparse
from collections.abc import Sequence, Set
from typing import Any

from kadtwisted.cli.parser import Parser, port, positive, seconds

PATIENCE = 10.0
DOCTOR_PATIENCE = 60.0
"""Seconds: some bootstrap addresses may not answer, one after the other."""
DEMO_PATIENCE = 120.0
TRANSFER_PATIENCE = 3600.0
SIMULATION_PATIENCE = 86400.0
BULK_PATIENCE = 86400.0
"""Seconds after which a verb gives up, unless ``--timeout`` says otherwise."""

ADDRESS = "[KEY@]HOST:PORT"


class _LeftOut(Parser):
    """Stands for the parser of a verb that is not wanted: it takes arguments and forgets them."""

    def __init__(self) -> None:
        pass

    def add_argument(self, *args: Any, **kwargs: Any) -> Any:
        """Nothing comes of it."""

    def add_mutually_exclusive_group(self, **kwargs: Any) -> Any:
        """A group of nothing."""
        return self


class Verbs:
    """The parsers of the verbs, in the order of the help.

    With ``among`` only verbs that are named there get one: to make all of them takes longer than
    all else that a short command does.
    """

    def __init__(self, parser: Parser, among: Set[str] | None = None) -> None:
        self._parsers = parser.add_subparsers(
            metavar="VERB", dest="verb", required=True, prog=parser.prog, parser_class=Parser
        )
        self._among = among
        self._shared: dict[bool, Parser] = {}
        self.parsers: dict[str, Parser] = {}

    def add(
        self,
        target: str,
        text: str,
        *,
        patience: float = PATIENCE,
        aliases: Sequence[str] = (),
        own_port: bool = False,
        **how: Any,
    ) -> Parser:
        """The parser of a new verb; ``target`` is ``VERB=MODULE:FUNCTION`` in ``cli/verbs``.

        With ``own_port`` the option ``--port`` behind the verb is the verb's own.

        ``how`` it is run: ``node`` says what the running node is to the verb (see
        :meth:`~kadtwisted.cli.session.Session.look_for_node`); ``reactor`` whether it needs one
        where no node runs; ``before`` names what is done first, a function that may wait;
        ``looks`` a verb that looks for the node by itself;
        ``endless`` a verb that runs until it is stopped, whatever ``--timeout`` says.
        """
        name, _, place = target.partition("=")
        if self._among is not None and self._among.isdisjoint((name, *aliases)):
            return _LeftOut()
        made: Parser = self._parsers.add_parser(
            name,
            help=text,
            description=text,
            aliases=list(aliases),
            parents=[self._global_options(own_port)],
        )
        module, _, function = place.partition(":")
        run = {"node": "", "reactor": True, "before": "", "looks": False, "endless": False, **how}
        made.set_defaults(module=module, function=function, patience=patience, **run)
        for each in (name, *aliases):
            self.parsers[each] = made
        return made

    def _global_options(self, own_port: bool) -> Parser:
        """Those that stand behind a verb: made once, and shared by all verbs."""
        shared = self._shared.get(own_port)
        if shared is None:
            shared = self._shared[own_port] = Parser(with_help=False)
            add_global_options(shared, in_verb=True, port_option=not own_port)
        return shared


# --- Options that several verbs have ---------------------------------------------------------


def add_name(parser: Parser) -> None:
    """The name of a value, as a word or by ``--key``; and ``--bootstrap``."""
    parser.add_argument("words", nargs="*", metavar="NAME", help="the name of the value")
    add_bootstrap(parser)
    add_key(parser)


def add_key(parser: Parser) -> None:
    """``--key``, for scripts."""
    parser.add_argument("--key", metavar="NAME", help="the name of the value, instead of the word")


def add_bootstrap(parser: Parser) -> None:
    """``--bootstrap``: the verb may be performed by a node of kad's own."""
    parser.add_argument(
        "--bootstrap",
        action="append",
        default=[],
        metavar=ADDRESS,
        help="a node through which to join with a node of kad's own, instead of using the one that "
        "runs here; may be given several times",
    )


def add_count(parser: Parser) -> None:
    """``--count``, of what is shown again and again."""
    parser.add_argument(
        "--count", type=positive, metavar="COUNT", help="end after so many (default: go on)"
    )


def add_wait(parser: Parser) -> None:
    """``--wait``: until when a write is waited for."""
    parser.add_argument(
        "--wait",
        choices=("quorum", "all"),
        default="quorum",
        metavar="quorum|all",
        help="quorum: until three quarters of the nodes that should hold the record have "
        "acknowledged it (the default); all: until all have decided",
    )


def waiting_for(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a request for a write says of that; nothing if it is the default, which nodes of older
    versions do not know."""
    return {} if arguments.wait == "quorum" else {"wait": arguments.wait}


def add_global_options(parser: Parser, *, in_verb: bool, port_option: bool = True) -> None:
    """Options of every verb; of one they change no default."""
    group = parser.add_argument_group("global options")

    def add(name: str, text: str, default: Any = None, **keywords: Any) -> None:
        # The parser of a verb must not overwrite with a default what stood before the verb.
        chosen = argparse.SUPPRESS if in_verb else default
        group.add_argument(name, default=chosen, help=text, **keywords)

    if port_option:
        add(
            "--port",
            "UDP port (default: 8000 for a node that stays, else any free port); it also says "
            "which running node is meant, by its default state directory",
            type=port,
            metavar="PORT",
        )
    add(
        "--interface",
        "IP address of this machine to use; at most one IPv4 and one IPv6 address",
        action="append",
        metavar="ADDRESS",
    )
    add("--network", "name of the network (default: kad)", metavar="NAME")
    add(
        "--network-secret-file",
        "file with the secrets of a private network, one on each line, the newest first",
        metavar="FILE",
    )
    add(
        "--allow",
        "private addresses, such as 10.0.0.0/8, that may be contacted even though our own address "
        "is public",
        action="append",
        metavar="PREFIX",
    )
    add(
        "--state-dir",
        "state directory of a node: its identity key and, while it runs, its control socket "
        "(default: that of this machine's daemon, as its environment and configuration file say)",
        metavar="DIRECTORY",
    )
    add(
        "--node",
        "the HTTP gateway of a running node, here or elsewhere, to use instead of the control "
        "socket of one on this machine, as http://127.0.0.1:8480",
        dest="gateway",
        metavar="URL",
    )
    add(
        "--token-file",
        "file with the token that --node asks for (default: the environment's "
        "KADTWISTED_HTTP_TOKEN)",
        metavar="FILE",
    )
    add("--json", "print one JSON object", False, action="store_true")
    add(
        "--timeout",
        f"give up after this time (default: {PATIENCE:g} s; doctor {DOCTOR_PATIENCE:g} s, demo "
        f"{DEMO_PATIENCE:g} s, export and import {TRANSFER_PATIENCE:g} s, simulate "
        f"and --from {SIMULATION_PATIENCE:g} s); of verbs that look again and again, at one look",
        type=seconds,
        metavar="TIME",
    )
