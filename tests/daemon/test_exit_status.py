"""What stopped a node from starting decides the exit code."""

from __future__ import annotations

from twisted.internet.error import CannotListenError
from twisted.trial import unittest

from kadtwisted.daemon.exit_status import MEANINGS, startup_exit_code
from kadtwisted.errors import (
    CannotListen,
    ConfigurationError,
    IdentityError,
    LocalError,
    StorageError,
    StorageFull,
    UnsupportedVersion,
)
from kadtwisted.state.contacts import DamagedContacts
from kadtwisted.state.directory import StateDirectoryError, StateDirectoryInUse
from kadtwisted.storage.file_lock import StorageInUse
from kadtwisted.storage.guard import UnsafeFile


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


class ExitStatusTests(unittest.SynchronousTestCase):
    def test_codes(self) -> None:
        for error, code in (
            (CannotListen("taken"), 71),
            (LocalError("else"), 71),
            (StateDirectoryError("full"), 73),
            (StateDirectoryInUse("taken"), 73),
            (StorageError("broken"), 73),
            (StorageFull("full"), 73),
            (StorageInUse("taken"), 73),
            (DamagedContacts("cut off"), 73),
            (UnsupportedVersion("newer"), 78),
            (UnsafeFile("the file", "is open"), 78),
            (IdentityError("damaged"), 78),
            (ConfigurationError("odd"), 78),
        ):
            self.assertEqual(startup_exit_code(error), code, repr(error))
            self.assertIn(code, MEANINGS)

    def test_the_meanings(self) -> None:
        """0, 1, 130 and 143 are twistd's own, 77 is the next test's."""
        self.assertEqual(list(MEANINGS), [0, 1, 71, 73, 77, 78, 130, 143])

    def test_not_allowed_by_the_system(self) -> None:
        denied = PermissionError(13, "Permission denied")
        port = CannotListenError("0.0.0.0", 80, denied)
        for error in (
            caused(StateDirectoryError("x"), denied),
            caused(IdentityError("x"), denied),
            caused(CannotListen("x"), port),
        ):
            self.assertEqual(startup_exit_code(error), 77)
        taken = CannotListenError("0.0.0.0", 80, OSError(98, "Address already in use"))
        self.assertEqual(startup_exit_code(caused(CannotListen("x"), taken)), 71)
