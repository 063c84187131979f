"""The verbs of ``kad`` about announcements, as argument parsers."""

from __future__ import annotations

import argparse

from kadtwisted.cli.parser import Parser, positive, seconds, whole_number
from kadtwisted.cli.verb_table import Verbs, add_bootstrap, add_name, add_wait

SAMPLE = 20
"""Providers that are shown if not all are wanted: a screen of them."""


def add_announcing_verbs(verbs: Verbs) -> None:
    """Enter all of them."""
    announce = verbs.add(
        "announce=records.announcing:announce",
        "Let the running node announce under a name that something is offered at its address.",
        node="needed",
        before="take_offer",
        own_port=True,
    )
    _add_words(announce)
    announce.add_argument(
        "--port",
        dest="announced_port",
        type=announced_port,
        metavar="PORT",
        help="the port at which it is offered (default: the node's own UDP port); which node is "
        "meant, --port says before the verb, or --state-dir",
    )
    announce.add_argument(
        "--attributes",
        metavar="TEXT|@FILE",
        default="",
        help="what the application says about it, at most 400 bytes; @FILE reads a file",
    )
    announce.add_argument(
        "--lifetime",
        "--ttl",
        type=seconds,
        metavar="TIME",
        help="how long it is believed when the node has gone: 1m to 2h",
    )
    add_wait(announce)
    withdraw = verbs.add(
        "withdraw=records.announcing:withdraw",
        "Let the running node announce nothing under a name any more.",
        node="needed",
        before="need_a_node",
    )
    _add_words(withdraw)
    add_wait(withdraw)
    providers = verbs.add(
        "providers=records.announcing:providers",
        "Show who announces under a name: a fair sample, or all.",
        node="needed",
    )
    add_name(providers)
    how_many = providers.add_mutually_exclusive_group()
    how_many.add_argument("--all", action="store_true", help="show all that can be found")
    how_many.add_argument(
        "--limit",
        type=positive,
        default=SAMPLE,
        metavar="N",
        help=f"show so many at most (default: {SAMPLE})",
    )


def _add_words(parser: Parser) -> None:
    parser.add_argument("words", nargs="*", metavar="NAME", help="the name")
    parser.add_argument("--key", metavar="NAME", help="the name, instead of the word")
    add_bootstrap(parser)


def announced_port(text: str) -> int:
    """A port that something can be offered at."""
    number = whole_number(text)
    if number is None or not 0 < number <= 65535:
        raise argparse.ArgumentTypeError(
            f"a port to announce is a number from 1 to 65535, not {text!r}"
        )
    return number
