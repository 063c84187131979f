"""``kad announce``, ``kad withdraw`` and ``kad providers``: who offers what."""

from __future__ import annotations

import os
from binascii import b2a_base64
from pathlib import Path
from typing import Any

from kadtwisted.cli.performing import performer
from kadtwisted.cli.session import Session, UsageError
from kadtwisted.cli.text.output import Described, duration, receipt_text
from kadtwisted.cli.verb_table import waiting_for
from kadtwisted.cli.verbs.records.values import wanted
from kadtwisted.errors import InvalidInput, RecordTooLarge, reason_of


async def announce(session: Session) -> int:
    """Announce something, and show the receipt on standard error."""
    arguments = session.arguments
    request: dict[str, Any] = {"key": _name(session), **waiting_for(arguments)}
    if arguments.announced_port is not None:
        request["port"] = arguments.announced_port
    if session.input:
        request["attributes_base64"] = b2a_base64(session.input, newline=False).decode()
    if arguments.lifetime is not None:
        request["lifetime"] = arguments.lifetime
    async with performer(session) as node:
        _report(session, await node.perform("announce", request), "announced")
    return os.EX_OK


async def withdraw(session: Session) -> int:
    """Announce it no more, and show the receipt on standard error."""
    async with performer(session) as node:
        request = {"key": _name(session), **waiting_for(session.arguments)}
        receipt = await node.perform("withdraw", request)
    _report(session, receipt, "withdrew")
    return os.EX_OK


async def providers(session: Session) -> int:
    """Show who announces, one a line."""
    arguments = session.arguments
    request: dict[str, Any] = {"key": _name(session)}
    if not arguments.all:
        request["limit"] = arguments.limit
    async with performer(session) as node:
        session.output.result(await node.perform("providers", request), providers_text)
    return os.EX_OK


def _name(session: Session) -> str:
    """The name given; a reference is none: what it names is a value."""
    name: str = session.arguments.key
    if "reference" in wanted(name):
        raise UsageError("something is announced under a name, not under a reference kad:...")
    return name


def providers_text(found: Described) -> str:
    """One line for each provider."""
    lines = [_provider_text(each) for each in found["providers"]]
    if not lines:
        return "nobody announces under this name"
    return "\n".join([*lines, *([] if found["complete"] else ["(a sample; --all shows all)"])])


def _provider_text(each: Described) -> str:
    told = each["attributes"]
    said = each["attributes_base64"] + " (base64)" if told is None else told
    left = duration(each["remaining_seconds"])
    return f"{each['endpoint']}  {each['node_id']}  for {left}  {said}".rstrip()


def _report(session: Session, receipt: Described, done: str) -> None:
    session.output.report(receipt, lambda shown: receipt_text(shown, session.arguments.key, done))


def need_a_node(session: Session) -> None:
    """An announcement is that of a node that stays."""
    if session.client is None:
        raise session.no_node or UsageError(
            "only a node that stays announces something: leave out --bootstrap, and give the "
            "--state-dir of a running node"
        )


def take_offer(session: Session) -> None:
    """Read the attributes."""
    need_a_node(session)
    from kadtwisted.constants import ATTRIBUTES_LIMIT

    told: str = session.arguments.attributes
    data = _content(Path(told[1:])) if told.startswith("@") else os.fsencode(told)
    if len(data) > ATTRIBUTES_LIMIT:
        raise RecordTooLarge(f"an announcement has at most {ATTRIBUTES_LIMIT} bytes of attributes")
    session.input = data


def _content(path: Path) -> bytes:
    """What a file holds, and at most a byte more than fits."""
    from kadtwisted.constants import ATTRIBUTES_LIMIT
    from kadtwisted.storage.guard import open_file

    try:
        with open_file(path) as stream:
            return stream.read(ATTRIBUTES_LIMIT + 1)
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {reason_of(error)}") from error
