"""Keeps a way open from a few nodes to one port behind a NAT, and finds out how often that is due.

A node that others cannot reach has *introducers*: the contacts nearest to its own ID, where others
look for it.  It pings them all at once, so that a radio may sleep in between; they remember where
it is, and its NAT lets them in.  So they can tell it of who wants to talk to it (INTRODUCE).  One
that others can reach through its NAT pings one contact, so that its port outside stays.

How long the NAT lets in whom we wrote to, one other contact at a time helps to find out: it is
asked for a PING after so many seconds, and gets nothing else until then.  What follows from that is
said in :mod:`~kadtwisted.nat.lifetime`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from kadtwisted.dialects.door import Received
from kadtwisted.errors import KadtwistedError
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import Method, Ping, Probe, Probed
from kadtwisted.model.networks import is_public, provider_of
from kadtwisted.nat.kind import NatKind
from kadtwisted.nat.lifetime import Lifetime
from kadtwisted.nat.reachability import Reachability
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.observer import LinkObserver
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.reaching.measuring import Measuring
from kadtwisted.rpc.attached import KEPT

INTRODUCERS = 3
"""MAGIC: one of three answers most of the time, though contacts leave; each costs as much as the
others."""
AMONG = 16
"""The introducers are chosen among so many of the nearest contacts, in different networks."""
LOOK_EVERY = 5.0
"""MAGIC: seconds between two looks whether there is anything to keep."""
LATE = 5.0
"""Seconds by which a PING may come later than it was asked for."""
EARLY = 2.0
"""Seconds by which a NAT may have been written to later than the PING was asked for."""
REST, LONGEST_REST = 15.0, 960.0
"""MAGIC: seconds after a trial that told nothing: at first, doubled each time up to the last."""


@dataclass(slots=True)
class _Trial:
    """One contact that will send a PING after so many seconds, from ``since`` on."""

    contact: Contact
    after: float
    since: float


class Keeping(LinkObserver):
    """The keep-alive of one link."""

    def __init__(self, context: NodeContext, link: Link, measuring: Measuring) -> None:
        self._reactor = context.reactor
        self._now = context.world.now
        self._random = context.world.random
        self._faults = context.faults
        self._node_id = context.node_id
        self._link = link
        self._measuring = measuring
        self.lifetime = Lifetime()
        self.introducers: dict[Endpoint, float] = {}
        self._running = False
        self._next_ping = 0.0
        self._port = 0
        self._timer: IDelayedCall | None = None
        self._trial: _Trial | None = None
        self._asking: Deferred[Any] | None = None
        self._deadline: IDelayedCall | None = None
        self._next_trial = 0.0
        self._rest = REST
        self._pings: dict[Deferred[Any], None] = {}
        measuring.overheard = self._overheard
        link.watch(self)

    # --- Life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, if anything is measured at all."""
        if self._measuring.measures:
            self._running = True
            self._timer = self._reactor.callLater(LOOK_EVERY, self._wake)

    def stop(self) -> None:
        """Ping nobody any more."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._end_trial()
        for each in list(self._pings):
            each.cancel()

    def moved(self) -> None:
        """This machine is in another network: another NAT."""
        self._end_trial()
        self.lifetime = Lifetime()
        self._port, self._rest = 0, REST
        self._next_ping = self._next_trial = self._now()

    # --- What is due -------------------------------------------------------------------------

    @property
    def wanted(self) -> int:
        """How many contacts should hear of us regularly."""
        measuring, link = self._measuring, self._link
        if link.read_only:
            unreachable = measuring.verdict.verdict is Reachability.UNREACHABLE
            return INTRODUCERS if measuring.behind_nat or unreachable else 0
        return 1 if measuring.behind_nat and not measuring.is_mapped() else 0

    def _wake(self) -> None:
        now = self._now()
        self._timer = self._reactor.callLater(LOOK_EVERY, self._wake)
        wanted = self.wanted
        if not wanted:
            self._forget()
            return
        # Whom others reach, or take for reachable, any verified contact may introduce.
        self._link.introducers = self.introducers if self._link.read_only else None
        if now + LOOK_EVERY / 2 >= self._next_ping:
            self._next_ping = now + self.lifetime.interval
            self._ping(self._nearest(wanted), now)
        if self._trial is None and self._asking is None and now >= self._next_trial:
            self._try(now)

    def _forget(self) -> None:
        """There is nothing to keep."""
        self._end_trial()
        self.introducers.clear()
        self._link.introducers = None

    # --- Introducers -------------------------------------------------------------------------

    def _usable(self, contacts: Iterable[Contact]) -> list[Contact]:
        """Those of the contacts that answer, at public addresses."""
        table = self._link.table
        found = [each for each in contacts if is_public(each.endpoint.host)]
        entries = [table.get(each.node_id) for each in found]
        return [each.contact for each in entries if each is not None and each.good]

    def _nearest(self, count: int) -> list[Contact]:
        """The nearest contacts, of different networks as far as there are such; those last that do
        not know of introductions."""
        nearest = self._usable(self._link.table.closest(self._node_id, AMONG))
        nearest.sort(key=lambda each: not self._link.may_serve(each, Method.PUNCH))
        chosen: dict[bytes, Contact] = {}
        for each in nearest:
            chosen.setdefault(provider_of(each.endpoint.host), each)
        spread = list(chosen.values())[:count]
        others = [each for each in nearest if each not in spread]
        return (spread + others)[:count]

    def _ping(self, contacts: list[Contact], now: float) -> None:
        known = self.introducers
        for gone in [each for each, at in known.items() if now - at >= KEPT]:
            del known[gone]
        for place, contact in enumerate(contacts):
            known[contact.endpoint] = now
            ping: Deferred[Any] = self._link.ask(contact, Ping(), known=True)
            self._pings[ping] = None
            ping.addBoth(self._pinged, ping, place == 0)

    def _pinged(self, result: Answer | Failure, ping: Deferred[Any], first: bool) -> None:
        self._pings.pop(ping, None)
        if isinstance(result, Failure):
            if not result.check(KadtwistedError, CancelledError):
                self._faults.report("reaching", "an introducer could not be pinged", result)
            return
        seen = result.reply.observed
        if first and seen is not None and self._link.nat_kind is NatKind.INDEPENDENT:
            before, self._port = self._port, seen.port
            if before and before != seen.port:
                self.lifetime.rebound()

    # --- Trials ------------------------------------------------------------------------------

    def _try(self, now: float) -> None:
        """Ask one contact that is no introducer for a PING later."""
        after = self.lifetime.trial
        if after is None or self._link.nat_kind is NatKind.UNKNOWN:
            return
        spare = [
            each
            for each in self._usable(self._link.table.contacts())
            if each.endpoint not in self.introducers and self._link.may_serve(each, Method.PROBE)
        ]
        if not spare:
            self._pause(now)
            return
        contact = spare[self._random.getrandbits(32) % len(spare)]
        self._measuring.keep_memory(True)
        asking: Deferred[Any] = self._link.ask(contact, Probe(int(after)), known=True)
        self._asking = asking
        asking.addBoth(self._promised, contact, after)

    def _promised(self, result: Answer | Failure, contact: Contact, after: float) -> None:
        self._asking = None
        now = self._now()
        if self._running and _is_promise(result, contact):
            self._trial = _Trial(contact, after, now)
            self._deadline = self._reactor.callLater(after + LATE, self._missed)
            return
        if isinstance(result, Failure) and not result.check(KadtwistedError, CancelledError):
            self._faults.report("reaching", "a trial could not be made", result)
        self._measuring.keep_memory(False)
        self._pause(now)

    def _is_disturbed(self, trial: _Trial) -> bool:
        """Whether something else has gone to that host since the PING was asked for."""
        written = self._measuring.written
        last = written.last(trial.contact.endpoint.host) if written is not None else None
        return last is None or last > trial.since + EARLY

    def _overheard(self, received: Received, now: float) -> None:
        """A request came: maybe the PING of the trial, which is not answered yet."""
        trial = self._trial
        if trial is None or received.key != trial.contact.key:
            return
        if received.endpoint.host != trial.contact.endpoint.host:
            return
        if now < trial.since + trial.after - EARLY:
            return  # it asks something of its own, and our answer disturbs the trial
        if self._concluded(trial, now):
            self.lifetime.came()
            self._rest = REST

    def _missed(self) -> None:
        """The PING of the trial has not come."""
        self._deadline = None
        if self._trial is not None and self._concluded(self._trial, self._now()):
            self.lifetime.lost()

    def _concluded(self, trial: _Trial, now: float) -> bool:
        """A trial has ended: whether it tells anything.  If so, the next one may follow at once."""
        disturbed = self._is_disturbed(trial)
        self._end_trial()
        if disturbed:
            self._pause(now)
        else:
            self._next_trial = now
        return not disturbed

    def _pause(self, now: float) -> None:
        """A trial told nothing: try again later."""
        self._next_trial = now + self._rest
        self._rest = min(2 * self._rest, LONGEST_REST)

    def _end_trial(self) -> None:
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()
        self._trial = None
        self._measuring.keep_memory(False)


def _is_promise(result: Answer | Failure, contact: Contact) -> bool:
    """Whether a contact says that it will send the PING itself."""
    if isinstance(result, Failure):
        return False
    body = result.reply.body
    return isinstance(body, Probed) and body.key == contact.key
