"""A field of a settings class says what it is."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from itertools import chain

from twisted.trial import unittest

from kadtwisted import parameters
from kadtwisted.model.settings.fields import field_named, help_of, kind_of, setting
from kadtwisted.model.settings.value_kinds import WholeNumber

LEGS = WholeNumber(0, 1000)


@dataclass(frozen=True, slots=True)
class Animal:
    legs: int = setting(4, LEGS, "How many it has.")
    name: str = ""


class FieldTests(unittest.SynchronousTestCase):
    def test_the_default_stands_where_any_default_does(self) -> None:
        self.assertEqual((Animal().legs, Animal(8).legs), (4, 8))

    def test_the_kind_and_the_help_of_a_field(self) -> None:
        legs, name = fields(Animal)
        self.assertEqual((kind_of(legs), help_of(legs)), (LEGS, "How many it has."))
        self.assertEqual((kind_of(name), help_of(name)), (None, ""))

    def test_a_field_by_its_name(self) -> None:
        self.assertEqual(field_named(Animal, "legs").default, 4)
        self.assertRaises(LookupError, field_named, Animal, "wings")

    def test_every_help_is_whole_sentences(self) -> None:
        made = [each for each in vars(parameters).values() if is_dataclass(each)]
        settings = [each for each in chain(*map(fields, made)) if kind_of(each) is not None]
        self.assertGreater(len(settings), 60)
        for each in settings:
            self.assertRegex(help_of(each), r"^[A-Z0-9].*[.]$", each.name)
