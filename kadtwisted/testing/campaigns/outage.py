"""No network at all: a lonely node keeps what it knows, sends little, and comes back at once.

There are three cases: a node starts while all its bootstrap nodes are unreachable; two nodes know
only each other; the system of a node refuses to send.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from dataclasses import dataclass

from kadtwisted.errors import KadtwistedError
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE, Crowd
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import Member

REFUSALS = ("ENETUNREACH", "EPERM", "EMSGSIZE", "ECONNREFUSED", "ENOBUFS")


@dataclass(frozen=True, slots=True)
class Outage:
    """Each case lasts ``hours`` hours, for one of ``nodes`` nodes or for two nodes alone."""

    nodes: int = 40
    hours: float = 1.0
    seed: int = 1

    def run(self, report: Report) -> None:
        self._starts_without_network(report)
        self._two_alone(report)
        self._cannot_send(report)

    def _starts_without_network(self, report: Report) -> None:
        crowd = Crowd(self.seed, report)
        crowd.grow(self.nodes)
        late = crowd.add()
        sent = Sent(crowd)
        crowd.network.partition([late.host])
        crowd.join(late)
        crowd.advance(self.hours * HOUR)
        case = "no network at start"
        rate = sent.of(late) / (self.hours * HOUR)
        report.at_most(f"{case}: datagrams a second", rate, 1)
        crowd.network.heal()
        waited = self._until_serving(crowd, late)
        report.at_most(f"{case}: ready after the network is back, s", waited, 60)
        crowd.stop()

    def _two_alone(self, report: Report) -> None:
        crowd = Crowd(self.seed, report)
        crowd.grow(2)
        crowd.advance(10 * MINUTE)
        for apart in (False, True):
            case = "two nodes, cut apart" if apart else "two nodes alone"
            crowd.network.partition(*[[each.host] for each in crowd.members if apart])
            sent = Sent(crowd)
            crowd.advance(self.hours * HOUR)
            both = sum(sent.of(each) for each in crowd.members) / (self.hours * HOUR)
            report.at_most(f"{case}: datagrams a second of both", both, 2)
            kept = min(each.node.status().links[0].contacts for each in crowd.members)
            report.at_least(f"{case}: contacts they keep", kept, 1)
        crowd.network.heal()
        waited = max(self._until_serving(crowd, each) for each in crowd.members)
        report.at_most("two nodes: together again after, s", waited, 60)
        crowd.stop()

    def _cannot_send(self, report: Report) -> None:
        crowd = Crowd(self.seed, report)
        crowd.grow(self.nodes)
        crowd.advance(15 * MINUTE)
        member = crowd.members[1]
        contacts = member.node.status().links[0].contacts
        for name in REFUSALS:
            number = getattr(errno, name)
            member.host.fail_writes(OSError(number, os.strerror(number)))
            ended: list[object] = []
            for each in (member.node.get("a"), member.node.put("b", b"v")):
                each.addErrback(lambda failure: failure.trap(KadtwistedError))
                each.addBoth(ended.append)
            crowd.advance(self.hours / len(REFUSALS) * HOUR)
            report.at_least(f"{name}: operations that ended, of 2", len(ended), 2)
        kept = member.node.status().links[0].contacts
        report.at_least(f"cannot send: contacts kept, of {contacts}", kept, contacts)
        member.host.fail_writes(None)
        waited = self._until_serving(crowd, member)
        report.at_most("can send again: serving after, s", waited, 60)
        crowd.stop()

    def _until_serving(self, crowd: Crowd, member: Member) -> float:
        """Seconds until a node says that it serves and others acknowledge its put."""
        started = crowd.clock.seconds()
        while crowd.clock.seconds() - started < 10 * MINUTE:
            if member.node.status().health == "serving" and self._puts(crowd, member):
                break
            crowd.advance(1)
        return crowd.clock.seconds() - started

    def _puts(self, crowd: Crowd, member: Member) -> bool:
        try:
            return crowd.wait(member.node.put("is anybody there", b"v")).remote_acks > 0
        except KadtwistedError:
            return False


class Sent:
    """Counts what each member sends from now on."""

    def __init__(self, crowd: Crowd) -> None:
        self._counts: Counter[str] = Counter()
        crowd.network.watch(self._count)

    def _count(self, datagram: Datagram) -> None:
        self._counts[datagram.source[0]] += 1

    def of(self, member: Member) -> int:
        """How many datagrams one member has sent."""
        return self._counts[member.host.addresses[0]]
