"""Hosts that a port wrote to, in bounded memory that errs on one side only."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from kadtwisted.nat.written import QUIET, Written


class WrittenTests(unittest.SynchronousTestCase):
    def test_a_host_is_quiet_when_nothing_went_there_for_long(self) -> None:
        written = Written(-inf)
        self.assertTrue(written.is_quiet("20.0.0.1", 0.0))
        written.note("20.0.0.1", 0.0)
        self.assertFalse(written.is_quiet("20.0.0.1", QUIET - 1))
        self.assertTrue(written.is_quiet("20.0.0.1", QUIET))

    def test_whoever_goes_on_sending_is_not_quiet_if_it_was_written_to(self) -> None:
        """A NAT that it keeps open would let it in, though nothing has gone there for long."""
        written = Written(-inf)
        written.note("20.0.0.1", 0.0)
        for at in range(0, 1000, 100):
            written.came("20.0.0.1", float(at))
            written.came("20.0.0.2", float(at))
        self.assertFalse(written.is_quiet("20.0.0.1", 1000.0))
        self.assertTrue(written.is_quiet("20.0.0.2", 1000.0))
        self.assertTrue(written.is_quiet("20.0.0.1", 900.0 + QUIET))

    def test_what_came_before_it_began_is_not_known(self) -> None:
        written = Written(10.0)
        self.assertFalse(written.is_quiet("20.0.0.1", 10.0 + QUIET - 1))
        self.assertTrue(written.is_quiet("20.0.0.1", 10.0 + QUIET))

    @given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.floats(0, 1000)), max_size=300))
    def test_nobody_seems_quieter_than_it_is(self, sent: list[tuple[int, float]]) -> None:
        written = Written(-inf)
        exactly: dict[str, float] = {}
        for number, at in sorted(sent, key=lambda each: each[1]):
            host = ".".join(str(each) for each in number.to_bytes(4, "big"))
            written.note(host, at)
            exactly[host] = at
        for host, at in exactly.items():
            self.assertGreaterEqual(written.last(host), at)
