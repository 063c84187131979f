"""The verbs of ``kad`` about records, as argument parsers."""

from __future__ import annotations

from kadtwisted.cli.parser import kind, positive, seconds
from kadtwisted.cli.verb_table import TRANSFER_PATIENCE, Verbs, add_bootstrap, add_key, add_name


def add_record_verbs(verbs: Verbs) -> None:
    """Enter all of them."""
    _add_value_verbs(verbs)
    _add_watch(verbs)
    _add_own(verbs)
    _add_transfer_verbs(verbs)


def _add_value_verbs(verbs: Verbs) -> None:
    store = verbs.add(
        "store=records.values:store", "Store a value under a name.",
        aliases=("put", "set"), node="needed", before="take_value",
    )  # fmt: skip
    store.add_argument(
        "words",
        nargs="*",
        metavar="NAME VALUE",
        help="the name and the value; with - the value is read from standard input",
    )
    add_bootstrap(store)
    add_key(store)
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

    get = verbs.add("get=records.values:get", "Fetch the value under a name.", node="needed")
    add_name(get)
    get.add_argument(
        "--first",
        action="store_true",
        help="take the first value that is found, not the newest of all",
    )
    get.add_argument(
        "--trace", action="store_true", help="show the steps of the lookup on standard error"
    )
    delete = verbs.add(
        "delete=records.values:delete", "Delete the value under a name.",
        aliases=("del", "rm"), node="needed",
    )  # fmt: skip
    add_name(delete)


def _add_watch(verbs: Verbs) -> None:
    watch = verbs.add(
        "watch=records.watching:watch",
        "Tell of each newer value under a name, until it is interrupted.",
        node="needed",
        endless=True,
    )
    add_name(watch)
    watch.add_argument(
        "--kind",
        type=kind,
        metavar="KIND",
        help="value, immutable, mutable, announcement, or a number (default: value)",
    )
    watch.add_argument(
        "--count",
        type=positive,
        metavar="N",
        help="end after so many changes; the first is the state now",
    )


def _add_own(verbs: Verbs) -> None:
    own = verbs.add(
        "own=running:own",
        "List what a running node keeps published (store --keep), and what has lost its place.",
        node="needed",
        reactor=False,
    )
    own.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="only what was stored under these names; a node knows keys, and no names",
    )


def _add_transfer_verbs(verbs: Verbs) -> None:
    for target, text, how in (
        (
            "export=records.exporting:export",
            "Write all records of a node to a file.",
            {"node": "or a storage"},
        ),
        (
            "import=records.importing:import_records",
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
