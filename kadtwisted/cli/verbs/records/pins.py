"""``kad pin`` and ``kad unpin``: records kept at no fewer than so many holders."""

from __future__ import annotations

import os

from kadtwisted.cli.exit_codes import NOT_FOUND
from kadtwisted.cli.performing import performer
from kadtwisted.cli.session import Session, UsageError
from kadtwisted.cli.text.status import pinned_text
from kadtwisted.cli.verbs.records.values import wanted


async def pin(session: Session) -> int:
    """Pin a record, and say what becomes of it."""
    arguments = session.arguments
    request = {**wanted(arguments.key), "holders": arguments.holders}
    async with performer(session) as node:
        pinned = await node.perform("pin", request)
    session.output.report(pinned, lambda shown: pinned_text(shown, arguments.key))
    return os.EX_OK


async def unpin(session: Session) -> int:
    """End a pin."""
    key = session.arguments.key
    async with performer(session) as node:
        answer = await node.perform("unpin", wanted(key))
    was_pinned = answer["was_pinned"]
    said = "is pinned no more" if was_pinned else "was not pinned"
    session.output.report(answer, lambda _: f"{key!r} {said}")
    return os.EX_OK if was_pinned else NOT_FOUND


def need_a_node(session: Session) -> None:
    """A pin is that of a node that stays."""
    if session.client is None:
        raise session.no_node or UsageError(
            "only a node that stays pins a record: leave out --bootstrap, and give the --state-dir "
            "of a running node"
        )
