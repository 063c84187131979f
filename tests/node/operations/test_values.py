"""What a program may say of a value."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidLifetime, NotFound
from kadtwisted.node.operations.values import check_lifetime
from kadtwisted.testing.nodes import Swarm


class NotFoundTests(SynchronousTestCase):
    def test_the_sentence_names_what_was_asked(self) -> None:
        swarm = Swarm(2)
        self.addCleanup(swarm.stop)
        swarm.wait(swarm.nodes[0].put("gone", b"v"))
        swarm.wait(swarm.nodes[0].delete("gone"))
        names: tuple[tuple[str | bytes, str], ...] = (
            ("mailer", "'mailer' was not found"),
            ("gone", "'gone' was deleted"),
            (bytes(19) + b"\x05", f"{'0' * 39}5 was not found"),
            ("a\nb\u202ec\x1b[2J", "'a\\nb\\u202ec\\x1b[2J' was not found"),
            ("n\u00e4me", "'n\u00e4me' was not found"),
            ("x" * 5000, f"'{'x' * 97}...' was not found"),
        )
        for name, said in names:
            error = self.assertRaises(NotFound, swarm.wait, swarm.nodes[1].get(name))
            self.assertEqual(str(error), said)


class LifetimeTests(SynchronousTestCase):
    def refused(self, lifetime: Any) -> str:
        return str(self.assertRaises(InvalidLifetime, check_lifetime, lifetime, 3600.0))

    def test_numbers(self) -> None:
        for good in (1, 0.5, 3600, 5e-324):
            check_lifetime(good, 3600.0)
        for bad in (0, -0.0, -1, 3600.1, inf, -inf, nan):
            self.assertIn(f"at most 1 hours, not {bad:g} s", self.refused(bad))

    def test_a_number_beyond_all_floats(self) -> None:
        for huge in (10**400, -(10**400), 10**5000):
            self.assertIn("not an integer beyond all bounds", self.refused(huge))

    def test_what_is_no_number(self) -> None:
        for bad, said in ((True, "bool"), ("60", "str"), (None, "NoneType"), (b"1", "bytes")):
            self.assertIn(f"not {said}", self.refused(bad))
