"""``kad store``, ``kad get`` and ``kad delete``: values under names."""

from __future__ import annotations

import os
from base64 import b64encode
from typing import Any

from kadtwisted.cli.session import Session, UsageError
from kadtwisted.cli.text.output import receipt_text, trace_text
from kadtwisted.errors import NotFound, RecordTooLarge
from kadtwisted.model.ids import id_to_hex, key_of_name
from kadtwisted.parameters import RECORD_LIMIT


async def store(session: Session) -> int:
    """Store a value, and show the receipt on standard error."""
    arguments = session.arguments
    request: dict[str, Any] = {
        "key": arguments.key,
        "value_base64": b64encode(_value(session)).decode(),
    }
    if arguments.lifetime is not None:
        request["lifetime"] = arguments.lifetime
    if arguments.keep:
        _need_a_running_node(session)
        request["keep"] = True
    async with session.performer() as performer:
        receipt = await performer.perform("put", request)
    session.output.report(receipt, lambda shown: receipt_text(shown, arguments.key))
    return os.EX_OK


async def get(session: Session) -> int:
    """Fetch a value and write its bytes to standard output, unchanged."""
    arguments = session.arguments
    request = {"key": arguments.key, "mode": "first" if arguments.first else "latest"}
    async with session.performer() as performer:
        try:
            found = await performer.perform("get", request)
        except NotFound as error:
            raise NotFound(_by_name(str(error), arguments.key)) from None
    if arguments.trace:
        session.output.tell(found["trace"], trace_text)
    session.output.value(found)
    return os.EX_OK


async def delete(session: Session) -> int:
    """Replace a value by a tombstone, and show the receipt on standard error."""
    key = session.arguments.key
    async with session.performer() as performer:
        receipt = await performer.perform("delete", {"key": key})
    session.output.report(receipt, lambda shown: receipt_text(shown, key))
    return os.EX_OK


def _need_a_running_node(session: Session) -> None:
    if session.arguments.bootstrap or session.arguments.state_dir is None:
        raise UsageError(
            "--keep needs a running node that can publish the value again: "
            "give its --state-dir, and leave out --bootstrap"
        )


def _by_name(sentence: str, name: str) -> str:
    """A node's sentence about a key, with the name that was given instead of the key."""
    return sentence.replace(id_to_hex(key_of_name(name)), repr(name))


def _value(session: Session) -> bytes:
    text = session.arguments.value
    # The bytes that were typed, even if they are not valid text.
    data = session.world.stdin.read(RECORD_LIMIT + 1) if text == "-" else os.fsencode(text)
    if len(data) > RECORD_LIMIT:
        raise RecordTooLarge(f"a value has at most {RECORD_LIMIT} bytes with its encoding")
    return data
