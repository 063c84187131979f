"""Asking once more where somebody waits for the outcome and the other node is busy.

A node that has too much to do says BUSY, and when to try again.  A write, or a request to one node,
then waits and is sent once more.  A lookup does not: it has other nodes to ask.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from kadtwisted.errors import ErrorReply
from kadtwisted.model.messages import ErrorCode
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.requests import Answer

LONGEST_WAIT = 5.0
"""MAGIC: seconds; a node that wants more is as good as one that refuses, and others have answered
meanwhile.  This program says one second."""


def ask_patiently(context: NodeContext, ask: Callable[[], Deferred[Answer]]) -> Deferred[Answer]:
    """Ask, and once more after the time that a busy node names, if that is soon.

    Fails as the last request does.
    """
    return Deferred.fromCoroutine(_ask(context, ask))


async def _ask(context: NodeContext, ask: Callable[[], Deferred[Answer]]) -> Answer:
    try:
        return await ask()
    except ErrorReply as error:
        if error.code != ErrorCode.BUSY or not 0 < error.retry_after <= LONGEST_WAIT:
            raise
        wait = error.retry_after
    context.counters.add("busy.waited")
    await deferLater(context.reactor, wait)
    return await ask()
