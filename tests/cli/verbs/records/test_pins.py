"""``kad pin`` and ``kad unpin``, at a running node."""

from __future__ import annotations

from kadtwisted.model.ids import key_of_name
from kadtwisted.model.publication import OwnRecord
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.model.reference import Reference
from tests.cli.verbs.test_running import RunningTestCase

OWN = OwnRecord(StorageKey(Kind.VALUE, key_of_name("name")), b"r", 60.0, 1.0, "kept", 10)


class PinTests(RunningTestCase):
    def kad_at(self, *argv: str) -> int:
        return self.run_kad(*argv, "--state-dir", str(self.path))

    def test_the_running_node_is_asked(self) -> None:
        self.node.answers["pin"] = OWN
        self.assertEqual(self.kad_at("pin", "name"), 0)
        self.assertEqual(self.node.calls, [("pin", "name", 10, None)])
        self.assertIn("'name' is pinned: 10 nodes must hold it", self.kad.said)

    def test_a_reference_and_a_number(self) -> None:
        self.node.answers["pin"] = OWN
        reference = Reference(Kind.IMMUTABLE, bytes(20))
        self.assertEqual(self.kad_at("pin", str(reference), "--holders", "3"), 0)
        self.assertEqual(self.node.calls, [("pin", reference, 3, None)])

    def test_unpinned(self) -> None:
        for was_pinned, code in ((True, 0), (False, 1)):
            self.node.answers["unpin"] = was_pinned
            self.assertEqual(self.kad_at("unpin", "name"), code)
        self.assertEqual(self.node.calls, [("unpin", "name", None)] * 2)
        self.assertIn("'name' was not pinned", self.kad.said)

    def test_a_number_of_holders_that_cannot_be(self) -> None:
        for wrong in ("0", "-1", "many"):
            self.assertEqual(self.kad_at("pin", "name", f"--holders={wrong}"), 64)
        self.assertEqual(self.node.calls, [])
