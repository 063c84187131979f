"""``kad store``, ``kad get`` and ``kad delete``: values under names."""

from __future__ import annotations

import os
from binascii import b2a_base64
from typing import Any

from kadtwisted.cli.performing import performer
from kadtwisted.cli.session import Session, UsageError
from kadtwisted.cli.streams import read_all
from kadtwisted.cli.text.output import CannotWrite, Described, receipt_text, trace_text
from kadtwisted.cli.verb_table import waiting_for
from kadtwisted.errors import NotFound, RecordTooLarge

LOOKED_AT = 900
"""MAGIC: bytes of a value that is surely not too long; others are compared with the limit, which is
imported then."""
PREFIX = "kad:"
"""What begins so is a reference, and no name; the module of references is seldom imported."""
MOST_READ = 32768
"""MAGIC: bytes that are read of a value, far more than any may have."""


async def store(session: Session) -> int:
    """Store a value, and show the receipt on standard error."""
    arguments = session.arguments
    if arguments.mutable or arguments.immutable:
        # What signs and hashes is imported for this alone.
        from kadtwisted.cli.verbs.records import signed

        put = signed.put_mutable if arguments.mutable else signed.put_immutable
        await put(session, lambda receipt: _report(session, receipt, "stored"))
        return os.EX_OK
    request: dict[str, Any] = {
        **_place(arguments.key),
        **waiting_for(arguments),
        "value_base64": b2a_base64(session.input, newline=False).decode(),
    }
    if arguments.lifetime is not None:
        request["lifetime"] = arguments.lifetime
    if arguments.keep:
        request["keep"] = True
    if arguments.pin:
        request["pin"] = arguments.pin
    async with performer(session) as node:
        # A node of our own goes on to its end when the receipt has been shown.
        _report(session, await node.perform("put", request), "stored")
    return os.EX_OK


async def get(session: Session) -> int:
    """Fetch a value and write its bytes to standard output, unchanged."""
    arguments = session.arguments
    request = wanted(arguments.key)
    if arguments.first:
        request["mode"] = "first"
    async with performer(session) as node:
        try:
            found = await node.perform("get", request)
        except NotFound as error:
            raise NotFound(_by_name(str(error), arguments.key)) from None
    if arguments.trace:
        session.output.tell(found["trace"], trace_text)
        if "seq" in found:
            session.output.note(f"kad: its sequence number, for --cas, is {found['seq']}")
    session.output.value(found)
    return os.EX_OK


async def delete(session: Session) -> int:
    """Replace a value by a tombstone, and show the receipt on standard error."""
    arguments = session.arguments
    if arguments.key_file is not None:
        from kadtwisted.cli.verbs.records import signed

        await signed.delete_mutable(session, lambda told: _report(session, told, "deleted"))
        return os.EX_OK
    request = {**_place(arguments.key), **waiting_for(arguments)}
    async with performer(session) as node:
        _report(session, await node.perform("delete", request), "deleted")
    return os.EX_OK


def wanted(name: str) -> dict[str, Any]:
    """What to look for: a name, or a reference."""
    is_reference = name[: len(PREFIX)].lower() == PREFIX
    return {"reference" if is_reference else "key": name}


def _place(name: str) -> dict[str, Any]:
    """Where to store or delete a plain value: under a name, or under the key that a reference
    names."""
    if "reference" not in wanted(name):
        return {"key": name}
    from kadtwisted.model.ids import id_to_hex
    from kadtwisted.model.record import Kind
    from kadtwisted.model.reference import parse_reference

    reference = parse_reference(name)
    if reference.kind != Kind.VALUE:
        raise UsageError(
            f"{name} is no place for a plain value: a mutable value is written and deleted with "
            "--key-file, and an immutable one stays as it is"
        )
    return {"key_hex": id_to_hex(reference.key)}


def _report(session: Session, receipt: Described, done: str) -> None:
    """Show a receipt.  What is done is told as done, even if the receipt cannot be written."""
    try:
        session.output.report(receipt, lambda shown: receipt_text(shown, session.arguments.key))
    except CannotWrite as error:
        raise CannotWrite(f"it was {done}, but the receipt is lost: {error}") from error


def take_value(session: Session) -> None:
    """Read the value.  Standard input may be silent, so this is done before anything else runs."""
    arguments = session.arguments
    if (arguments.keep or arguments.pin) and session.client is None:
        raise session.no_node or UsageError(
            "--keep and --pin need a running node that can publish the value again: "
            "give its --state-dir, and leave out --bootstrap"
        )
    if arguments.value == "-":
        with session.waiting_for("standard input has not ended"):
            data = read_all(session.world.stdin, MOST_READ)
    else:
        data = os.fsencode(arguments.value)  # the bytes that were typed, even if no valid text
    if len(data) > LOOKED_AT:
        from kadtwisted.constants import RECORD_LIMIT

        if len(data) > RECORD_LIMIT:
            raise RecordTooLarge(f"a value has at most {RECORD_LIMIT} bytes with its encoding")
    session.input = data


def _by_name(sentence: str, name: str) -> str:
    """A node's sentence about a key, with the name that was given instead of the key."""
    from kadtwisted.model.ids import id_to_hex, key_of_name

    if "reference" in wanted(name):
        return sentence
    return sentence.replace(id_to_hex(key_of_name(name)), repr(name))
