"""What a node returns, as dictionaries that JSON can hold.  Every interface uses this one form.

IDs and keys are hexadecimal text, endpoints ``HOST:PORT``, durations seconds under names that end
in ``_seconds``; bytes are base64 under names that end in ``_base64``.  Nothing here decides
anything.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

from kadtwisted.api.answers import of_error
from kadtwisted.errors import InvalidRecord
from kadtwisted.model.announcing import Announcement, Provider, Providers
from kadtwisted.model.contact import Address, Contact, Endpoint
from kadtwisted.model.ids import NodeID, distance, id_to_hex
from kadtwisted.model.publication import Audit, OwnRecord
from kadtwisted.model.record import DatedRecord, RecordsPage, StorageKey
from kadtwisted.model.reference import reference_of
from kadtwisted.model.results import (
    Acknowledgement,
    BootstrapResult,
    BulkResult,
    Change,
    Collection,
    GetResult,
    NodesResult,
    Path,
    PingResult,
    Receipt,
    Trace,
    TraceStep,
)
from kadtwisted.records.kinds import NATIVE_KINDS

Described = dict[str, Any]
"""An object of JSON."""


def of_contact(contact: Contact) -> Described:
    """A contact; ``address`` can be given to ``--bootstrap``.  It has the node's key if that is
    known: then only a node with this key may answer."""
    host, port = contact.endpoint
    return {
        "node_id": id_to_hex(contact.node_id),
        "endpoint": str(Endpoint(host, port)),
        "address": str(Address(host, port, contact.key or None)),
    }


def of_ping(result: PingResult) -> Described:
    """A ping's answer."""
    return {
        **of_contact(result.contact),
        "rtt_seconds": round(result.rtt, 6),
        "observed": of_endpoint(result.observed),
        "unix_time": result.unix_time,
        "agent": result.agent,
    }


def of_path(path: Path) -> Described:
    """Where a node answers, and who has told it of us."""
    introducer = None if path.introducer is None else of_contact(path.introducer)
    return {
        **of_contact(path.contact),
        "rtt_seconds": round(path.rtt, 6),
        "introducer": introducer,
    }


def of_bootstrap(result: BootstrapResult) -> Described:
    """How joining went."""
    return {
        "answered": [of_contact(each) for each in result.answered],
        "failures": dict(result.failures),
        "contacts": result.contacts,
    }


def of_nodes(result: NodesResult) -> Described:
    """The nodes found, closest first."""
    return {
        "target": id_to_hex(result.target),
        "contacts": [_with_distance(each, result.target) for each in result.contacts],
        "trace": of_trace(result.trace),
    }


def of_get(result: GetResult) -> Described:
    """A value: as text where it is UTF-8, always as base64; ``value_base64`` is null where another
    program stored something that is no byte string, and ``raw_base64`` is its bencode."""
    value = result.value
    return {
        "key": id_to_hex(result.key),
        "reference": _reference(result.record),
        "value": None if value is None else _text(value),
        "value_base64": None if value is None else b64encode(value).decode(),
        "raw_base64": b64encode(result.raw).decode(),
        **result.record.facts(),
        "remaining_seconds": result.remaining,
        "holders": result.holders,
        "trace": of_trace(result.trace),
    }


def of_change(change: Change) -> Described:
    """What a watch tells: what stands at a place now.  ``gone`` says that nothing does: nothing was
    there, it was deleted, or it has expired.  An announcement has no ``value``, but what providers
    have."""
    record, value = change.record, change.value
    facts = getattr(record, "facts", None)
    offer = isinstance(record, Announcement) and not record.deleted
    return {
        "kind": int(change.where.kind),
        "key": id_to_hex(change.where.key),
        "sub": change.where.sub.hex(),
        "gone": change.gone,
        "deleted": bool(getattr(record, "deleted", False)),
        "value": None if value is None else _text(value),
        "value_base64": None if value is None else b64encode(value).decode(),
        "record_base64": b64encode(change.data).decode(),
        **(facts() if facts is not None else {}),
        **(_offer(record) if offer else {}),
        "remaining_seconds": change.remaining,
    }


def _offer(announced: Announcement) -> Described:
    return {
        "public_key": announced.public_key.hex(),
        "endpoint": str(announced.endpoint),
        "attributes": _text(announced.attributes),
        "attributes_base64": b64encode(announced.attributes).decode(),
    }


def of_receipt(receipt: Receipt) -> Described:
    """Which nodes keep a record so far, why others do not, and who has not decided yet."""
    return {
        "key": id_to_hex(receipt.key),
        "reference": _reference(receipt.record),
        "deleted": receipt.record.deleted,
        **receipt.record.facts(),
        "remote_acks": receipt.remote_acks,
        "acknowledged": [_acknowledgement(each) for each in receipt.acknowledged],
        "failures": dict(receipt.failures),
        "passed_over": [str(each) for each in receipt.passed_over],
        "pending": [str(each) for each in receipt.pending],
        "trace": of_trace(receipt.trace),
    }


def of_many(results: Sequence[BulkResult[Any]], describe: Callable[[Any], Described]) -> Described:
    """What came of many puts or gets, in their order: what each gave, or its ``error``."""
    return {
        "results": [
            {"error": of_error(each.error)} if each.error is not None else describe(each.result)
            for each in results
        ]
    }


def of_stored(receipt: Receipt) -> Described:
    """What is left of a receipt where there are many: how many nodes hold the value, and for how
    long at least (s)."""
    return {
        "key": id_to_hex(receipt.key),
        "remote_acks": receipt.remote_acks,
        "remaining_seconds": min((e.remaining for e in receipt.acknowledged), default=0),
    }


def of_gotten(result: GetResult) -> Described:
    """A value where there are many: as text where it is UTF-8, else as base64; both are null where
    another program stored something that is no byte string."""
    value = result.value
    text = None if value is None else _text(value)
    in_base64 = None if value is None or text is not None else b64encode(value).decode()
    return {
        "key": id_to_hex(result.key),
        "value": text,
        "value_base64": in_base64,
        "remaining_seconds": result.remaining,
        "holders": result.holders,
    }


def of_collection(found: Collection) -> Described:
    """All records of one kind under a key."""
    return {
        "kind": found.kind,
        "key": id_to_hex(found.key),
        "records": [
            {
                "sub": each.where.sub.hex(),
                "record_base64": b64encode(each.data).decode("ascii"),
                "remaining_seconds": each.remaining,
                "holders": each.holders,
            }
            for each in found.records
        ],
        "trace": of_trace(found.trace),
    }


def of_providers(found: Providers) -> Described:
    """Who announces under a key; ``attributes`` is null where they are no text."""
    return {
        "key": id_to_hex(found.key),
        "complete": found.complete,
        "providers": [_provider(each) for each in found.providers],
        "trace": of_trace(found.trace),
    }


def _provider(each: Provider) -> Described:
    return {
        "node_id": id_to_hex(each.node_id),
        "public_key": each.public_key.hex(),
        "endpoint": str(each.endpoint),
        "attributes": _text(each.attributes),
        "attributes_base64": b64encode(each.attributes).decode(),
        "remaining_seconds": each.remaining,
        "holders": each.holders,
    }


def of_trace(trace: Trace) -> Described:
    """A lookup's history."""
    return {
        "duration_seconds": round(trace.duration, 6),
        "hops": trace.hops,
        "steps": [_step(each) for each in trace.steps],
    }


def of_own(records: Sequence[OwnRecord], limit: int) -> Described:
    """A page of a node's own records; ``next`` is the place to go on after, ``null`` at the end."""
    own = [of_own_record(each) for each in records]
    return {"own": own, "next": own[-1]["place"] if own and len(own) == limit else None}


def of_own_record(record: OwnRecord) -> Described:
    """A record of a node's own: its place, what becomes of it, and its pin."""
    return {
        "place": list(_place(record.where)),
        "reference": _reference_of(record),
        "state": record.state,
        "lifetime_seconds": record.lifetime,
        "next_at_unix": record.next_at,
        "pin": record.pin,
        "audit": None if record.audit is None else _audit(record.audit),
        "record_base64": b64encode(record.record).decode("ascii"),
    }


def _reference_of(record: OwnRecord) -> str | None:
    """What others find a record by; ``None`` for a kind that no reference names."""
    rules = NATIVE_KINDS.get(record.where.kind)
    try:
        reference = None if rules is None else reference_of(rules.decode(record.record))
    except InvalidRecord:
        return None
    return None if reference is None else str(reference)


def _audit(audit: Audit) -> Described:
    """A count of a pinned record's holders: found, and held after the repair."""
    return {"at_unix": audit.at, "found": audit.found, "held": audit.held}


def of_records(page: RecordsPage) -> Described:
    """Stored records; ``next`` is the ``after`` of the next page, null if there is none."""
    return {
        "records": [of_record(each) for each in page.records],
        "next": None if page.next is None else _place(page.next),
    }


def of_record(record: DatedRecord) -> Described:
    """A stored record: its place, its data byte for byte, its times by the wall clock."""
    kind, key, sub = _place(record.where)
    return {
        "kind": kind,
        "key": key,
        "sub": sub,
        "data": b64encode(record.data).decode(),
        "expires_unix": record.expires_unix,
        "arrived_unix": record.arrived_unix,
    }


def _reference(record: Any) -> str | None:
    reference = reference_of(record)
    return None if reference is None else str(reference)


def rounded(seconds: float | None) -> float | None:
    """To milliseconds."""
    return None if seconds is None else round(seconds, 3)


def of_endpoint(endpoint: Endpoint | None) -> str | None:
    """``HOST:PORT``."""
    return None if endpoint is None else str(endpoint)


def _place(where: StorageKey) -> tuple[int, str, str]:
    return where.kind, id_to_hex(where.key), where.sub.hex()


def _text(value: bytes) -> str | None:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _with_distance(contact: Contact, target: NodeID) -> Described:
    return {**of_contact(contact), "distance": f"{distance(contact.node_id, target):040x}"}


def _acknowledgement(each: Acknowledgement) -> Described:
    who = {"node_id": None, "endpoint": None, "address": None}
    return {
        **(who if each.contact is None else of_contact(each.contact)),
        "distance": f"{each.distance:040x}",
        "remaining_seconds": each.remaining,
    }


def _step(step: TraceStep) -> Described:
    return {
        **of_contact(step.contact),
        "asked_seconds": round(step.asked, 6),
        "answered_seconds": None if step.answered is None else round(step.answered, 6),
        "outcome": step.outcome,
    }
