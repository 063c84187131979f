"""Kinds of NAT as numbers and as words."""

from __future__ import annotations

from twisted.trial import unittest

from kadtwisted.model.nat import NatKind


class NatKindTests(unittest.SynchronousTestCase):
    def test_each_number_is_itself_and_any_other_is_unknown(self) -> None:
        self.assertEqual([NatKind.of(each) for each in range(4)], list(NatKind))
        self.assertEqual({NatKind.of(each) for each in (-1, 4, 255)}, {NatKind.UNKNOWN})

    def test_each_has_words_of_its_own(self) -> None:
        self.assertEqual(len({each.words for each in NatKind}), len(NatKind))
