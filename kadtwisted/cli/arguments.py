"""The options and verbs of ``kad``, as an argument parser.

Global options may stand before or after the verb.  Anything wrong ends with one sentence on
standard error and code 64.  Nothing but the standard library is imported for it: ``kad --help`` is
quick.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from types import MappingProxyType
from typing import Any, NoReturn

from kadtwisted import __version__

_UNITS = MappingProxyType({"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0})
_ADDRESS = "[KEY@]HOST:PORT"

PATIENCE = 10.0
DEMO_PATIENCE = 120.0
TRANSFER_PATIENCE = 3600.0
SIMULATION_PATIENCE = 86400.0
"""Seconds before a verb is given up, unless ``--timeout`` says otherwise."""
DEMO_NODES = (3, 100)
"""The fewest of which a third can die, and (MAGIC) as many as one process bears with."""


class Parser(argparse.ArgumentParser):
    """A parser that complains in one sentence."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"kad: {' '.join(message.split())} (see {self.prog} --help)\n")
        raise SystemExit(os.EX_USAGE)


def make_parser() -> argparse.ArgumentParser:
    """The parser; its result names the verb's ``module`` and ``function``, and its ``patience``
    where no ``timeout`` is given."""
    parser = Parser(
        prog="kad",
        description="Use a Kademlia network: run a node, store and fetch values.",
    )
    parser.add_argument("--version", action="version", version=f"kad {__version__}")
    _add_global_options(parser, in_verb=False)
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True)

    def verb(name: str, target: str, text: str) -> Parser:
        made: Parser = verbs.add_parser(name, help=text, description=text)
        _add_global_options(made, in_verb=True)
        module, _, function = target.partition(":")
        made.set_defaults(module=module, function=function, patience=PATIENCE)
        return made

    _add_node_options(verb("bootstrap", "serve:bootstrap", "Run the first node of a network."))
    _add_node_options(verb("join", "serve:join", "Run a node that joins a network."))
    _add_value_verbs(verb)
    _add_node_verbs(verb)
    verb("status", "running:status", "Show the state of a node that runs with a state directory.")
    verb("routing", "running:routing", "Show the routing tables of such a node.")
    _add_config(verb)
    _add_transfer_verbs(verb)
    verb("plugins", "plugins:plugins", "List the storages and serializers, and what is broken.")
    _add_demo(verb)
    _add_simulate(verb)
    return parser


def _add_node_options(parser: argparse.ArgumentParser) -> None:
    _add_bootstrap(parser)
    parser.add_argument(
        "--storage", default="memory", metavar="NAME[:ARGUMENT]",
        help="where records are kept (default: memory)",
    )  # fmt: skip


def _add_value_verbs(verb: Any) -> None:
    store = verb("store", "values:store", "Store a value under a name.")
    _add_bootstrap(store)
    _add_key(store)
    store.add_argument(
        "--value", required=True, metavar="VALUE", help="the value; - reads it from standard input"
    )
    store.add_argument(
        "--lifetime", type=seconds, metavar="TIME", help="how long: seconds, or 90m, 24h, 2d"
    )
    store.add_argument(
        "--keep", action="store_true", help="let the running node publish it again and again"
    )
    get = verb("get", "values:get", "Fetch the value under a name.")
    _add_bootstrap(get)
    _add_key(get)
    get.add_argument(
        "--first", action="store_true", help="take the first answer, not the newest of all"
    )
    get.add_argument("--trace", action="store_true", help="show the lookup on standard error")
    delete = verb("delete", "values:delete", "Delete the value under a name.")
    _add_bootstrap(delete)
    _add_key(delete)


def _add_node_verbs(verb: Any) -> None:
    ping = verb("ping", "nodes:ping", "Ask one node whether it is there.")
    ping.add_argument("address", metavar=_ADDRESS, help="the node to ask")
    find_node = verb("find-node", "nodes:find_node", "Find the nodes closest to an ID.")
    find_node.add_argument("id", nargs="?", metavar="ID", help="40 hexadecimal digits")
    find_node.add_argument("--key", metavar="NAME", help="a name, for its key instead of an ID")
    _add_bootstrap(find_node)


def _add_config(verb: Any) -> None:
    config = verb("config", "configuration:config", "Check or show a daemon's configuration.")
    config.add_argument(
        "action", choices=("check", "show"),
        help="check a file and the environment, or show all options as a commented file",
    )  # fmt: skip
    config.add_argument(
        "--config", metavar="FILE", help="the file to check (default: the one twistd would read)"
    )


def _add_transfer_verbs(verb: Any) -> None:
    for name, target, text in (
        ("export", "exporting:export", "Write the records that a node stores to a file."),
        ("import", "importing:import_records", "Take the records of such a file into a storage."),
    ):
        made = verb(name, target, text)
        made.set_defaults(patience=TRANSFER_PATIENCE)
        made.add_argument(
            "file", nargs="?", default="-", metavar="FILE",
            help="the file, or - for standard output or input (default: -)",
        )  # fmt: skip
        made.add_argument(
            "--storage", metavar="NAME[:ARGUMENT]",
            help="a storage that no running node uses (default: sqlite in --state-dir)",
        )  # fmt: skip


def _add_demo(verb: Any) -> None:
    demo = verb("demo", "demo:demo", "Run a network on this machine, kill a third, lose nothing.")
    demo.set_defaults(patience=DEMO_PATIENCE)
    few, many = DEMO_NODES
    demo.add_argument(
        "--nodes", type=nodes, default=20, metavar="COUNT",
        help=f"how many nodes, {few} to {many} (default: 20)",
    )  # fmt: skip
    demo.add_argument(
        "--seed", type=int, metavar="NUMBER", help="repeat a run's choices of keys and victims"
    )


def _add_simulate(verb: Any) -> None:
    simulate = verb(
        "simulate", "simulating:simulate", "Run thousands of nodes in simulated time, from a seed."
    )
    simulate.set_defaults(patience=SIMULATION_PATIENCE)
    simulate.add_argument(
        "scenario", nargs="?", metavar="PRESET|FILE.toml|FILE.json",
        help="what to simulate, or a saved result to show again (default: list the presets)",
    )  # fmt: skip
    simulate.add_argument(
        "--nodes", metavar="COUNT[,COUNT]", help="how many nodes; several sizes are run in turn"
    )
    simulate.add_argument("--seed", metavar="NUMBER", help="everything drawn comes from it")
    simulate.add_argument(
        "--set", action="append", default=[], dest="changes", metavar="KEY=VALUE",
        help="change the scenario, as latency.median=50ms; may be given several times",
    )  # fmt: skip
    simulate.add_argument(
        "--output", metavar="FILE", help="write the whole result to a .json, its figures to a .csv"
    )
    simulate.add_argument(
        "--pictures", metavar="DIRECTORY",
        help="draw the result there; needs pip install 'kadtwisted[pictures]'",
    )  # fmt: skip
    simulate.add_argument(
        "--timings", action="store_true",
        help="tell what this machine took; the result is then another one each time",
    )  # fmt: skip


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", required=True, metavar="NAME", help="the name it is stored under")


def _add_bootstrap(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bootstrap",
        action="append",
        default=[],
        metavar=_ADDRESS,
        help="a node to join through; may be given several times",
    )


def _add_global_options(parser: argparse.ArgumentParser, in_verb: bool) -> None:
    group = parser.add_argument_group("global options")

    def add(name: str, default: Any, text: str, **kwargs: Any) -> None:
        # A verb's parser must not overwrite with a default what stood before the verb.
        chosen = argparse.SUPPRESS if in_verb else default
        group.add_argument(name, default=chosen, help=text, **kwargs)

    add("--port", None, "UDP port (default: of a node that stays 8000, else any free one)",
        type=port, metavar="PORT")  # fmt: skip
    add("--interface", None, "IP address to bind, at most one in each address family",
        action="append", metavar="ADDRESS")  # fmt: skip
    add("--network", "kad", "name of the network (default: kad)", metavar="NAME")
    add("--network-secret-file", None,
        "file with the secrets of a private network, one a line, the newest first",
        metavar="FILE")  # fmt: skip
    add("--allow", None, "private addresses to contact though ours is public, as 10.0.0.0/8",
        action="append", metavar="PREFIX")  # fmt: skip
    add("--state-dir", None, "directory with a node's identity and control socket",
        metavar="DIRECTORY")  # fmt: skip
    add("--json", False, "print one JSON object", action="store_true")
    add("--timeout", None,
        f"patience in seconds (default: {PATIENCE:g}; demo {DEMO_PATIENCE:g}, export and import "
        f"{TRANSFER_PATIENCE:g}, simulate {SIMULATION_PATIENCE:g})",
        type=seconds, metavar="TIME")  # fmt: skip


def port(text: str) -> int:
    """A UDP port, 0 to 65535."""
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def nodes(text: str) -> int:
    """How many nodes a demo has."""
    few, many = DEMO_NODES
    if not (text.isascii() and text.isdigit() and len(text) < 6 and few <= int(text) <= many):
        raise argparse.ArgumentTypeError(f"a demo has {few} to {many} nodes, not {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """A positive time: seconds, or with one of the units s, m, h, d."""
    factor = _UNITS.get(text[-1:], 0.0)
    try:
        value = float(text[:-1]) * factor if factor else float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"a time is written as 10, 90m, 24h or 2d, not {text!r}")
    return value
