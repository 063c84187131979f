"""One mapping is got and kept: which protocol, when again, what is believed."""

from __future__ import annotations

from math import inf
from random import Random

from twisted.trial import unittest

from kadtwisted.nat.lease import (
    AGAIN_AFTER,
    LIFETIME,
    RENEW_AFTER,
    SHORTEST,
    TRIES,
    Ask,
    Lease,
    Mapped,
)
from kadtwisted.nat.mapping import Grant, Heard, OuterAddress, Protocol, Refused, Wish

PCP, PMP, UPNP = Protocol.PCP, Protocol.NAT_PMP, Protocol.UPNP
WISH = Wish("10.0.1.2", 8000, 8000, LIFETIME)
GRANT = Grant("198.51.100.7", 8001, LIFETIME)


def lease(*protocols: Protocol) -> Lease:
    return Lease("10.0.1.2", 8000, protocols or (PCP, PMP, UPNP))


class AskingTests(unittest.SynchronousTestCase):
    def test_each_protocol_in_turn(self) -> None:
        made, now, asked = lease(), 0.0, []
        while now < AGAIN_AFTER / 2:
            asked += [(now, each.protocol) for each in made.due(now)]
            now = made.wakes_at()
        times = [0.0, 0.25, 0.75, 1.75, 3.75]
        self.assertEqual([at for at, each in asked if each is PCP], times)
        self.assertEqual([at - 7.75 for at, each in asked if each is PMP], times)
        self.assertEqual([at for at, each in asked if each is UPNP], [15.5])
        self.assertEqual(made.problem, "no gateway answers")
        self.assertEqual(made.wakes_at(), 35.5 + AGAIN_AFTER)

    def test_who_does_not_speak_it_is_asked_by_the_next_at_once(self) -> None:
        made = lease()
        self.assertEqual(made.due(0.0), [Ask(PCP, WISH)])
        asks = made.heard(PCP, Refused("it does not speak PCP", speaks_not=True), 0.01)
        self.assertEqual(asks, [Ask(PMP, WISH)])

    def test_a_real_refusal_is_the_problem_that_is_told(self) -> None:
        made = lease(PCP, PMP)
        made.due(0.0)
        made.heard(PCP, Refused("it does not allow mappings"), 0.0)
        made.heard(PMP, Refused("it does not speak NAT-PMP", speaks_not=True), 0.0)
        self.assertEqual(made.problem, "it does not allow mappings")
        self.assertIsNone(made.mapped)

    def test_what_was_not_asked_is_not_believed(self) -> None:
        made = lease(PMP)
        made.heard(PMP, GRANT, 0.0)
        made.due(0.0)
        made.heard(PCP, GRANT, 0.0)
        made.heard(PMP, OuterAddress("198.51.100.7"), 0.0)
        self.assertIsNone(made.mapped)


class MappedTests(unittest.SynchronousTestCase):
    def mapped(self, grant: Grant = GRANT, protocol: Protocol = PCP) -> Lease:
        made = lease(protocol, *(each for each in Protocol if each is not protocol))
        made.due(0.0)
        self.asks = made.heard(protocol, grant, 1.0)
        return made

    def test_a_mapping_stands(self) -> None:
        made = self.mapped()
        self.assertEqual(made.mapped, Mapped(PCP, 8001, 1.0 + LIFETIME, "198.51.100.7"))
        self.assertEqual((self.asks, made.problem), ([], ""))

    def test_natpmp_tells_the_address_by_another_message(self) -> None:
        made = self.mapped(Grant(None, 8001, 3600), PMP)
        self.assertEqual(self.asks, [Ask(PMP, None)])
        made.heard(PMP, OuterAddress("198.51.100.7"), 1.1)
        self.assertEqual(made.mapped, Mapped(PMP, 8001, 3601.0, "198.51.100.7"))

    def test_it_is_renewed_with_the_same_outer_port(self) -> None:
        made = self.mapped()
        self.assertEqual(made.due(RENEW_AFTER), [])
        self.assertEqual(made.wakes_at(), 1.0 + RENEW_AFTER)
        self.assertEqual(made.due(1.0 + RENEW_AFTER), [Ask(PCP, WISH._replace(outer_port=8001))])
        made.heard(PCP, GRANT._replace(outer_host="198.51.100.8"), 130.0)
        assert made.mapped is not None
        self.assertEqual(made.mapped.outer_host, "198.51.100.8")
        self.assertEqual(made.mapped.until, 130.0 + LIFETIME)

    def test_short_lives(self) -> None:
        self.assertEqual(self.mapped(GRANT._replace(lifetime=60)).wakes_at(), 31.0)
        self.assertEqual(self.mapped(GRANT._replace(lifetime=1)).wakes_at(), 1.0 + SHORTEST / 2)
        self.assertIsNone(self.mapped(GRANT._replace(lifetime=0)).mapped)
        long = self.mapped(GRANT._replace(lifetime=2**32 - 1)).mapped
        assert long is not None
        self.assertEqual(long.until, 1.0 + LIFETIME)

    def test_a_gateway_that_falls_silent_loses_it_at_its_end(self) -> None:
        made, now, asked = self.mapped(GRANT._replace(lifetime=300)), 1.0, 0
        while made.mapped is not None:
            now = made.wakes_at()
            asked += len(made.due(now))
        self.assertEqual(now, 301.0)
        self.assertGreater(asked, 2 * TRIES)
        self.assertEqual(made.problem, "no gateway answers")

    def test_the_end(self) -> None:
        made = self.mapped()
        self.assertEqual(made.end(), [Ask(PCP, Wish("10.0.1.2", 8000, 8001, 0))])
        self.assertEqual((made.end(), made.due(1e9), made.wakes_at()), ([], [], inf))
        self.assertEqual(lease().end(), [])


def whatever(random: Random) -> Heard:
    grant = Grant(random.choice((None, "198.51.100.7")), 8001, random.choice((0, 1, 60, 2**32 - 1)))
    refusal = Refused("it refuses", speaks_not=random.random() < 0.5)
    return random.choice((grant, refusal, OuterAddress("198.51.100.7")))


class WhateverHappensTests(unittest.SynchronousTestCase):
    def test_it_asks_seldom_and_always_wakes(self) -> None:
        for seed in range(100):
            random = Random(seed)
            made, now, asked = lease(), 0.0, 0
            for _ in range(30):
                end = now + random.uniform(0, 300)
                while made.wakes_at() <= end:
                    now = max(now, made.wakes_at())
                    asked += len(made.due(now))
                    self.assertGreater(made.wakes_at(), now)
                now = end
                asked += len(made.heard(random.choice(list(Protocol)), whatever(random), now))
            # A cycle is 2 x TRIES + 1 asks, and begins anew after SHORTEST / 2 s at the soonest.
            cycles = now / (SHORTEST / 2) + 1
            self.assertLessEqual(asked, (2 * TRIES + 1) * cycles + 30)
