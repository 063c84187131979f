"""Models of delay: functions of the pair and the seed, with the distributions that they promise."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationError
from kadtwisted.simulation.models.latency import Delays, LatencySettings

HOSTS = [f"20.{number // 256}.{number % 256}.1" for number in range(2001)]


def round_trips(seed: int = 1, **settings: object) -> list[float]:
    """The round trips of 2,000 pairs of hosts."""
    latency = Delays(LatencySettings(**settings), seed)  # type: ignore[arg-type]
    return [latency.rtt(one, other) for one, other in pairwise(HOSTS)]


class ModelTests(SynchronousTestCase):
    def test_the_base_delay_depends_on_the_pair_and_the_seed_alone(self) -> None:
        for model in ("log-normal", "coordinates"):
            latency = Delays(LatencySettings(model=model), 7)
            latency.rtt("20.0.9.1", "20.0.8.1")  # whatever was asked before
            there, back = latency.rtt("20.0.0.1", "20.0.1.1"), latency.rtt("20.0.1.1", "20.0.0.1")
            again = Delays(LatencySettings(model=model), 7).rtt("20.0.0.1", "20.0.1.1")
            other = Delays(LatencySettings(model=model), 8).rtt("20.0.0.1", "20.0.1.1")
            self.assertEqual(there, back)
            self.assertEqual(there, again)
            self.assertNotEqual(there, other)

    def test_the_pairs_of_one_host_differ(self) -> None:
        latency = Delays(LatencySettings(), 1)
        self.assertGreater(len({latency.rtt(HOSTS[0], each) for each in HOSTS[1:]}), 1000)

    def test_constant(self) -> None:
        self.assertEqual(set(round_trips(model="constant", median=0.03)), {0.03})

    def test_log_normal_has_its_median_and_spread(self) -> None:
        found = round_trips(median=0.1, sigma=0.5)
        self.assertApproximates(median(found), 0.1, 0.005)
        # The 95th percentile of a normal distribution lies 1.645 deviations above the mean.
        self.assertApproximates(quantiles(found, n=20)[-1], 0.1 * 2.718 ** (1.645 * 0.5), 0.02)

    def test_coordinates_have_their_median_and_nobody_is_nearer_than_the_wire(self) -> None:
        found = round_trips(model="coordinates", median=0.1, access=0.02)
        self.assertApproximates(median(found), 0.1, 0.01)
        latency = Delays(LatencySettings(model="coordinates", access=0.0), 1)
        a, b, c = HOSTS[:3]
        self.assertLessEqual(latency.rtt(a, c), latency.rtt(a, b) + latency.rtt(b, c))


class DelayTests(SynchronousTestCase):
    def test_one_way_is_half_a_round_trip_with_jitter_on_top(self) -> None:
        latency = Delays(LatencySettings(model="constant", median=0.1, jitter=0.5), 1)
        drawn = random.Random(1)
        delays = [latency("a", "b", drawn) for _ in range(500)]
        self.assertGreaterEqual(min(delays), 0.05)
        self.assertLessEqual(max(delays), 0.075)
        self.assertGreater(max(delays), 0.074)

    def test_some_hosts_are_nearer_to_all_than_all_others(self) -> None:
        latency = Delays(LatencySettings(model="constant", median=0.1, jitter=0.0), 1)
        fast = ["b"]
        latency.shorten(fast, 0.002)
        drawn = random.Random(1)
        found = [latency(*pair, drawn) for pair in (("a", "b"), ("b", "a"), ("a", "c"))]
        self.assertEqual(found, [0.001, 0.001, 0.05])
        self.assertEqual((latency.rtt("b", "c"), latency.rtt("a", "c")), (0.002, 0.1))

    def test_some_are_overtaken(self) -> None:
        still = LatencySettings(model="constant", median=0.1, jitter=0.0)
        latency = Delays(still, 1, reorder=0.25)
        drawn = random.Random(1)
        delays = [latency("a", "b", drawn) for _ in range(1000)]
        late = [each for each in delays if each > 0.05]
        self.assertApproximates(len(late) / 1000, 0.25, 0.05)
        self.assertLessEqual(max(late), 0.15)


class MeasuredTests(SynchronousTestCase):
    def write(self, text: str) -> Path:
        path = Path(self.mktemp())
        path.write_text(text)
        return path

    def test_a_list_is_what_pairs_draw_from(self) -> None:
        file = self.write("# of a morning\n10\n20\n\n40  # far away\n")
        found = round_trips(model="measured", file=file)
        self.assertEqual(sorted(set(found)), [0.01, 0.02, 0.04])
        for each in (0.01, 0.02, 0.04):
            self.assertApproximates(found.count(each) / len(found), 1 / 3, 0.05)

    def test_a_table_of_pairs_has_places_where_hosts_stand(self) -> None:
        file = self.write("ams,fra,9\nams,nyc,80\nfra nyc 90\n")
        found = round_trips(model="measured", file=file, unit="ms")
        self.assertEqual(sorted({round(each, 6) for each in found}), [0.009, 0.08, 0.09])

    def test_a_pair_that_the_table_lacks_has_its_median(self) -> None:
        file = self.write("a,b,1\nb,c,3\nc,d,5\n")
        found = set(round_trips(model="measured", file=file, unit="s"))
        self.assertEqual(found, {1.0, 3.0, 5.0})
        latency = Delays(LatencySettings(model="measured", file=file, unit="s"), 1)
        with patch("kadtwisted.simulation.models.latency.Places.of", site_of(a=0, c=2)):
            self.assertEqual(latency.rtt("a", "c"), 3.0)

    def test_what_is_no_such_file_is_refused(self) -> None:
        for text, what in (
            ("", "on each line"),
            ("1\n2 3 4\n", "on each line"),
            ("a b x\n", "expected a time above 0"),
            ("0\n", "expected a time above 0"),
            ("1 2\n", "on each line"),
        ):
            settings = LatencySettings(model="measured", file=self.write(text))
            error = self.assertRaises(ConfigurationError, Delays, settings, 1)
            self.assertIn(what, str(error))
        nowhere = LatencySettings(model="measured", file=Path(self.mktemp()))
        error = self.assertRaises(ConfigurationError, Delays, nowhere, 1)
        self.assertIn("no such file", str(error))
        bare = LatencySettings(model="measured")
        self.assertRaises(ConfigurationError, Delays, bare, 1)

    def test_a_file_that_is_no_text_is_refused(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(b"\xff\xfe")
        settings = LatencySettings(model="measured", file=path)
        error = self.assertRaises(ConfigurationError, Delays, settings, 1)
        self.assertIn("not UTF-8", str(error))


def site_of(**sites: int) -> object:
    """A replacement for ``Places.of``: puts each host at one of four sites, by number."""
    return lambda self, address: (sites[address] << 62) + 1
