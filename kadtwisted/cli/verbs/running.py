"""``kad status`` and ``kad routing``: the state of a running node, through its control socket."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from kadtwisted.cli.exit_codes import NOT_FOUND
from kadtwisted.cli.performing import performer
from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import Described
from kadtwisted.cli.text.status import gone_text, own_text, routing_text, status_text


async def status(session: Session) -> int:
    """Print the state of a running node; with ``--watch`` again and again."""
    every = session.arguments.watch
    if every is not None:
        from kadtwisted.cli.verbs.eyes.live import GONE, Screen, looks

        screen = Screen(session)
        async for look in looks(session, ("status",), every, session.arguments.count):
            screen.show(look.get("status") or look[GONE], _status_or_gone)
        return os.EX_OK
    return await _show(session, "status", status_text)


async def routing(session: Session) -> int:
    """Print the routing tables of a running node."""
    return await _show(session, "routing", routing_text)


async def own(session: Session) -> int:
    """List what a running node keeps published, and what has lost its place to others."""
    names = _by_key(session.arguments.names)
    found: list[Described] = []
    after = None
    async with performer(session) as node:
        while True:  # bounded by upkeep.own_records
            page = await node.perform("own", {"after": after})
            found += page["own"]
            after = page["next"]
            if after is None:
                break
    own = [{**each, "name": names.get(each["place"][1])} for each in found]
    if names:
        own = [each for each in own if each["name"] is not None]
    now = session.world.unix_time()
    session.output.result({"own": own}, lambda shown: own_text(shown, now))
    return os.EX_OK if own or not names else NOT_FOUND


def _status_or_gone(look: Described) -> str:
    return status_text(look) if "health" in look else gone_text(look)


def _by_key(names: Sequence[str]) -> Mapping[str, str]:
    """The names by their keys, as hexadecimal digits: a node knows the keys alone."""
    if not names:
        return {}
    from kadtwisted.model.ids import id_to_hex, key_of_name

    return {id_to_hex(key_of_name(each)): each for each in names}


async def _show(session: Session, verb: str, text: Callable[[Described], str]) -> int:
    async with performer(session) as node:
        described = await node.perform(verb, {})
    session.output.result(described, text)
    return os.EX_OK
