"""JSON of others."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.api.strict_json import NameTwice, read_json


class StrictJsonTests(SynchronousTestCase):
    def test_what_it_says(self) -> None:
        self.assertEqual(read_json(b'{"a": [1, {"a": null}], "b": "a"}')["a"], [1, {"a": None}])
        self.assertEqual(read_json('"text"'), "text")

    def test_what_is_no_json(self) -> None:
        for text in ("", "{", "NaN", '{"a": -Infinity}', b"\xff"):
            self.assertRaises(ValueError, read_json, text)

    def test_two_members_of_one_name(self) -> None:
        for text in ('{"a": 1, "b": 2, "a": 1}', '[{"b": {"a": 1, "a": 2}}]'):
            error = self.assertRaises(NameTwice, read_json, text)
            self.assertEqual(str(error), "'a' twice")
