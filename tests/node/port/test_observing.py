"""An observer is told of requests that end, and of lookups that begin and end; a node without one
tells nobody."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidInput, NotFound, RequestTimedOut
from kadtwisted.model.contact import Family
from kadtwisted.model.ids import key_of_name
from kadtwisted.model.messages import FindValue
from kadtwisted.model.observed import LookupBegan, LookupEnded, Observation, RequestEnded
from kadtwisted.node.node import Node
from kadtwisted.parameters import Bounds
from kadtwisted.testing.inspect import link_of
from kadtwisted.testing.nodes import Swarm


class ObservedNodeTests(SynchronousTestCase):
    """A node of a small network, and what its observer hears."""

    def setUp(self) -> None:
        self.swarm = Swarm(5, seed=7)
        self.addCleanup(self.swarm.stop)
        self.node, self.other = self.swarm.nodes[:2]
        self.told: list[Observation] = []
        self.stop = self.node.observe(self.told.append)

    def requests(self, rpc: str) -> list[RequestEnded]:
        return [each for each in self.told if isinstance(each, RequestEnded) and each.rpc == rpc]

    def lookups(self) -> list[LookupEnded]:
        return [each for each in self.told if isinstance(each, LookupEnded)]

    def test_an_answered_ping_is_told_with_its_seconds(self) -> None:
        pong = self.swarm.wait(self.node.ping(self.swarm.address_of(self.other)))
        (told,) = self.requests("Ping")
        self.assertEqual(told.result, "answered")
        self.assertAlmostEqual(told.seconds, pong.rtt, 6)

    def test_silence_is_told_as_that_and_lasts_as_long_as_it_was_waited(self) -> None:
        address = self.swarm.address_of(self.other)
        self.swarm.wait(self.other.stop())
        before = self.swarm.clock.seconds()
        self.failureResultOf(self._settled(self.node.ping(address)), RequestTimedOut)
        silent = [each for each in self.requests("Ping") if each.result == "timed_out"]
        self.assertTrue(silent)
        self.assertLessEqual(silent[0].seconds, self.swarm.clock.seconds() - before)
        self.assertGreater(silent[0].seconds, 0.0)

    def test_a_refusal_is_told_as_an_error(self) -> None:
        ask_for_unknown_kind(self.swarm, self.node, self.other)
        self.assertIn("error", {each.result for each in self.requests("FindValue")})

    def test_a_lookup_is_told_with_its_path(self) -> None:
        found = self.swarm.wait(self.node.find_node(key_of_name("name")))
        (told,) = self.lookups()
        self.assertEqual((told.wanted, told.family, told.completed), ("nodes", Family.IPV4, True))
        self.assertEqual(told.target, key_of_name("name"))
        self.assertEqual(told.trace.hops, found.trace.hops)
        self.assertEqual(len(told.trace.steps), len(found.trace.steps))

    def test_the_path_of_a_lookup_can_be_looked_at_while_it_runs(self) -> None:
        looking = self.node.find_node(key_of_name("name"))
        (begun,) = [each for each in self.told if isinstance(each, LookupBegan)]
        self.assertEqual((begun.wanted, begun.target), ("nodes", key_of_name("name")))
        early = begun.look()
        self.assertTrue(early.steps)
        self.assertEqual({each.outcome for each in early.steps}, {"waiting"})
        self.swarm.wait(looking)
        (told,) = self.lookups()
        self.assertEqual(told.number, begun.number)
        self.assertEqual(begun.look().hops, told.trace.hops)

    def test_each_lookup_has_a_number_of_its_own(self) -> None:
        for name in ("one", "two"):
            self.swarm.wait(self.node.find_node(key_of_name(name)))
        numbers = [each.number for each in self.told if isinstance(each, LookupBegan)]
        self.assertEqual(len(set(numbers)), 2)
        self.assertEqual([each.number for each in self.lookups()], numbers)

    def test_a_lookup_whose_beginning_nobody_observed_has_no_number(self) -> None:
        self.stop()
        looking = self.node.find_node(key_of_name("name"))
        self.node.observe(self.told.append)
        self.swarm.wait(looking)
        self.assertEqual([each.number for each in self.lookups()], [0])

    def test_a_search_for_records_is_another_lookup(self) -> None:
        self.failureResultOf(self._settled(self.node.get("nothing")), NotFound)
        self.assertEqual({each.wanted for each in self.lookups()}, {"records"})

    def test_a_cancelled_lookup_is_told_once_as_not_completed(self) -> None:
        looking = self.node.find_node(key_of_name("name"))
        looking.cancel()
        self.failureResultOf(looking, CancelledError)
        self.swarm.clock.advance(5)
        self.assertEqual([each.completed for each in self.lookups()], [False])

    def test_an_observer_that_fails_harms_nobody(self) -> None:
        self.stop()
        self.node.observe(lambda _: 1 / 0)
        self.node.observe(self.told.append)
        self.swarm.wait(self.node.find_node(key_of_name("name")))
        self.assertTrue(self.flushLoggedErrors(ZeroDivisionError))
        self.assertTrue(self.lookups())

    def test_it_ends_when_that_is_asked_for_and_that_may_be_twice(self) -> None:
        self.node.observe(self.told.append)
        self.stop()
        self.stop()
        self.swarm.wait(self.node.find_node(key_of_name("name")))
        self.assertEqual(len(self.lookups()), 1)

    def test_it_stays_over_a_restart_of_the_node(self) -> None:
        self.swarm.wait(self.node.stop())
        self.swarm.wait(self.node.start())
        self.swarm.wait(self.node.ping(self.swarm.address_of(self.other)))
        self.assertTrue(self.requests("Ping"))

    def test_what_cannot_be_called_is_refused(self) -> None:
        with self.assertRaisesRegex(InvalidInput, "an observer is a function"):
            self.node.observe("metrics")  # type: ignore[arg-type]

    def _settled(self, waiting):  # type: ignore[no-untyped-def]
        self.swarm.clock.advance(60)
        return waiting


def ask_for_unknown_kind(swarm: Swarm, asker: Node, asked: Node) -> None:
    """A request that is answered with an error."""
    contact = swarm.wait(asker.ping(swarm.address_of(asked))).contact
    asking = link_of(asker).ask(contact, FindValue(key_of_name("name"), 99), known=True)
    asking.addErrback(lambda _: None)
    swarm.clock.advance(5)


class CountedTests(SynchronousTestCase):
    """What a node counts of the requests of others, beside their number."""

    def test_errors_that_were_told_and_requests_that_were_not_looked_at(self) -> None:
        swarm = Swarm(3, seed=7)
        self.addCleanup(swarm.stop)
        ask_for_unknown_kind(swarm, *swarm.nodes[:2])
        counters = swarm.nodes[1].status().counters
        self.assertEqual(counters["refused.FindValue"], 1)
        self.assertNotIn("turned_away.FindValue", counters)
        link_of(swarm.nodes[1]).protocol._max_answering = 0
        ask_for_unknown_kind(swarm, *swarm.nodes[:2])
        counters = swarm.nodes[1].status().counters
        self.assertEqual(counters["refused.FindValue"], 2)
        self.assertEqual(counters["turned_away.FindValue"], 1)
        self.assertEqual(counters["in.FindValue"], 1)

    def test_how_much_the_storage_holds_at_most(self) -> None:
        swarm = Swarm(1, bounds=Bounds(stored_records=7, stored_bytes=9999))
        self.addCleanup(swarm.stop)
        status = swarm.nodes[0].status()
        self.assertEqual((status.most_records, status.most_bytes), (7, 9999))

    def test_the_size_of_the_network_is_told_for_each_family(self) -> None:
        swarm = Swarm(5, seed=7)
        self.addCleanup(swarm.stop)
        swarm.clock.advance(400)  # verified
        sizes = [link.network_size for link in swarm.nodes[0].status().links]
        self.assertEqual(sizes, [5.0])
