"""``kad put --mutable``, ``kad put --immutable`` and ``kad delete --key-file``.

The node that performs the verb never gets the secret key: ``kad`` asks it for the record that
stands there, signs the next one, and hands that over.
"""

from __future__ import annotations

import os
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kadtwisted.cli.performing import performer
from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import Described
from kadtwisted.cli.verb_table import waiting_for
from kadtwisted.errors import Superseded
from kadtwisted.model import bencode
from kadtwisted.model.ids import id_to_hex
from kadtwisted.model.record import DELETED, Immutable, Kind
from kadtwisted.model.reference import check_salt
from kadtwisted.records import immutable, mutable
from kadtwisted.state.signing_key_file import load_signing_key

if TYPE_CHECKING:
    from kadtwisted.api.operations import Performer

TRIES = 3
"""MAGIC: how often the record that stands there is read, while other writers come between."""


Report = Callable[[Described], None]
"""Shows a receipt."""


async def put_immutable(session: Session, report: Report) -> None:
    """Store the value under its hash."""
    record = immutable.encode(Immutable(bencode.encode(session.input)))
    async with performer(session) as node:
        report(await node.perform("put-record", _request(record, _wishes(session))))


async def put_mutable(session: Session, report: Report) -> None:
    """Sign the value and store it."""
    draft = _draft(session, bencode.encode(session.input))
    wishes, cas = _wishes(session), session.arguments.cas
    async with performer(session) as node:
        if cas is None:
            report(await _store_next(session, node, draft, wishes))
        else:
            wishes["cas"] = cas
            record = mutable.write(draft, cas + 1)
            report(await node.perform("put-record", _request(record, wishes)))


async def delete_mutable(session: Session, report: Report) -> None:
    """Sign a tombstone and store it.  A running node keeps it published."""
    wishes = waiting_for(session.arguments)
    if session.client is not None:
        wishes["keep"] = True
    draft = _draft(session, DELETED)
    async with performer(session) as node:
        report(await _store_next(session, node, draft, wishes))


def _draft(session: Session, v: bytes) -> mutable.Draft:
    arguments = session.arguments
    key = load_signing_key(Path(arguments.key_file))
    salt = check_salt(os.fsencode(arguments.salt or ""))
    draft = mutable.Draft(key.public_key, key.sign, salt, v)
    mutable.check_size(draft)
    return draft


async def _store_next(
    session: Session, node: Performer, draft: mutable.Draft, wishes: Mapping[str, Any]
) -> Described:
    """Store the record that comes after the one that stands there, whichever that is."""
    key = mutable.key_of(draft.public_key, draft.salt)
    where = {"kind": int(Kind.MUTABLE), "key_hex": id_to_hex(key)}
    for left in reversed(range(TRIES)):
        found = await node.perform("collect", where)
        seen = [a2b_base64(each["record_base64"]) for each in found["records"]]
        record = mutable.publish(draft, seen, session.world.unix_time())
        try:
            return await node.perform("put-record", _request(record, wishes))
        except Superseded:
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


def _wishes(session: Session) -> dict[str, Any]:
    given = session.arguments
    wishes = waiting_for(given)
    if given.keep:
        wishes["keep"] = True
    if given.pin:
        wishes["pin"] = given.pin
    if given.lifetime is not None:
        wishes["lifetime"] = given.lifetime
    return wishes


def _request(record: bytes, wishes: Mapping[str, Any]) -> dict[str, Any]:
    return {"record_base64": b2a_base64(record, newline=False).decode("ascii"), **wishes}
