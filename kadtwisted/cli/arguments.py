"""The options and verbs of ``kad``, as an argument parser.

Global options may stand before or after the verb.  Only the standard library and small modules are
imported here, so that ``kad --help`` is quick.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence, Set

from kadtwisted import __version__
from kadtwisted.cli.parser import (
    Misuse,
    Parser,
    Show,
    Wanted,
    parsed,
    positive,
    seconds,
    settle_words,
    verdicts,
    whole_number,
)
from kadtwisted.cli.record_verbs import add_record_verbs, is_nameless, is_of_many
from kadtwisted.cli.verb_table import (
    ADDRESS,
    DEMO_PATIENCE,
    DOCTOR_PATIENCE,
    SIMULATION_PATIENCE,
    Verbs,
    add_bootstrap,
    add_count,
    add_global_options,
)

WATCH_EVERY = 2.0
DEMO_NODES = (3, 100)
"""The fewest of which a third can be stopped, and (MAGIC) the most that one process copes with."""


def read_command_line(given: Sequence[str]) -> argparse.Namespace:
    """What a command line says; :class:`~kadtwisted.cli.parser.Misuse` for a mistake,
    :class:`~kadtwisted.cli.parser.Wanted` if only a text was asked for."""
    try:
        parser = make_parser(frozenset(given))
        found = parsed(parser, given)
    except (Misuse, Wanted):  # help and advice know all verbs
        parser = make_parser()
        found = parsed(parser, given)
    program = parser.verbs[found.verb].prog
    if hasattr(found, "watch") and found.watch is None and found.count is not None:
        raise Misuse("--count goes with --watch only", program)
    if hasattr(found, "words"):
        if is_of_many(found, program):
            return found
        settle_words(found, program, nameless=is_nameless(found, program))
    return found


def make_parser(among: Set[str] | None = None) -> Parser:
    """The parser of all verbs, or of those that are named ``among`` the words of a command line.

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
    add_global_options(parser, in_verb=False)
    verbs = Verbs(parser, among)
    _add_serving_verbs(verbs)
    add_record_verbs(verbs)
    _add_node_verbs(verbs)
    _add_inspecting_verbs(verbs)
    _add_config(verbs)
    verbs.add(
        "plugins=plugins:plugins",
        "List the storages and serializers that are installed, and what is wrong with them.",
        reactor=False,
    )
    _add_preparing_verbs(verbs)
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
        add_bootstrap(made)
        made.add_argument(
            "--storage",
            metavar="NAME[:ARGUMENT]",
            help="where records are stored (default: sqlite in --state-dir; without one, memory)",
        )


def _add_node_verbs(verbs: Verbs) -> None:
    ping = verbs.add("ping=nodes:ping", "Check whether a node answers.", node="or our own")
    ping.add_argument("address", metavar=ADDRESS, help="the node's address")
    path = verbs.add(
        "path=nodes:path", "Open a path to a node, through its NAT if need be.", node="needed"
    )
    path.add_argument(
        "node_key", metavar="KEY[@HOST:PORT]", help="its public key, as its kad status shows it"
    )
    add_bootstrap(path)
    find_node = verbs.add(
        "find-node=nodes:find_node", "Find the nodes closest to an ID.", node="needed"
    )
    find_node.add_argument("id", nargs="?", metavar="ID", help="40 hexadecimal digits")
    find_node.add_argument(
        "--key", metavar="NAME", help="a name; its key then takes the place of the ID"
    )
    add_bootstrap(find_node)


def _add_inspecting_verbs(verbs: Verbs) -> None:
    status = verbs.add(
        "status=running:status", "Show how a running node is doing.", node="needed", reactor=False
    )
    status.add_argument(
        "--watch", nargs="?", type=seconds, const=WATCH_EVERY, metavar="TIME",
        help="show it again and again, every so often (default: 2 s), until it is interrupted",
    )  # fmt: skip
    add_count(status)
    verbs.add(
        "routing=running:routing", "Show the routing tables of a running node.", node="needed",
        reactor=False,
    )  # fmt: skip
    top = verbs.add(
        "top=eyes.top:top", "Show what a running node does, as it does it.", node="needed",
        reactor=False, endless=True,
    )  # fmt: skip
    top.add_argument(
        "--every", type=seconds, default=WATCH_EVERY, metavar="TIME",
        help="how often (default: 2 s)",
    )  # fmt: skip
    add_count(top)
    verbs.add(
        "doctor=eyes.doctor:doctor",
        "Look for what may be wrong with the node of this machine, and say what to do.",
        reactor=False, looks=True, patience=DOCTOR_PATIENCE,
    )  # fmt: skip
    waiting = verbs.add(
        "wait=waiting:wait",
        "Wait until the running node is in its network.",
        reactor=False,
        looks=True,
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


def _add_preparing_verbs(verbs: Verbs) -> None:
    init = verbs.add(
        "init=preparing:init",
        "Prepare a node: its state directory and identity, a network secret, and node.toml.",
        reactor=False,
    )
    init.add_argument(
        "directory",
        nargs="?",
        metavar="DIRECTORY",
        help="where all of it is made (default: ~/.config/kademlia, where the daemon and kad look)",
    )
    init.add_argument(
        "--open", action="store_true", help="make no secret: whoever knows an address may join"
    )
    add_bootstrap(init)
    secret = verbs.add(
        "secret=preparing:secret", "Make a network secret that nobody guesses.", reactor=False
    )
    secret.add_argument("action", choices=("new",), help="new: make one")
    secret.add_argument(
        "file",
        nargs="?",
        default="-",
        metavar="FILE",
        help="the file to make; - means standard output (default: -)",
    )
    completion = verbs.add(
        "completion=preparing:completion",
        "Print a script that lets a shell complete the verbs and options of kad.",
        reactor=False,
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


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
        default=60,
        metavar="COUNT",
        help=f"how many nodes, {few} to {many} (default: 60)",
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
        metavar="PRESET|FILE.toml|FILE.json|sweep",
        help="what to simulate, or a saved result to show again (default: list the presets); sweep "
        "runs one scenario over many seeds and settings",
    )
    simulate.add_argument(
        "file", nargs="?", metavar="FILE", help="of a sweep: its FILE.toml, or example"
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
    simulate.add_argument(
        "--directory",
        metavar="DIRECTORY",
        help="of a sweep: where the results of its runs are kept (default: FILE.results)",
    )
    simulate.add_argument(
        "--jobs",
        type=positive,
        metavar="COUNT",
        help="of a sweep: how many runs go on at once (default: as many as there are processors)",
    )
    simulate.add_argument(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="of a sweep: let the workers of this scheduler of dask.distributed do the runs",
    )


# --- Types of arguments ----------------------------------------------------------------------


def nodes(text: str) -> int:
    """How many nodes a demo has."""
    few, many = DEMO_NODES
    number = whole_number(text)
    if number is None or not few <= number <= many:
        raise argparse.ArgumentTypeError(f"a demo has {few} to {many} nodes, not {text!r}")
    return number
