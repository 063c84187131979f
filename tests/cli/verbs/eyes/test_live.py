"""``kad status --watch`` and ``kad top``: on a terminal, on a dumb one, in a pipe, as JSON."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.cli.limits import OutOfTime
from kadtwisted.cli.text.top import Rates, bars, top_text
from kadtwisted.cli.verbs.eyes import live
from kadtwisted.model.contact import Endpoint
from tests.cli.harness import Kad, Terminal
from tests.cli.verbs.test_running import RunningTestCase
from tests.daemon.fakes import a_routing, a_status

CLEAR = b"\x1b[H"


class LiveTests(RunningTestCase):
    """The fake node has served two more seconds at each look."""

    def setUp(self) -> None:
        super().setUp()
        self.state = ("--state-dir", str(self.path))
        self.looked = 0
        self.node.status = self.status  # type: ignore[method-assign]

    def status(self) -> Any:
        self.looked += 1
        counters = {"in.Ping": 10 * self.looked, "datagrams.in": 20 * self.looked,
                    "dropped.malformed": 1}  # fmt: skip
        return a_status(uptime=2.0 * self.looked, counters=counters)

    def test_status_again_and_again(self) -> None:
        self.assertEqual(self.run_kad("status", "--watch", "1", "--count", "3", *self.state), 0)
        self.assertEqual(self.kad.printed.count(b"Serving: in its network"), 3)
        self.assertNotIn(b"\x1b", self.kad.printed)
        self.assertEqual((self.looked, self.kad.pauses), (3, 2))

    def test_without_watch_it_is_shown_once(self) -> None:
        self.assertEqual(self.run_kad("status", *self.state), 0)
        self.assertEqual(self.looked, 1)

    def test_on_a_terminal_each_look_takes_the_place_of_the_one_before(self) -> None:
        self.kad.stdout = Terminal()
        self.kad.environ["TERM"] = "xterm"
        self.run_kad("top", "--count", "2", *self.state)
        first, second = self.kad.printed.split(CLEAR)[1:]
        self.assertLess(second.count(b"\n"), 24)
        self.assertTrue(first.endswith(b"\x1b[J"))
        for line in second.split(b"\n")[:-1]:
            self.assertTrue(line.endswith(b"\x1b[K"))
            self.assertLessEqual(len(line.decode().removesuffix("\x1b[K")), 80)

    def test_a_dumb_terminal_gets_plain_text(self) -> None:
        for term in ({"TERM": "dumb"}, {"TERM": ""}, {}):
            self.kad = Kad()
            self.kad.stdout = Terminal()
            self.kad.environ.update(term)
            self.assertEqual(self.run_kad("top", "--count", "1", *self.state), 0)
            self.assertNotIn(b"\x1b", self.kad.printed)

    def test_a_terminal_that_does_not_know_its_size_has_the_usual_one(self) -> None:
        self.patch(live.os, "get_terminal_size", lambda _: live.os.terminal_size((0, 0)))
        self.kad.stdout = Terminal()
        self.patch(self.kad.stdout, "fileno", lambda: 1)
        self.kad.environ["TERM"] = "vt100"
        self.run_kad("top", "--count", "1", *self.state)
        self.assertIn(b"Serving: in its network, reading and writing.", self.kad.printed)

    def test_rates_are_those_of_the_node_s_own_time(self) -> None:
        self.run_kad("top", "--count", "2", "--every", "30s", "--json", *self.state)
        first, second = map(json.loads, self.kad.printed.splitlines())
        self.assertEqual(first["rates"]["per_second"], {})
        self.assertEqual(second["rates"]["per_second"]["in.Ping"], 5.0)
        self.assertEqual(second["rates"]["datagrams_in"], [10.0])

    def test_a_node_that_goes_away_is_waited_for(self) -> None:
        perform, calls = self.client.perform, []

        async def sometimes(verb: str, arguments: Any) -> Any:
            calls.append(verb)
            if len(calls) == 2:
                raise ControlUnavailable("no running node answers")
            return await perform(verb, arguments)

        self.client.perform = sometimes  # type: ignore[method-assign]
        self.assertEqual(self.run_kad("status", "--watch", "1", "--count", "3", *self.state), 0)
        self.assertEqual(self.kad.printed.count(b"Serving"), 2)
        self.assertIn(b"The node is not there: no running node answers.", self.kad.printed)

    def test_a_node_that_is_held_up_is_told_and_looked_at_again(self) -> None:
        perform, calls = self.client.perform, []

        async def sometimes(verb: str, arguments: Any) -> Any:
            calls.append(verb)
            if len(calls) == 2:
                raise OutOfTime
            return await perform(verb, arguments)

        self.client.perform = sometimes  # type: ignore[method-assign]
        limits: list[float] = []
        self.kad.limited = lambda seconds: limits.append(seconds) or nullcontext()
        given = ("status", "--watch", "1", "--count", "3", "--timeout", "7", *self.state)
        self.assertEqual(self.run_kad(*given), 0)
        self.assertEqual(self.kad.printed.count(b"Serving"), 2)
        self.assertIn(b"it has not answered within 7 s", self.kad.printed)
        self.assertEqual(limits[-3:], [7.0] * 3)

    def test_a_node_that_is_held_up_at_first_is_an_error(self) -> None:
        def silent() -> Any:
            raise OutOfTime

        self.node.status = silent  # type: ignore[method-assign]
        self.assertEqual(self.run_kad("top", *self.state), 75)
        self.assertIn("no result within 10 s", self.kad.said)

    def test_where_no_node_is_at_first_it_fails_as_ever(self) -> None:
        for verb in (("status", "--watch"), ("top",)):
            self.kad = Kad()
            self.assertEqual(self.kad(*verb, *self.state), 69)
            self.assertIn("no running node answers", self.kad.said)

    def test_what_others_say_cannot_steer_the_terminal(self) -> None:
        self.kad.stdout = Terminal()
        self.kad.environ["TERM"] = "xterm"
        routing = a_routing()
        bad = routing.buckets[0].contacts[0]._replace(endpoint=Endpoint("\x1b[31mred", 1))
        bucket = routing.buckets[0]._replace(contacts=(bad,))
        self.node.answers["routing"] = routing._replace(buckets=(bucket,))
        self.run_kad("top", "--count", "1", *self.state)
        self.assertNotIn(b"\x1b[31m", self.kad.printed)


class TextTests(SynchronousTestCase):
    """The screen of ``kad top``."""

    def look(self, **changes: Any) -> dict[str, Any]:
        from kadtwisted.api import describe_status

        status = describe_status.of_status(a_status(**changes))
        routing = describe_status.of_routing(a_routing())
        return {"status": status, "routing": routing, "rates": Rates().since(status)}

    def test_the_verdict_comes_first_and_a_wrong_clock_second(self) -> None:
        lines = top_text(self.look(clock_ahead=-400.0)).splitlines()
        self.assertEqual(lines[0], "Serving: in its network, reading and writing.")
        self.assertIn("400 s behind", lines[1])

    def test_it_shows_requests_with_refusals_and_contacts(self) -> None:
        counters = {"in.Ping": 7, "refused.Ping": 2, "dropped.rate": 3}
        shown = top_text(self.look(counters=counters))
        self.assertRegex(shown, r"Ping +0\.0 +7 +2")
        self.assertRegex(shown, r"dropped: rate +0\.0 +3")
        self.assertIn("192.0.2.7:8000", shown)

    def test_after_a_restart_there_are_no_rates(self) -> None:
        rates = Rates()
        rates.since({"uptime_seconds": 100.0, "counters": {"in.Ping": 50}})
        later = rates.since({"uptime_seconds": 1.0, "counters": {"in.Ping": 1}})
        self.assertEqual(later["per_second"], {})

    def test_bars(self) -> None:
        self.assertEqual(bars([0.0, 4.0, 8.0]), " ▄█  at most 8.0 a second")
        self.assertEqual(bars([0.0, 0.0]), "    at most 0.0 a second")
