"""Whose control socket it is: what either side checks before anything is said."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

from twisted.trial import unittest

from kadtwisted.api import peers
from kadtwisted.api.peers import (
    USERS,
    ControlRefused,
    Sparingly,
    check_listener,
    check_place,
    peer_user,
    refusal_of,
)
from kadtwisted.storage.guard import UnsafeFile

ALICE, BOB, ROOT, NOBODY = 4242, 4343, 0, 65534
PLACE = Path("/srv/kad/control.sock")


def status(kind: int, mode: int, owner: int) -> os.stat_result:
    return os.stat_result((kind | mode, 1, 1, 1, owner, 7, 0, 0, 0, 0))


class PlaceTests(unittest.SynchronousTestCase):
    """The directory of the socket, and the socket, have an owner and a mode."""

    def setUp(self) -> None:
        self.directory: Any = status(stat.S_IFDIR, 0o700, ALICE)
        self.socket: Any = status(stat.S_IFSOCK, 0o600, ALICE)

        def stat_of(path: Path) -> os.stat_result:
            return self.stat_of(path)

        self.patch(Path, "stat", stat_of)  # a function, which becomes a method

    def stat_of(self, path: Path) -> os.stat_result:
        found = {PLACE: self.socket, PLACE.parent: self.directory}[path]
        if isinstance(found, OSError):
            raise found
        assert isinstance(found, os.stat_result)
        return found

    def of(self, user: int) -> int | None:
        self.patch(os, "geteuid", lambda: user)
        return check_place(PLACE)

    def refused(self, user: int, kind: type[Exception] = ControlRefused) -> str:
        self.patch(os, "geteuid", lambda: user)
        return str(self.assertRaises(kind, check_place, PLACE))

    def test_our_own_node_and_root_at_anybodys(self) -> None:
        self.assertEqual((self.of(ALICE), self.of(ROOT)), (ALICE, ALICE))

    def test_a_node_of_another_user(self) -> None:
        self.assertIn("belongs to 4242, and its node serves 4242 and root, not 4343; "
                      "run kad with sudo, or as 4242", self.refused(BOB))  # fmt: skip

    def test_a_directory_of_root(self) -> None:
        self.directory = status(stat.S_IFDIR, 0o755, ROOT)
        for owner in (ROOT, ALICE):
            self.socket = status(stat.S_IFSOCK, 0o600, owner)
            self.assertEqual(self.of(ALICE), ROOT)

    def test_a_socket_that_somebody_else_put_there(self) -> None:
        self.socket = status(stat.S_IFSOCK, 0o600, BOB)
        for user in (ALICE, ROOT):
            self.assertIn("belongs to 4343, not to 4242", self.refused(user))

    def test_modes(self) -> None:
        for mode in (0o770, 0o702, 0o1777):
            self.directory = status(stat.S_IFDIR, mode, ALICE)
            for user in (ALICE, ROOT):
                self.assertIn("run: chmod 700 /srv/kad", self.refused(user, UnsafeFile))
        self.directory = status(stat.S_IFDIR, 0o755, ALICE)
        self.assertEqual(self.of(ALICE), ALICE)
        for mode in (0o660, 0o606, 0o777):
            self.socket = status(stat.S_IFSOCK, mode, ALICE)
            self.assertIn("run: chmod 600 /srv/kad/control.sock", self.refused(ALICE, UnsafeFile))

    def test_nothing_there_is_said_when_it_is_connected_to(self) -> None:
        self.socket = FileNotFoundError()
        self.assertEqual(self.of(ALICE), ALICE)
        self.directory = NotADirectoryError()
        self.assertIsNone(self.of(ALICE))

    def test_a_directory_that_we_cannot_look_into(self) -> None:
        for self.socket, self.directory in (
            (PermissionError(13, "Permission denied"), status(stat.S_IFDIR, 0o700, ALICE)),
            (FileNotFoundError(), PermissionError(13, "Permission denied")),
        ):
            self.assertIn(
                "cannot use /srv/kad as 4242: permission denied; run kad with sudo",
                self.refused(ALICE),
            )


class ListenerTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(os, "geteuid", lambda: ALICE)

    def test_who_may_listen(self) -> None:
        for owner, user in ((ALICE, ALICE), (BOB, BOB), (BOB, ROOT), (ROOT, ALICE), (ALICE, None)):
            check_listener(PLACE, owner, user)
        check_listener(PLACE, None, BOB)

    def test_who_may_not(self) -> None:
        error = self.assertRaises(ControlRefused, check_listener, PLACE, ALICE, BOB)
        self.assertIn("runs as 4343, not as 4242, who owns the state directory", str(error))

    def test_root_at_a_directory_that_only_root_can_change(self) -> None:
        """As systemd keeps the state of a dynamic user: on the disk it is root's or nobody's."""
        self.patch(os, "geteuid", lambda: ROOT)
        self.patch(peers, "unknown_owner", lambda: NOBODY)
        for owner in (ROOT, NOBODY):
            check_listener(PLACE, owner, BOB)
        self.assertRaises(ControlRefused, check_listener, PLACE, ALICE, BOB)
        self.patch(os, "geteuid", lambda: ALICE)
        for owner in (ROOT, NOBODY):
            self.assertRaises(ControlRefused, check_listener, PLACE, owner, BOB)

    def test_who_is_served(self) -> None:
        for user in (ALICE, ROOT, None):
            self.assertIsNone(refusal_of(user))
        self.assertIn("this node serves 4242 and root, not 4343", str(refusal_of(BOB)))

    def test_who_is_served_is_who_we_are_now(self) -> None:
        self.patch(os, "geteuid", lambda: BOB)
        self.assertIsNone(refusal_of(BOB))
        self.assertIsNotNone(refusal_of(ALICE))


class KernelTests(unittest.SynchronousTestCase):
    def test_where_nobody_can_tell(self) -> None:
        self.assertIsNone(peer_user(object()))
        self.patch(sys, "platform", "darwin")
        self.assertIsNone(peer_user(_NoSocket()))
        self.assertEqual(sys.platform, "darwin")


class _NoSocket:
    def getHandle(self) -> object:
        raise AssertionError("it must not be asked")


class SparinglyTests(unittest.SynchronousTestCase):
    def test_it_remembers_a_bounded_number_of_users(self) -> None:
        now = [0.0]
        sparingly = Sparingly(lambda: now[0])
        said = sum(sparingly.is_due(user) for user in range(10 * USERS))
        self.assertEqual(said, USERS)
        now[0] = 3600.0
        self.assertTrue(sparingly.is_due(10 * USERS))
        self.assertTrue(sparingly.is_due(0))
