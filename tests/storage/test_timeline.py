"""Moments that survive a restart, whatever the clocks do."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.storage.timeline import Anchor, Timeline

BOOT = 1_800_000_000.0
"""The wall clock when the first process starts."""


class World:
    """Both clocks, set by hand."""

    def __init__(self, monotonic: float = 50.0, unix_time: float = BOOT) -> None:
        self.monotonic = monotonic
        self.unix_time = unix_time

    def timeline(self, anchor: Anchor | None = None) -> Timeline:
        timeline = Timeline(lambda: self.monotonic, lambda: self.unix_time)
        timeline.resume(anchor)
        return timeline

    def pass_by(self, seconds: float) -> None:
        self.monotonic += seconds
        self.unix_time += seconds


class TimelineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()

    def test_begins_with_the_wall_clock(self) -> None:
        timeline = self.world.timeline()
        self.assertEqual(timeline.saved(50.0), BOOT)
        self.assertEqual(timeline.anchor(), Anchor(BOOT, BOOT))

    def test_a_wall_clock_that_jumps_meanwhile_changes_nothing(self) -> None:
        timeline = self.world.timeline()
        for jump in (-86_400.0, 500_000.0):
            self.world.unix_time += jump
            self.assertEqual(timeline.saved(60.0), BOOT + 10.0)
            self.assertEqual(timeline.monotonic(BOOT + 10.0), 60.0)
            self.assertEqual(timeline.anchor().moment, BOOT)

    def test_time_that_passes_between_two_processes_counts(self) -> None:
        first = self.world.timeline()
        saved = first.saved(50.0 + 3600.0)
        anchor = first.anchor()
        second = World(monotonic=7.0, unix_time=BOOT + 600.0).timeline(anchor)
        self.assertEqual(second.monotonic(saved), 7.0 + 3000.0)

    def test_a_wall_clock_set_back_in_between_makes_nothing_immortal(self) -> None:
        first = self.world.timeline()
        saved = first.saved(50.0 + 3600.0)
        anchor = first.anchor()
        back = World(monotonic=7.0, unix_time=BOOT - 1e6)
        self.assertEqual(back.timeline(anchor).monotonic(saved), 7.0 + 3600.0)

    def test_a_jump_while_running_is_not_counted_as_absence(self) -> None:
        first = self.world.timeline()
        saved = first.saved(50.0 + 3600.0)
        self.world.pass_by(100.0)
        self.world.unix_time += 1e6
        anchor = first.anchor()
        second = World(monotonic=0.0, unix_time=self.world.unix_time + 5.0).timeline(anchor)
        self.assertAlmostEqual(second.monotonic(saved), 3600.0 - 105.0)

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(
        st.lists(
            st.tuples(
                st.floats(0.0, 1e6), st.floats(-1e7, 1e7), st.floats(0.0, 1e6), st.floats(-1e7, 1e7)
            ),
            max_size=5,
        )
    )
    def test_the_line_never_runs_backwards(
        self, lives: list[tuple[float, float, float, float]]
    ) -> None:
        world, anchor, last = World(), None, 0.0
        for running, jump, absent, set_to in lives:
            timeline = world.timeline(anchor)
            world.pass_by(running)
            world.unix_time += jump
            anchor = timeline.anchor()
            self.assertGreaterEqual(anchor.moment, last)
            last = anchor.moment
            world = World(monotonic=absent, unix_time=world.unix_time + absent + set_to)
