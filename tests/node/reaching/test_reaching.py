"""Nodes find out whether others can reach them, and stay out of all tables while they cannot."""

from __future__ import annotations

import random
from collections import Counter

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.dialects.door import Received
from kadtwisted.errors import NodeStopped
from kadtwisted.model.messages import (
    METHODS,
    Error,
    ErrorCode,
    Introduce,
    Pong,
    Probe,
    Probed,
    Punch,
    ReplyBody,
)
from kadtwisted.node.port.protocol import Handle
from kadtwisted.node.reaching.measuring import FIRST_AT_MOST
from kadtwisted.rpc.bitmaps import bitmap_of
from kadtwisted.simulation.models.nat import FULL_CONE, PORT_RESTRICTED, SYMMETRIC, Nat
from kadtwisted.testing.inspect import link_of, records_of
from kadtwisted.testing.nodes import wait_for
from tests.node.reaching.town import (
    LIFETIME,
    REACHABLE,
    UNKNOWN,
    UNREACHABLE,
    Firewall,
    Town,
    reach_of,
)

ENOUGH = 22
"""Members without a NAT: a newcomer has not written to all of them for long."""


class TownCase(SynchronousTestCase):
    def town(self, size: int = 0, **settings: str) -> Town:
        town = Town(**settings)
        self.addCleanup(town.stop)
        town.grow(size)
        return town


class VerdictTests(TownCase):
    def test_behind_each_kind_of_nat(self) -> None:
        town = self.town(ENOUGH)
        cone = town.add(Nat(FULL_CONE, LIFETIME))
        restricted = town.add(Nat(PORT_RESTRICTED, LIFETIME))
        symmetric = town.add(Nat(SYMMETRIC, LIFETIME))
        natted = [cone, restricted, symmetric]
        self.assertEqual([town.knowing(each) for each in natted], [0, 0, 0])
        town.until(lambda: all(reach_of(each).verdict != UNKNOWN for each in town.members))
        self.assertEqual(
            [(reach_of(each).verdict, reach_of(each).nat) for each in natted],
            [
                (REACHABLE, "independent"),
                (UNREACHABLE, "independent"),
                (UNREACHABLE, "dependent"),
            ],
        )
        others = [reach_of(each) for each in town.members if each not in natted]
        self.assertEqual({(each.verdict, each.read_only) for each in others}, {(REACHABLE, "")})
        town.clock.advance(60.0)
        self.assertGreater(town.knowing(cone), 0)
        self.assertEqual([town.knowing(restricted), town.knowing(symmetric)], [0, 0])
        wait_for(town.clock, restricted.node.put("one", b"1"))
        found = wait_for(town.clock, symmetric.node.get("one"))
        self.assertEqual(found.value, b"1")
        self.assertEqual([records_of(each.node) for each in (restricted, symmetric)], [[], []])

    def test_a_firewall_that_closes_and_opens_again(self) -> None:
        town = self.town(ENOUGH)
        firewall = Firewall()
        member = town.add(firewall)
        for is_open in (False, True, False):
            firewall.open = is_open
            link_of(member.node).start_anew()
            verdict = REACHABLE if is_open else UNREACHABLE
            town.until(lambda: reach_of(member).verdict != UNKNOWN)
            self.assertEqual(reach_of(member).verdict, verdict)
            self.assertIs(member.node.status().read_only, not is_open)
            if is_open:
                town.until(lambda: town.knowing(member) > ENOUGH // 2)
            else:
                town.until(lambda: not town.knowing(member))

    def test_who_moves_is_measured_anew(self) -> None:
        town = self.town(ENOUGH)
        member = town.members[-1]
        town.until(lambda: reach_of(member).verdict == REACHABLE)
        link_of(member.node).start_anew()
        self.assertEqual(reach_of(member).verdict, UNKNOWN)
        self.assertFalse(member.node.status().read_only)
        town.until(lambda: reach_of(member).verdict == REACHABLE)


class BeforeJoiningTests(TownCase):
    """In a small network a node has soon written to everybody, and before it joins to nobody."""

    def test_a_node_behind_a_forwarded_port_serves_as_soon_as_it_has_joined(self) -> None:
        town = self.town(ENOUGH)
        town.clock.advance(600.0)  # so that they have verified each other
        cone = town.add(Nat(FULL_CONE, LIFETIME))
        self.assertEqual((reach_of(cone).verdict, reach_of(cone).read_only), (REACHABLE, ""))
        begun = town.clock.seconds()
        restricted = town.add(Nat(PORT_RESTRICTED, LIFETIME))
        self.assertLess(town.clock.seconds() - begun, FIRST_AT_MOST)
        self.assertEqual(reach_of(restricted).verdict, UNKNOWN)
        town.until(lambda: reach_of(restricted).verdict != UNKNOWN)
        self.assertEqual(reach_of(restricted).verdict, UNREACHABLE)
        self.assertGreater(town.knowing(cone), 0)
        self.assertEqual(town.knowing(restricted), 0)

    def hold(self, answer: ReplyBody | None) -> Town:
        """A town whose first node answers so to who asks for a probe."""
        self.asked = 0

        def holding(honest: Handle) -> Handle:
            def handle(received: Received) -> ReplyBody | Deferred[ReplyBody] | None:
                if isinstance(received.body, Probe):
                    self.asked += 1
                    return answer
                return honest(received)

            return handle

        town = self.town()
        town.add(parts={"wrap_handler": holding})
        town.grow(2)
        return town

    def test_who_promises_or_is_silent_delays_nobody_for_long(self) -> None:
        for answer in (Probed(b"k" * 32), Error(ErrorCode.BUSY), None):
            town = self.hold(answer)
            begun = town.clock.seconds()
            member = town.add(Nat(FULL_CONE, LIFETIME))
            self.assertLess(town.clock.seconds() - begun, FIRST_AT_MOST + 1.0)
            self.assertEqual(reach_of(member).verdict, UNKNOWN)
            self.assertGreater(self.asked, 0)

    def test_a_stop_ends_it(self) -> None:
        town = self.hold(None)
        member = town.add(Nat(FULL_CONE, LIFETIME))
        wait_for(town.clock, member.node.stop())
        wait_for(town.clock, member.node.start())
        before = self.asked
        joining = member.node.bootstrap([town.members[0].address])
        town.clock.advance(0.5)
        self.assertGreater(self.asked, before)
        wait_for(town.clock, member.node.stop(), 1.0)
        self.failureResultOf(joining, NodeStopped)
        wait_for(town.clock, member.node.start())

    def test_who_is_in_no_doubt_asks_for_nothing(self) -> None:
        town = self.hold(None)
        town.add()
        wait_for(town.clock, town.members[-1].node.bootstrap([town.members[0].address]))
        self.assertEqual(self.asked, 0)


OLDER = bitmap_of(METHODS[each] for each in METHODS if each not in (Probe, Punch, Introduce))


class OlderVersionTests(TownCase):
    """Nodes that do not know of introductions, and say so.

    ``asked`` counts what each of them refuses to whom.
    """

    def setUp(self) -> None:
        self.asked: Counter[tuple[Handle, bytes]] = Counter()

    def older(self, handle: Handle) -> Handle:
        """Answer as a node of an older version."""

        def handled(received: Received) -> ReplyBody | Deferred[ReplyBody] | None:
            if isinstance(received.body, Probe | Punch | Introduce):
                self.asked[handled, received.key] += 1
                return Error(ErrorCode.UNKNOWN_METHOD, "no such method")
            answer = handle(received)
            return answer._replace(methods=OLDER) if isinstance(answer, Pong) else answer

        return handled

    def older_town(self) -> Town:
        town = self.town()
        for _ in range(ENOUGH):
            town.add(parts={"wrap_handler": self.older})
        return town

    def test_where_nobody_can_measure_a_node_behind_a_forwarded_port_serves(self) -> None:
        town = self.older_town()
        member = town.add(Nat(FULL_CONE, 86_400.0))
        self.assertTrue(member.node.status().read_only)
        town.until(lambda: not member.node.status().read_only, 180.0)
        town.until(lambda: town.knowing(member) > ENOUGH // 2)
        self.assertLessEqual(max(self.asked.values()), 1)

    def test_a_few_that_can_measure_find_each_other_among_many_that_cannot(self) -> None:
        town = self.older_town()
        town.grow(3)
        forwarded = town.add(Nat(FULL_CONE, 86_400.0))
        closed = town.add(Nat(PORT_RESTRICTED, LIFETIME))
        town.until(lambda: not forwarded.node.status().read_only, 600.0)
        town.until(lambda: reach_of(closed).verdict == UNREACHABLE, 600.0)
        self.assertTrue(closed.node.status().read_only)
        self.assertLessEqual(max(self.asked.values()), 1)


class SmallNetworkTests(TownCase):
    def test_two_nodes_behind_nats_and_one_without_serve_each_other(self) -> None:
        town = self.town(1)
        one, other = (town.add(Nat(PORT_RESTRICTED, LIFETIME)) for _ in range(2))
        self.assertTrue(one.node.status().read_only)
        town.until(lambda: not any(each.node.status().read_only for each in town.members), 90.0)
        town.until(lambda: town.knowing(one) + town.knowing(other) >= 2)
        wait_for(town.clock, one.node.put("one", b"1"))
        self.assertEqual(wait_for(town.clock, other.node.get("one")).value, b"1")
        self.assertGreater(len(records_of(one.node)), 0)

    def test_a_node_behind_a_forwarded_port_serves_where_all_know_each_other(self) -> None:
        for size in (3, 5, 8):
            town = self.town(size)
            forwarded = town.add(Nat(FULL_CONE, 86_400.0))
            closed = town.add(Nat(PORT_RESTRICTED, LIFETIME))
            town.until(lambda: not forwarded.node.status().read_only, 300.0)  # noqa: B023
            town.until(lambda: reach_of(closed).verdict == UNREACHABLE, 900.0)  # noqa: B023
            town.clock.advance(900.0)
            self.assertFalse(forwarded.node.status().read_only)
            self.assertTrue(closed.node.status().read_only)

    def test_a_private_network_measures_nothing_and_serves_at_once(self) -> None:
        town = self.town(address=lambda number: f"10.0.{number}.1")  # type: ignore[arg-type]
        town.grow(6)
        town.clock.advance(300.0)
        for each in town.members:
            self.assertEqual((reach_of(each).verdict, reach_of(each).read_only), (UNKNOWN, ""))
            self.assertEqual(town.knowing(each), 5)
            self.assertEqual(each.node.counters.snapshot().get("in.Probe", 0), 0)


class SettingTests(TownCase):
    def test_who_assumes_asks_nobody_and_serves(self) -> None:
        town = self.town(reachability="assume")
        town.grow(6)
        member = town.add(Nat(PORT_RESTRICTED, LIFETIME))
        town.clock.advance(300.0)
        for each in town.members:
            self.assertEqual(each.node.counters.snapshot().get("in.Probe", 0), 0)
            self.assertEqual((reach_of(each).verdict, reach_of(each).read_only), ("assumed", ""))
        self.assertEqual(reach_of(member).nat, "independent")


class LiarTests(TownCase):
    def test_some_introducers_that_promise_and_do_nothing(self) -> None:
        town = self.town()
        drawing = random.Random(5)

        def lies(honest: Handle) -> Handle:
            def handle(received: Received) -> ReplyBody | Deferred[ReplyBody] | None:
                if isinstance(received.body, Probe):
                    return Probed(drawing.randbytes(32))
                return honest(received)

            return handle

        for number in range(ENOUGH):
            town.add(parts={"wrap_handler": lies} if number in (3, 7, 11) else None)
        member = town.members[-1]
        town.until(lambda: reach_of(member).verdict == REACHABLE)
        seen = []
        for _ in range(6):
            link_of(member.node).start_anew()
            town.until(lambda: reach_of(member).verdict != UNKNOWN, 4000.0)
            seen.append(reach_of(member).verdict)
        self.assertEqual(set(seen), {REACHABLE})


class LifeTests(TownCase):
    def test_a_stop_in_the_middle_of_a_round_ends_it(self) -> None:
        town = self.town(ENOUGH)
        member = town.add(Nat(PORT_RESTRICTED, LIFETIME))
        for pause in (0.0, 0.5, 2.05, 2.5, 60.0):
            town.clock.advance(pause)
            wait_for(town.clock, member.node.stop(), 5.0)
            link = link_of(member.node)
            self.assertEqual((link.protocol.overhear, link.protocol.wrote), ([], None))
            wait_for(town.clock, member.node.start())
            wait_for(town.clock, member.node.bootstrap([town.members[0].address]))
        self.assertEqual(town.knowing(member), 0)

    def test_a_reachable_node_remembers_no_hosts(self) -> None:
        town = self.town(ENOUGH)
        town.until(lambda: all(reach_of(each).verdict == REACHABLE for each in town.members))
        for each in town.members:
            protocol = link_of(each.node).protocol
            self.assertEqual((protocol.overhear, protocol.wrote), ([], None))
