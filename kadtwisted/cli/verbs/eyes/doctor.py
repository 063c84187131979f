"""``kad doctor``: what may be wrong with the node of this machine, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.api.peers import ControlRefused
from kadtwisted.cli.limits import OutOfTime
from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import Described, table
from kadtwisted.cli.verbs.eyes.findings import (
    ADVICE,
    BAD,
    FAR,
    HELD_UP,
    NO_TOKEN,
    NOTE,
    OK,
    WARN,
    Finding,
    of_buffer,
    of_directory,
    of_status,
    of_unit,
)
from kadtwisted.cli.verbs.eyes.machine import Machine
from kadtwisted.errors import ConfigurationError, KadtwistedError, NodeStopped
from kadtwisted.model.health import Health
from kadtwisted.parameters import NodeSettings
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.settings.loading import Configuration
from kadtwisted.settings.whereabouts import whereabouts
from kadtwisted.storage.guard import UnsafeFile

NODE_SECONDS: Final = 10.0
"""A node that takes longer to say how it is is held up."""
MOST_ASKED: Final = 8
"""MAGIC: bootstrap addresses that are asked: few nodes have more, and a silent one takes long."""


async def doctor(session: Session) -> int:
    """Look at everything.  The code is 0 if nothing is bad, 69 if no node answers, else 78."""
    return await examine(session, Machine())


async def examine(session: Session, machine: Machine) -> int:
    """The same, on any machine."""
    found: list[Finding] = []
    settings = None
    if session.arguments.gateway is None:
        settings, finding = _settings(session)
        found.append(finding)
    answers = await _node(session, found)
    if settings is not None:
        if answers:
            found += [each async for each in _bootstraps(session, settings)]
        elif answers is None:
            found.append(_port(machine, session.arguments.port or settings.node.port))
    if session.arguments.gateway is None:
        found += _machine(session, machine, settings)
    described = {"findings": [each._asdict() for each in found]}
    session.output.result(described, doctor_text)
    if not answers:
        return os.EX_UNAVAILABLE
    return os.EX_CONFIG if any(each.state == BAD for each in found) else os.EX_OK


def doctor_text(described: Described) -> str:
    """One line for each finding, and another for what to do."""
    found: Sequence[Described] = described["findings"]
    rows = [(each["state"].upper(), each["name"], each["found"]) for each in found]
    lines = table(("", "", ""), rows).split("\n")[1:]
    shown: list[str] = []
    for line, each in zip(lines, found, strict=True):
        shown.append(line)
        if each["advice"]:
            shown.append(f"      -> {each['advice']}")
    worst = [each for each in found if each["state"] in (WARN, BAD)]
    end = f"{len(worst)} to look at." if worst else "Nothing is wrong."
    return "\n".join([*shown, "", end])


def _settings(session: Session) -> tuple[DaemonSettings | None, Finding]:
    """What the daemon would be told by its configuration and environment."""
    try:
        loaded = Configuration(session.world.environ).load()
    except ConfigurationError as error:
        return None, Finding("settings", BAD, str(error), "kad config check says where")
    where = "no file, so the defaults" if loaded.file is None else str(loaded.file)
    return loaded.settings, Finding("settings", OK, where)


async def _node(session: Session, found: list[Finding]) -> bool | None:
    """Whether a node answers, ``None`` if none is there; what it says is found."""
    is_far = session.arguments.gateway is not None
    most = min(NODE_SECONDS, session.seconds_left)
    try:
        with session.world.limited(most):
            session.look_for_node()
            assert session.client is not None, "or it was not there, which was raised"
            status = await session.client.perform("status", {})
    except (ControlUnavailable, NodeStopped) as error:
        found.append(Finding("node", BAD, str(error), FAR if is_far else ADVICE[Health.STOPPED]))
        return None
    except (ControlRefused, UnsafeFile) as error:
        advice = NO_TOKEN if is_far else "ask as the user of the node, as by sudo -u"
        found.append(Finding("node", BAD, str(error), advice))
        return False
    except OutOfTime:
        told = f"the node has not answered within {most:.0f} s"
        found.append(Finding("node", BAD, told, HELD_UP))
        return False
    found += of_status(status)
    return True


async def _bootstraps(session: Session, settings: DaemonSettings) -> AsyncIterator[Finding]:
    """Whether the addresses through which the node joins answer."""
    client, addresses = session.client, settings.bootstrap
    if client is None:
        return
    if not addresses:
        told = (
            "no bootstrap address in these settings; a node without one on its command line "
            "either is the first, or joins through contacts it remembers"
        )
        yield Finding("bootstrap", NOTE, told)
    for each in addresses[:MOST_ASKED]:
        try:
            pong: Any = await client.perform("ping", {"address": str(each)})
        except KadtwistedError as error:
            advice = "is the address right, does that node run, and does UDP pass both ways?"
            yield Finding("bootstrap", WARN, f"{each}: {error}", advice)
        else:
            yield Finding("bootstrap", OK, f"{each} answers in {pong['rtt_seconds'] * 1e3:.0f} ms")


def _port(machine: Machine, port: int) -> Finding:
    """The port of a node that does not run."""
    if machine.port_is_free(port) is False:
        advice = f"see who has it: ss -ulpn sport = :{port}; or choose another with port ="
        return Finding("port", BAD, f"another program has UDP port {port}", advice)
    return Finding("port", OK, f"UDP port {port} is free")


def _machine(
    session: Session, machine: Machine, settings: DaemonSettings | None
) -> Iterator[Finding]:
    wanted = (settings.node if settings is not None else NodeSettings()).bounds.receive_buffer
    yield of_buffer(machine.receive_buffer(), wanted)
    given = session.arguments
    try:
        places = whereabouts(session.world.environ, given.state_dir, given.port).directories
    except ConfigurationError as error:
        yield Finding("state", BAD, str(error), "kad config check says where")
    else:
        there = [each for each in map(machine.directory, places) if each is not None]
        yield of_directory(there[0] if there else None, str(places[0]), os.getuid())
    yield of_unit(machine.unit(), machine.has_systemd())
