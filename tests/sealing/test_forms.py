"""The first byte of a datagram and the fields behind it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.sealing.forms import FORMS, PLAIN_MARK, SEALED_MARK, Form, layouts

FIRSTS = [mark | form for mark in (SEALED_MARK, PLAIN_MARK) for form in FORMS]


class FirstBytes(SynchronousTestCase):
    def test_every_form_of_both_sealers_has_its_own(self) -> None:
        self.assertEqual(FIRSTS, [0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x98, 0x99, 0x9A, 0x9B, 0x9C])

    def test_none_is_taken_for_bencode_or_stun(self) -> None:
        for foreign in (ord("d"), 0, 1, 2, 3):
            self.assertNotIn(foreign, FIRSTS)


class Layouts(SynchronousTestCase):
    def test_each_form_shows_what_it_must(self) -> None:
        expected = (
            (Form.REQUEST, 57, 65, 81),
            (Form.REPLY, 25, 25, 41),
            (Form.HELLO, 57, 65, 81),
            (Form.HELLO_ANSWER, 57, 57, 73),
            (Form.COOKIE, 25, 25, 41),
        )
        self.assertEqual(layouts(25, 16), expected)

    def test_a_form_is_the_index_of_its_layout(self) -> None:
        found = layouts(9, 0)
        self.assertEqual([found[form].form for form in FORMS], list(Form))
