"""The crowd of a campaign, and the machine that stands still."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import key_of_name
from kadtwisted.testing.campaigns.clocks import Machine
from kadtwisted.testing.campaigns.crowd import HOUR, Crowd, Reader, made_values, shown
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network


def made_crowd(size: int) -> Crowd:
    crowd = Crowd(3, Report(io.StringIO(), lambda: 0.0, 1.0))
    crowd.grow(size)
    return crowd


class CrowdTests(SynchronousTestCase):
    def test_members_join_hold_and_crash(self) -> None:
        crowd = made_crowd(6)
        self.assertEqual(crowd.ready(), crowd.members)
        self.assertEqual(crowd.islands(), 1)
        crowd.put({"k": b"v"}, lifetime=HOUR)
        holders = crowd.holders("k")
        self.assertEqual(holders, crowd.nearest(key_of_name("k"))[: len(holders)])
        self.assertGreaterEqual(len(holders), 5)
        crowd.crash(holders[0])
        self.assertNotIn(holders[0], crowd.members)
        self.assertEqual(crowd.holders("k"), holders[1:])
        self.assertGreater(crowd.bytes_sent(), 0)
        crowd.stop()
        self.assertEqual(crowd.clock.pending(), 0)

    def test_islands_are_counted(self) -> None:
        crowd = made_crowd(3)
        first, second = crowd.add(), crowd.add()
        self.assertEqual(crowd.islands(), 3)
        crowd.wait(first.node.bootstrap([second.address]))
        self.assertEqual(crowd.islands(), 2)
        crowd.stop()

    def test_a_reader_tells_right_from_wrong(self) -> None:
        crowd = made_crowd(4)
        values = made_values(2)
        crowd.put({"name 0": values["name 0"], "name 1": b"another"}, lifetime=HOUR)
        reader = Reader(crowd, {**values, "missing": b"v"})
        for name in reader.values:
            crowd.wait(reader.read_of(name))
        self.assertEqual(reader.right, 1)
        self.assertEqual(shown(reader.wrong), "1 another value, 1 NotFound")
        self.assertAlmostEqual(reader.ratio, 100 / 3)
        crowd.stop()

    def test_every_goes_on_until_it_is_ended(self) -> None:
        crowd = made_crowd(1)
        moments: list[float] = []
        end = crowd.every(5, lambda: moments.append(crowd.clock.seconds()))
        start = crowd.clock.seconds()
        crowd.advance(16)
        end()
        crowd.advance(60)
        self.assertEqual([round(at - start) for at in moments], [5, 10, 15])
        crowd.stop()


class MachineTests(SynchronousTestCase):
    def test_what_was_due_while_it_stood_still_comes_after_and_in_order(self) -> None:
        clock = HeapClock()
        machine = Machine(Network(clock).host("192.0.2.1"))
        seen: list[tuple[float, str]] = []

        def see(what: str) -> None:
            seen.append((clock.seconds(), what))

        machine.callLater(7, see, "later")
        machine.callLater(3, see, "sooner")
        machine.callLater(4, see, "cancelled").cancel()
        machine.callLater(30, see, "not due")
        clock.advance(1)
        machine.stand_still(20)
        clock.advance(60)
        self.assertEqual(seen, [(21, "sooner"), (21, "later"), (30, "not due")])
