"""Looks whether others can reach one port: asks for probes, and watches who comes unasked.

What is evidence, and what follows from it, :class:`~kadtwisted.nat.reachability.Verdict` says.
Here are the requests, the timer, and the memory of hosts that this port wrote to, which is kept
while requests are evidence, and no longer.

A node that is *behind a NAT* has been answered by a node at a public address, and sends from an
address that is not public and not the one at which others see it.  In the memory are the hosts of
an earlier run, too, for its NAT may still know them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from math import inf
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.dialects.door import Received
from kadtwisted.errors import ErrorReply, KadtwistedError
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import ErrorCode, Method, Probe, Probed
from kadtwisted.model.networks import EVERYBODY, is_public, provider_of, scope_of
from kadtwisted.nat.kind import NatKind, kind_of
from kadtwisted.nat.reachability import FEWEST, Reachability, Verdict
from kadtwisted.nat.written import Written
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.observer import LinkObserver
from kadtwisted.node.port.protocol import Hear
from kadtwisted.node.reaching.arrivals import Arrivals

AT_ONCE = 2
"""Probes of a round that are under way at the same time."""
PATIENCE = 3.0
"""Seconds for a promised PING: it is sent when the promise is."""
SETTLE = 2.0
"""MAGIC: seconds until the first round, after a start and a move: a join takes about as long."""
FIRST = 4
"""Probes before a node joins.  MAGIC: two must come from hosts to which it has not written."""
FIRST_PATIENCE = 0.5
"""MAGIC: seconds for the PING of such a probe after the promise of it, which goes a longer way."""
FIRST_AT_MOST = 2.0
"""Seconds by which this delays a join at most.  MAGIC: a few round trips, or one that is lost."""


class Measuring(LinkObserver):
    """The reachability of one link.

    ``is_mapped()`` tells whether a gateway maps the port, and others see that.  ``overheard`` may
    be set: it is shown each request of a public host while they are recorded.
    """

    def __init__(self, context: NodeContext, link: Link, is_mapped: Callable[[], bool]) -> None:
        settings = context.settings
        self._reactor = context.reactor
        self._now = context.world.now
        self._random = context.world.random
        self._faults = context.faults
        self._world = context.world
        self._own_key = context.public_key
        self._fixed = settings.read_only
        self.measures = settings.reachability == "measure" and not settings.read_only
        self._link = link
        self.is_mapped = is_mapped
        self.verdict = Verdict(self._now())
        self.written: Written | None = None
        self.overheard: Hear | None = None
        self._kept = False
        self._towards: Endpoint | None = None
        self.behind_nat = False
        self._seen_at: Endpoint | None = None
        self._said = ""
        self._running = False
        self._not_before = 0.0
        self._timer: IDelayedCall | None = None
        self._round: Deferred[Any] | None = None
        self._arrivals = Arrivals(context.reactor)
        self._log = Logger(namespace="kadtwisted.node")
        link.watch(self)

    # --- Life --------------------------------------------------------------------------------

    def start(self, earlier: Iterable[Contact]) -> None:
        """Begin; ``earlier`` are contacts of a run before this one."""
        if not self.measures:
            return
        now = self._now()
        self._running = True
        self.verdict = Verdict(now)
        self._record(Written(-inf))  # the port is new
        for contact in earlier:
            self._wrote(contact.endpoint.host)
        self._not_before = now + SETTLE
        self._arm()

    def stop(self) -> None:
        """Ask nobody any more."""
        self._running = False
        self._end_round()
        self._record(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- What happens ------------------------------------------------------------------------

    def added(self, contact: Contact) -> None:
        """Somebody has answered: from now on we may know that we are behind a NAT."""
        if self._towards is None and is_public(contact.endpoint.host):
            self._towards = contact.endpoint
            self.look()

    def observed(self, endpoint: Endpoint) -> None:
        """Others see us elsewhere: what was measured before is of less use, or of none."""
        before, self._seen_at = self._seen_at, endpoint
        if before is not None and before.host != endpoint.host:
            self.start_anew()
        elif before is not None and before.port and endpoint.port:
            self.verdict.hasten(self._now())
            self._arm()
        self.look()

    def moved(self) -> None:
        """This machine is in another network."""
        self._seen_at = None
        self.start_anew()

    def start_anew(self) -> None:
        """Nothing of what was measured holds any more."""
        now = self._now()
        self._end_round()
        self.verdict.start_anew(now)
        self._not_before = now + SETTLE
        self._attend()
        self._arm()
        self.look()

    def look(self) -> None:
        """See what follows from what is known now: whether we serve, and what others are told."""
        link, own = self._link, self._link.reach.own
        source = self._world.source_of(link.listening, self._towards)
        link.nat_kind = kind_of(own, source)
        self.behind_nat = (
            self._towards is not None
            and source is not None
            and scope_of(source) < EVERYBODY
            and link.nat_kind is not NatKind.NONE
        )
        if self._running:
            link.read_only = self._fixed or bool(self.why_read_only())
            self._tell()

    def why_read_only(self) -> str:
        """Why others are not served, as a sentence for people; empty if they are."""
        if self._fixed:
            return "this is a short-lived node"
        if not self.measures or self.verdict.serves(
            behind_nat=self.behind_nat, mapped=self.is_mapped()
        ):
            return ""
        if self.verdict.verdict is Reachability.UNREACHABLE:
            return "other nodes cannot reach this one"
        return "it is behind a NAT, and it is not known yet whether other nodes can reach it"

    def _tell(self) -> None:
        """One line in the log whenever something is another way than it was."""
        verdict, family = self.verdict.verdict, self._link.family
        why = self.why_read_only()
        said = f"{verdict} {why}"
        if said == self._said:
            return
        first, self._said = not self._said, said
        if why:
            self._log.info(
                "IPv{family:d}: {why}: it is read-only to them, and reads and writes as before",
                family=family,
                why=why,
            )
        elif verdict is Reachability.REACHABLE:
            self._log.info("IPv{family:d}: other nodes can reach this one", family=family)
        elif not first:
            self._log.info(
                "IPv{family:d}: it is not known any more whether other nodes can reach this one",
                family=family,
            )

    # --- Memory ------------------------------------------------------------------------------

    def _record(self, written: Written | None) -> None:
        """Remember hosts from now on, or no more."""
        protocol = self._link.protocol
        protocol.end_overhearing(self._overhear)
        if written is not None:
            protocol.begin_overhearing(self._overhear)
        self.written = written
        protocol.wrote = None if written is None else self._wrote
        protocol.dropped = None if written is None else self._dropped

    def keep_memory(self, keep: bool) -> None:
        """Remember hosts also while requests are no evidence, or no more."""
        if keep is not self._kept:
            self._kept = keep
            self._attend()

    def _attend(self) -> None:
        """Remember hosts exactly while that serves a purpose."""
        now = self._now()
        wanted = self._running and (self._kept or self.verdict.is_watching(now))
        if wanted is not (self.written is not None):
            self._record(Written(now) if wanted else None)

    def _wrote(self, host: str) -> None:
        if self.written is not None:
            self.written.note(host, self._now())

    def _dropped(self, host: str) -> None:
        if self.written is not None:
            self.written.came(host, self._now())

    def _overhear(self, received: Received, now: float) -> None:
        """A request came in, and is not answered yet."""
        host, key, written = received.endpoint.host, received.key, self.written
        if not is_public(host) or key == self._own_key or written is None:
            return
        own = self._link.reach.own
        if own is not None and own.host == host:
            return  # a neighbour behind the same NAT
        quiet = written.is_quiet(host, now)
        if self.overheard is not None:
            self.overheard(received, now)
        if quiet and self.verdict.came(provider_of(host), now):
            self.look()
        if quiet:
            self._attend()
            self._arm()
        if self._round is not None:
            self._arrivals.came(key, quiet)

    # --- Before it joins ---------------------------------------------------------------------

    def probe_first(self) -> Deferred[None]:
        """Before a node behind a NAT joins, have those through which it joins send it probes: in a
        small network it will soon have written to everybody, and it has to nobody else yet.

        Fires when others have reached it, or when it does not look so; it judges nothing else.
        """
        done: Deferred[None] = Deferred()
        if self._running and self._round is None and self._waits_for_a_verdict():
            probing: Deferred[Any] = Deferred.fromCoroutine(self._probe_first())
            self._round = probing
            probing.addTimeout(FIRST_AT_MOST, self._reactor)
            probing.addBoth(self._first_ended).addBoth(done.callback)
        else:
            done.callback(None)
        return done

    def _waits_for_a_verdict(self) -> bool:
        """Whether it serves nobody because nothing was measured yet."""
        verdict = self.verdict
        is_open = verdict.verdict is Reachability.UNKNOWN and verdict.measured is None
        return is_open and self.behind_nat and not self.is_mapped()

    async def _probe_first(self) -> None:
        for introducer in islice(cycle(self._introducers(self._public())), FIRST):
            if self.verdict.verdict is not Reachability.UNKNOWN:
                return
            third = await self._asked_for_probe(introducer)
            if third and await self._arrivals.of(third, FIRST_PATIENCE) is None:
                return

    def _first_ended(self, result: object) -> None:
        self._round = None
        self._arrivals.forget()
        if isinstance(result, Failure) and not result.check(CancelledError, TookTooLong):
            self._faults.report("reaching", "a probe could not be made", result)
        self._arm()

    # --- Rounds ------------------------------------------------------------------------------

    def _arm(self) -> None:
        if not self._running:
            return
        if self._timer is not None:
            self._timer.cancel()
        now = self._now()
        wait = max(self.verdict.wakes_at(now), self._not_before) - now
        self._timer = self._reactor.callLater(max(wait, 0.0), self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._now()
        if self._round is None and self.verdict.is_due(now):
            public = self._public()
            introducers = self._introducers(public)
            if len(introducers) >= FEWEST:
                self._begin(introducers)
            elif public:  # maybe of older versions all
                self.verdict.too_few(now)
            else:
                self.verdict.nobody(now)
        self._attend()
        self.look()
        if self._round is None:
            self._arm()

    def _public(self) -> list[Contact]:
        """The verified contacts at public addresses."""
        return [
            each.contact
            for each in self._link.table.entries()
            if each.good and is_public(each.contact.endpoint.host)
        ]

    def _introducers(self, public: Iterable[Contact]) -> list[Contact]:
        """Of these one of each network that may know of probes, in any order; those first to which
        we have written lately anyway: the others may be third nodes, and are evidence if they
        come."""
        contacts = [each for each in public if self._link.may_serve(each, Method.PROBE)]
        for place in range(len(contacts) - 1, 0, -1):
            other = self._random.getrandbits(32) % (place + 1)
            contacts[place], contacts[other] = contacts[other], contacts[place]
        found = list({provider_of(each.endpoint.host): each for each in contacts}.values())
        now, written = self._now(), self.written
        if written is not None:
            found.sort(key=lambda each: written.is_quiet(each.endpoint.host, now))
        return found

    def _begin(self, introducers: list[Contact]) -> None:
        self.verdict.begin(self._now())
        waiting = iter(introducers)
        probing = [Deferred.fromCoroutine(self._probe_some(waiting)) for _ in range(AT_ONCE)]
        probes: Deferred[Any] = DeferredList(probing, consumeErrors=True)
        self._round = probes
        probes.addBoth(self._ended)

    def _ended(self, results: object) -> None:
        """A round has ended, by itself."""
        self._round = None
        self._arrivals.forget()
        if isinstance(results, list):
            for ok, result in results:
                if not ok and not result.check(CancelledError):
                    self._faults.report("reaching", "a probe could not be made", result)
        if self._running:
            self.verdict.end(self._now())
            self._attend()
            self.look()
            self._arm()

    def _end_round(self) -> None:
        """End the round that is under way, if there is one, and judge nothing by it."""
        running, self._running = self._running, False
        if self._round is not None:
            self._round.cancel()
        self._running = running

    async def _probe_some(self, introducers: Iterator[Contact]) -> None:
        for introducer in introducers:
            if not (self._running and self.verdict.wants_more):
                return
            self.verdict.tries()
            await self._probe(introducer)

    async def _probe(self, introducer: Contact) -> None:
        """Ask one introducer for a probe, and wait for it."""
        third = await self._asked_for_probe(introducer)
        if third is None:
            return
        came = await self._arrivals.of(third, PATIENCE)
        if came is None:
            self.verdict.lost(provider_of(introducer.endpoint.host))
        elif not came:
            self.verdict.unclear()

    async def _asked_for_probe(self, introducer: Contact) -> bytes | None:
        """The key of the third node that sends us a PING, as an introducer says; ``None`` if it
        says something else, which is no evidence."""
        try:
            answer = await self._link.ask(introducer, Probe(), known=True)
        except KadtwistedError as error:
            if isinstance(error, ErrorReply) and error.code == ErrorCode.UNKNOWN_METHOD:
                self.verdict.untried()
            return None
        body = answer.reply.body
        if not isinstance(body, Probed) or self._arrivals.awaits(body.key):
            return None
        return body.key
