"""``kad ping``, ``kad path`` and ``kad find-node``: does a node answer, is there a way to it, and
which nodes are closest?"""

from __future__ import annotations

import os

from kadtwisted.cli.performing import performer
from kadtwisted.cli.session import Session, UsageError
from kadtwisted.cli.text.output import nodes_text, path_text, ping_text
from kadtwisted.model.contact import parse_address


async def ping(session: Session) -> int:
    """Check whether a node answers."""
    address = str(parse_address(session.arguments.address))
    async with performer(session, towards=address) as node:
        answer = await node.perform("ping", {"address": address})
    session.output.result(answer, ping_text)
    return os.EX_OK


async def path(session: Session) -> int:
    """Open a path to a node, through its NAT if need be."""
    wanted = session.arguments.node_key
    async with performer(session) as node:
        answer = await node.perform("open-path", {"node": wanted})
    session.output.result(answer, path_text)
    return os.EX_OK


async def find_node(session: Session) -> int:
    """List the nodes closest to an ID, or to the key of a name."""
    arguments = session.arguments
    if (arguments.id is None) == (arguments.key is None):
        raise UsageError("give either an ID of 40 hexadecimal digits or --key NAME")
    name, text = ("key", arguments.key) if arguments.id is None else ("target", arguments.id)
    async with performer(session) as node:
        found = await node.perform("find-node", {name: text})
    session.output.result(found, nodes_text)
    return os.EX_OK
