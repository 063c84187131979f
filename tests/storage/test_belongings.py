"""What root makes in the directory of another user becomes that user's, and nothing else does.

Without root there is nothing to give: then the same tests say that nothing changes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from twisted.trial import unittest

from kadtwisted.storage.belongings import given_to_owners

IS_ROOT = os.geteuid() == 0
SOMEBODY = 4711 if IS_ROOT else os.geteuid()
US = os.geteuid()


class BelongingsTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.above = Path(directory.name)
        self.there = self.above / "state"
        self.there.mkdir()
        os.chown(self.there, SOMEBODY, -1)

    def owners(self) -> dict[str, int]:
        return {each.name: each.lstat().st_uid for each in self.there.iterdir()}

    def test_what_was_made_and_what_is_of_the_storage(self) -> None:
        for name in ("secret", "records.x", "records.x.lock"):
            (self.there / name).touch()
        with given_to_owners([self.there], "records.x"):
            (self.there / "lock").touch()
        expected = dict.fromkeys(("records.x", "records.x.lock", "lock"), SOMEBODY)
        self.assertEqual(self.owners(), expected | {"secret": US})

    def test_also_after_a_failure(self) -> None:
        with self.assertRaises(ZeroDivisionError), given_to_owners([self.there]):
            (self.there / "lock").touch()
            raise ZeroDivisionError
        self.assertEqual(self.owners(), {"lock": SOMEBODY})

    def test_directories_that_were_made(self) -> None:
        inner = self.there / "a" / "b"
        with given_to_owners([inner]):
            inner.mkdir(parents=True)
            (inner / "records.x").touch()
        found = {each.stat().st_uid for each in self.there.rglob("*")}
        self.assertEqual(found, {SOMEBODY})

    def test_no_file_of_roots_is_lured_out(self) -> None:
        prey = [self.above / "prey", self.above / "other"]
        for each in prey:
            each.touch()
        with given_to_owners([self.there], "records"):
            (self.there / "records.link").symlink_to(prey[0])
            (self.there / "records.hard").hardlink_to(prey[1])
            (self.there / "records.dir").mkdir()
        self.assertEqual([each.stat().st_uid for each in prey], [US, US])

    def test_a_directory_of_our_own_stays(self) -> None:
        with given_to_owners([self.above]):
            (self.above / "new").touch()
        self.assertEqual((self.above / "new").stat().st_uid, US)
