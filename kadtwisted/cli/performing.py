"""Whoever performs a verb: the running node, or a short-lived one of our own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kadtwisted.cli.session import Session

if TYPE_CHECKING:
    from kadtwisted.api.operations import Performer


@asynccontextmanager
async def performer(session: Session, towards: str | None = None) -> AsyncIterator[Performer]:
    """The performer of the verb: the running node, or one of our own that joins first.

    A verb that needs no network, only one address, gives this as ``towards``.
    """
    if session.client is not None:
        yield session.client
        return
    from kadtwisted.cli.own_node import own_node

    async with own_node(session, towards) as node:
        yield node
