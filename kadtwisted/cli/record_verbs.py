"""The verbs of ``kad`` about records, as argument parsers."""

from __future__ import annotations

import argparse
from typing import Any

from kadtwisted.cli.announcing_verbs import add_announcing_verbs
from kadtwisted.cli.parser import Misuse, Parser, kind, positive, seconds, sequence
from kadtwisted.cli.verb_table import (
    BULK_PATIENCE,
    TRANSFER_PATIENCE,
    Verbs,
    add_bootstrap,
    add_key,
    add_name,
    add_wait,
)

DEFAULT_PIN = 10
"""MAGIC: half of the default k: enough that no crash of a few nodes loses it, and fewer than there
are in most networks."""


def add_record_verbs(verbs: Verbs) -> None:
    """Enter all of them."""
    _add_value_verbs(verbs)
    _add_watch(verbs)
    add_announcing_verbs(verbs)
    _add_pins(verbs)
    _add_own(verbs)
    _add_key_verb(verbs)
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
        help="the name and the value, or the value alone if it is signed or immutable; with - the "
        "value is read from standard input",
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
    store.add_argument(
        "--mutable",
        action="store_true",
        help="sign the value: only who has the key file can replace or delete it",
    )
    store.add_argument(
        "--immutable",
        action="store_true",
        help="store the value under its own hash: nobody can replace or delete it",
    )
    _add_signing(store)
    store.add_argument(
        "--cas",
        type=sequence,
        metavar="NUMBER",
        help="only in place of the value with this number, and fail if another writer came between",
    )
    store.add_argument(
        "--pin",
        type=positive,
        default=0,
        metavar="HOLDERS",
        help="let it also count the holders again and again, and store it anew where it is missing",
    )
    add_wait(store)
    _add_from(store, 'lines {"key": NAME, "value": TEXT}, or value_base64 for bytes; lifetime (s)')

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
    _add_from(get, 'names, one on each line, or {"key": NAME}; the answer is lines for put --from')
    delete = verbs.add(
        "delete=records.values:delete", "Delete the value under a name, or one that is signed.",
        aliases=("del", "rm"), node="needed",
    )  # fmt: skip
    add_name(delete)
    _add_signing(delete)
    add_wait(delete)


def _add_signing(parser: Parser) -> None:
    """The options of a signed value."""
    parser.add_argument(
        "--key-file", metavar="FILE", help="the key that signs, as kad key new has made it"
    )
    parser.add_argument(
        "--salt", metavar="SALT", help="tells values of one key apart: a text of at most 64 bytes"
    )


def _add_from(parser: Parser, lines: str) -> None:
    """``--from``: many values at once."""
    parser.add_argument(
        "--from",
        dest="lines_from",
        metavar="FILE",
        help=f"many values at once, from a file, or from standard input with -: {lines}",
    )
    parser.add_argument(
        "--resume",
        metavar="FILE",
        help="where --from notes what is done, so that the same command goes on there (default of "
        "put: beside the file, as FILE.progress)",
    )


def is_of_many(found: argparse.Namespace, program: str) -> bool:
    """Whether many values are put or got at once; if so, by other functions.  :class:`Misuse` for
    options that do not go together."""
    if getattr(found, "lines_from", None) is None:
        if getattr(found, "resume", None) is not None:
            raise Misuse("--resume goes with --from only", program)
        return False
    switches = ("words", "keep", "pin", "mutable", "immutable", "trace")
    texts = ("key", "value", "key_file", "salt", "cas")
    given = [name for name in switches if getattr(found, name, None)]
    given += [name for name in texts if getattr(found, name, None) is not None]  # "" and 0 count
    if given:
        shown = "a NAME" if given[0] == "words" else f"--{given[0].replace('_', '-')}"
        raise Misuse(f"--from takes everything from the file: leave out {shown}", program)
    stores = hasattr(found, "mutable")
    found.module, found.before = "records.many", "take_lines"
    found.function = "put_many" if stores else "get_many"
    found.patience = BULK_PATIENCE
    return True


def is_nameless(found: argparse.Namespace, program: str) -> bool:
    """Whether a value has no name: it is signed, or found by its hash.  :class:`Misuse` for options
    that do not go together."""
    stores = hasattr(found, "mutable")
    if not hasattr(found, "key_file"):
        return False
    signs = found.mutable if stores else found.key_file is not None
    if stores and signs and found.immutable:
        raise Misuse("give --mutable or --immutable, not both", program)
    if stores and signs and found.key_file is None:
        raise Misuse("--mutable needs a --key-file", program)
    for name in ("key_file", "salt", "cas"):
        if not signs and getattr(found, name, None) is not None:
            needed = "--mutable" if stores else "--key-file"
            raise Misuse(f"--{name.replace('_', '-')} goes with {needed} only", program)
    nameless = signs or (stores and found.immutable)
    if nameless and found.key is not None:
        raise Misuse("this value has no name: leave out --key", program)
    return nameless


def _add_key_verb(verbs: Verbs) -> None:
    key = verbs.add(
        "key=keys:key", "Make a key that signs values, or show what is public of one.",
        reactor=False,
    )  # fmt: skip
    key.add_argument(
        "action", choices=("new", "show"), help="new: make one; show: its reference and public key"
    )
    key.add_argument("file", metavar="FILE", help="the file with the key")


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


def _add_pins(verbs: Verbs) -> None:
    pin = verbs.add(
        "pin=records.pins:pin",
        "Let a running node keep a record at no fewer than so many holders.",
        node="needed",
        reactor=False,
        before="need_a_node",
    )
    add_name(pin)
    pin.add_argument(
        "--holders",
        type=positive,
        default=DEFAULT_PIN,
        metavar="HOLDERS",
        help=f"how many nodes must hold it, at most k (default: {DEFAULT_PIN})",
    )
    unpin = verbs.add(
        "unpin=records.pins:unpin", "Let a running node count the holders of a record no more.",
        node="needed", reactor=False, before="need_a_node",
    )  # fmt: skip
    add_name(unpin)


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
    transfers: tuple[tuple[str, str, dict[str, Any]], ...] = (
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
    )
    for target, text, how in transfers:
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
