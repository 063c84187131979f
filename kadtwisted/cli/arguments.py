"""The options and verbs of ``kad``, as an argument parser.

Global options may stand before or after the verb.  Only the standard library and small modules are
imported here, so that ``kad --help`` is quick.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from kadtwisted import __version__
from kadtwisted.cli.parser import (
    Parser,
    Show,
    parsed,
    port,
    seconds,
    settle_words,
    verdicts,
    whole_number,
)

PATIENCE = 10.0
DEMO_PATIENCE = 120.0
TRANSFER_PATIENCE = 3600.0
SIMULATION_PATIENCE = 86400.0
"""Seconds after which a verb gives up, unless ``--timeout`` says otherwise."""
DEMO_NODES = (3, 100)
"""The fewest of which a third can be stopped, and (MAGIC) the most that one process copes with."""

_ADDRESS = "[KEY@]HOST:PORT"


class Verbs:
    """The parsers of the verbs, in the order of the help."""

    def __init__(self, parser: Parser) -> None:
        self._parsers = parser.add_subparsers(
            metavar="VERB", dest="verb", required=True, prog=parser.prog, parser_class=Parser
        )
        # Made once, and shared: most of the time that it takes to make all parsers.
        self._everywhere = Parser(with_help=False)
        _add_global_options(self._everywhere, in_verb=True)
        self.parsers: dict[str, Parser] = {}

    def add(
        self,
        target: str,
        text: str,
        *,
        patience: float = PATIENCE,
        aliases: Sequence[str] = (),
        **how: Any,
    ) -> Parser:
        """The parser of a new verb; ``target`` is ``VERB=MODULE:FUNCTION`` in ``cli/verbs``.

        ``how`` it is run: ``node`` says what the running node is to the verb (see
        :meth:`~kadtwisted.cli.session.Session.look_for_node`); ``reactor`` whether it needs one
        where no node runs; ``before`` names what is done first, a function that may wait;
        ``endless`` a verb that runs until it is stopped, whatever ``--timeout`` says.
        """
        name, _, place = target.partition("=")
        made: Parser = self._parsers.add_parser(
            name, help=text, description=text, aliases=list(aliases), parents=[self._everywhere]
        )
        module, _, function = place.partition(":")
        run = {"node": "", "reactor": True, "before": "", "endless": False, **how}
        made.set_defaults(module=module, function=function, patience=patience, **run)
        for each in (name, *aliases):
            self.parsers[each] = made
        return made


def read_command_line(given: Sequence[str]) -> argparse.Namespace:
    """What a command line says; :class:`~kadtwisted.cli.parser.Misuse` for a mistake,
    :class:`~kadtwisted.cli.parser.Wanted` if only a text was asked for."""
    parser = make_parser()
    found = parsed(parser, given)
    if hasattr(found, "words"):
        settle_words(found, parser.verbs[found.verb].prog)
    return found


def make_parser() -> Parser:
    """The parser.

    Its result names the verb's ``module`` and ``function``, and the ``patience`` that counts if no
    ``timeout`` is given.
    """
    parser = Parser(
        prog="kad",
        description="Use a Kademlia network: run a node, store and fetch values.",
    )
    parser.add_argument(
        "--version", action=Show, text=f"kad {__version__}\n", help="show the version and exit"
    )
    _add_global_options(parser, in_verb=False)
    verbs = Verbs(parser)
    _add_serving_verbs(verbs)
    _add_value_verbs(verbs)
    _add_node_verbs(verbs)
    _add_inspecting_verbs(verbs)
    _add_config(verbs)
    _add_transfer_verbs(verbs)
    verbs.add(
        "plugins=plugins:plugins",
        "List the storages and serializers that are installed, and what is wrong with them.",
        reactor=False,
    )
    _add_demo(verbs)
    _add_simulate(verbs)
    parser.verbs = verbs.parsers
    return parser


# --- Verbs -----------------------------------------------------------------------------------


def _add_serving_verbs(verbs: Verbs) -> None:
    for name, text in (
        ("bootstrap", "Run the first node of a network."),
        ("join", "Run a node that joins a network."),
    ):
        made = verbs.add(f"{name}=serve:{name}", text, endless=True)
        _add_bootstrap(made)
        made.add_argument(
            "--storage",
            metavar="NAME[:ARGUMENT]",
            help="where records are stored (default: sqlite in --state-dir; without one, memory)",
        )


def _add_value_verbs(verbs: Verbs) -> None:
    store = verbs.add(
        "store=values:store", "Store a value under a name.",
        aliases=("put", "set"), node="needed", before="take_value",
    )  # fmt: skip
    store.add_argument(
        "words",
        nargs="*",
        metavar="NAME VALUE",
        help="the name and the value; with - the value is read from standard input",
    )
    _add_bootstrap(store)
    _add_key(store)
    store.add_argument("--value", metavar="VALUE", help="the value, instead of the word")
    store.add_argument(
        "--lifetime",
        "--ttl",
        type=seconds,
        metavar="TIME",
        help="how long the network keeps it: seconds, or 90m, 24h, 2d",
    )
    store.add_argument(
        "--keep",
        action="store_true",
        help="let the running node publish it again before it expires, until it is deleted",
    )

    get = verbs.add("get=values:get", "Fetch the value under a name.", node="needed")
    _add_name(get)
    get.add_argument(
        "--first",
        action="store_true",
        help="take the first value that is found, not the newest of all",
    )
    get.add_argument(
        "--trace", action="store_true", help="show the steps of the lookup on standard error"
    )
    delete = verbs.add(
        "delete=values:delete", "Delete the value under a name.",
        aliases=("del", "rm"), node="needed",
    )  # fmt: skip
    _add_name(delete)


def _add_node_verbs(verbs: Verbs) -> None:
    ping = verbs.add("ping=nodes:ping", "Check whether a node answers.", node="or our own")
    ping.add_argument("address", metavar=_ADDRESS, help="the node's address")
    find_node = verbs.add(
        "find-node=nodes:find_node", "Find the nodes closest to an ID.", node="needed"
    )
    find_node.add_argument("id", nargs="?", metavar="ID", help="40 hexadecimal digits")
    find_node.add_argument(
        "--key", metavar="NAME", help="a name; its key then takes the place of the ID"
    )
    _add_bootstrap(find_node)


def _add_inspecting_verbs(verbs: Verbs) -> None:
    for verb, text in (
        ("status", "Show how a running node is doing."),
        ("routing", "Show the routing tables of a running node."),
    ):
        verbs.add(f"{verb}=running:{verb}", text, node="needed", reactor=False)
    waiting = verbs.add(
        "wait=waiting:wait", "Wait until the running node is in its network.", reactor=False
    )
    waiting.add_argument(
        "--for", dest="verdicts", type=verdicts, default=("serving",), metavar="VERDICT[,VERDICT]",
        help="what to wait for, one of several (default: serving)",
    )  # fmt: skip


def _add_config(verbs: Verbs) -> None:
    config = verbs.add(
        "config=configuration:config", "Check or show a daemon's configuration.", reactor=False
    )
    config.add_argument(
        "action",
        choices=("check", "show"),
        help="check: check a file and the environment; show: print all options as a commented file",
    )
    config.add_argument(
        "--config", metavar="FILE", help="the file to check (default: the one twistd would read)"
    )


def _add_transfer_verbs(verbs: Verbs) -> None:
    for target, text, how in (
        (
            "export=exporting:export",
            "Write all records of a node to a file.",
            {"node": "or a storage"},
        ),
        (
            "import=importing:import_records",
            "Read records from such a file into a storage.",
            {"before": "take_input"},
        ),
    ):
        made = verbs.add(target, text, patience=TRANSFER_PATIENCE, **how)
        made.add_argument(
            "file",
            nargs="?",
            default="-",
            metavar="FILE",
            help="the file; - means standard output or input (default: -)",
        )
        made.add_argument(
            "--storage",
            metavar="NAME[:ARGUMENT]",
            help="a storage that no running node uses (default: sqlite in --state-dir)",
        )


def _add_demo(verbs: Verbs) -> None:
    demo = verbs.add(
        "demo=demo:demo",
        "Run a network on this machine, stop a third of its nodes, and read everything again.",
        patience=DEMO_PATIENCE,
    )  # fmt: skip
    few, many = DEMO_NODES
    demo.add_argument(
        "--nodes",
        type=nodes,
        default=20,
        metavar="COUNT",
        help=f"how many nodes, {few} to {many} (default: 20)",
    )
    demo.add_argument(
        "--seed",
        type=int,
        metavar="NUMBER",
        help="choose the same keys, values and nodes as another run with this seed",
    )


def _add_simulate(verbs: Verbs) -> None:
    simulate = verbs.add(
        "simulate=simulating:simulate",
        "Run thousands of nodes in simulated time, from a seed.",
        patience=SIMULATION_PATIENCE,
    )  # fmt: skip
    simulate.add_argument(
        "scenario",
        nargs="?",
        metavar="PRESET|FILE.toml|FILE.json",
        help="what to simulate, or a saved result to show again (default: list the presets)",
    )
    simulate.add_argument(
        "--nodes",
        metavar="COUNT[,COUNT]",
        help="how many nodes; several counts are run one after the other",
    )
    simulate.add_argument(
        "--seed", metavar="NUMBER", help="the seed; the same seed gives the same result"
    )
    simulate.add_argument(
        "--set",
        action="append",
        default=[],
        dest="changes",
        metavar="KEY=VALUE",
        help="change one setting of the scenario, such as latency.median=50ms; may be given "
        "several times",
    )
    simulate.add_argument(
        "--output",
        metavar="FILE",
        help="write the result to this file: a .json gets all of it, a .csv its figures",
    )
    simulate.add_argument(
        "--pictures",
        metavar="DIRECTORY",
        help="draw the result as pictures there; needs matplotlib",
    )
    simulate.add_argument(
        "--timings",
        action="store_true",
        help="show and save how long this machine took; the result then differs from run to run",
    )


# --- Options that several verbs have ---------------------------------------------------------


def _add_name(parser: Parser) -> None:
    parser.add_argument("words", nargs="*", metavar="NAME", help="the name of the value")
    _add_bootstrap(parser)
    _add_key(parser)


def _add_key(parser: Parser) -> None:
    parser.add_argument("--key", metavar="NAME", help="the name of the value, instead of the word")


def _add_bootstrap(parser: Parser) -> None:
    parser.add_argument(
        "--bootstrap",
        action="append",
        default=[],
        metavar=_ADDRESS,
        help="a node through which to join with a node of kad's own, instead of using the one that "
        "runs here; may be given several times",
    )


def _add_global_options(parser: Parser, *, in_verb: bool) -> None:
    group = parser.add_argument_group("global options")

    def add(name: str, text: str, default: Any = None, **keywords: Any) -> None:
        # The parser of a verb must not overwrite with a default what stood before the verb.
        chosen = argparse.SUPPRESS if in_verb else default
        group.add_argument(name, default=chosen, help=text, **keywords)

    add(
        "--port",
        "UDP port (default: 8000 for a node that stays, else any free port); it also says which "
        "running node is meant, by its default state directory",
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
    add("--json", "print one JSON object", False, action="store_true")
    add(
        "--timeout",
        f"give up after this time (default: {PATIENCE:g} s; demo {DEMO_PATIENCE:g} s, export and "
        f"import {TRANSFER_PATIENCE:g} s, simulate {SIMULATION_PATIENCE:g} s)",
        type=seconds,
        metavar="TIME",
    )


# --- Types of arguments ----------------------------------------------------------------------


def nodes(text: str) -> int:
    """How many nodes a demo has."""
    few, many = DEMO_NODES
    number = whole_number(text)
    if number is None or not few <= number <= many:
        raise argparse.ArgumentTypeError(f"a demo has {few} to {many} nodes, not {text!r}")
    return number
