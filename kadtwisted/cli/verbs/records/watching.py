"""``kad watch``: tells of each newer record under a key, until it is interrupted."""

from __future__ import annotations

import os
from typing import Any, Final

from kadtwisted.cli.performing import performer
from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import Described, duration
from kadtwisted.cli.verbs.records.values import wanted
from kadtwisted.model.record import Kind

PUBLIC_KEY_DIGITS: Final = 64
"""An announcement's place begins with the public key of who announces."""


async def watch(session: Session) -> int:
    """Write one line for each change, the first for what stands there now."""
    arguments = session.arguments
    request: dict[str, Any] = {**wanted(arguments.key)}
    if arguments.kind is not None:
        request["kind"] = arguments.kind
    left = arguments.count
    async with performer(session) as node:
        async for event in node.stream("watch", request):
            session.output.result(event, change_text)
            if left is not None:
                left -= 1
                if not left:
                    break
    return os.EX_OK


def change_text(change: Described) -> str:
    """One line: what stands there now."""
    where = f"{change['sub']}: " if change["sub"] else ""
    if change["gone"] and change["kind"] == Kind.ANNOUNCEMENT and change["sub"]:
        return "  ".join(
            (change["sub"][:PUBLIC_KEY_DIGITS], "withdrawn" if change["deleted"] else "gone")
        )
    if change["gone"]:
        return where + ("deleted" if change["deleted"] else "nothing is there")
    left = f"for {duration(change['remaining_seconds'])}"
    if "endpoint" in change:
        told = change["attributes"]
        said = f"{change['attributes_base64']} (base64)" if told is None else told
        return f"{change['endpoint']}  {change['public_key']}  {left}  {said}".rstrip()
    if change["value"] is not None:
        return f"{where}{change['value']} ({left})"
    encoded = change["value_base64"] or change["record_base64"]
    return f"{where}{encoded} (base64, {left})"
