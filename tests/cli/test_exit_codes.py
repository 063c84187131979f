"""Every error has its exit code."""

from __future__ import annotations

from twisted.trial import unittest

from kadtwisted import errors
from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.api.peers import ControlRefused
from kadtwisted.cli.exit_codes import (
    BROKEN_PIPE,
    INTERRUPTED,
    MEANINGS,
    NOT_FOUND,
    exit_code_of,
)
from kadtwisted.errors import KadtwistedError
from kadtwisted.storage.guard import UnsafeFile

EXPECTED = {
    "CannotListen": 71,
    "CasConflict": 69,
    "ClockSkew": 65,
    "ConfigurationError": 78,
    "ConfigurationProblems": 78,
    "DiskFull": 73,
    "IdentityError": 78,
    "InvalidAddress": 64,
    "InvalidInput": 64,
    "InvalidKey": 64,
    "InvalidLifetime": 64,
    "InvalidRecord": 65,
    "InvalidReference": 65,
    "InvalidSalt": 65,
    "KadtwistedError": 70,
    "LocalError": 71,
    "NodeStopped": 69,
    "NotConditional": 64,
    "NotFound": 1,
    "RecordTooLarge": 65,
    "SendFailed": 69,
    "SigningKeyError": 78,
    "Superseded": 69,
    "StorageBusy": 73,
    "StorageError": 73,
    "StorageFull": 73,
    "TooManyRequests": 69,
    "Uncertain": 75,
    "UnknownKind": 65,
    "UnsupportedVersion": 78,
}
"""Those of this side; every error of the other side is 69 unless it stands here."""


class ExitCodeTests(unittest.SynchronousTestCase):
    def test_every_error(self) -> None:
        for name, kind in vars(errors).items():
            if isinstance(kind, type) and issubclass(kind, KadtwistedError):
                expected = EXPECTED.get(name, 69)
                error = kind.__new__(kind)
                self.assertEqual(exit_code_of(error), expected, name)
                self.assertTrue(name in EXPECTED or isinstance(error, errors.RemoteError), name)

    def test_a_fault_of_this_program(self) -> None:
        self.assertEqual(exit_code_of(RuntimeError()), 70)

    def test_a_control_socket_of_somebody_else(self) -> None:
        self.assertEqual(exit_code_of(ControlRefused("not yours")), 77)
        self.assertEqual(exit_code_of(UnsafeFile("the directory", "is open")), 78)
        self.assertEqual(exit_code_of(ControlUnavailable("no")), 69)

    def test_constants(self) -> None:
        self.assertEqual((NOT_FOUND, INTERRUPTED, BROKEN_PIPE), (1, 130, 141))

    def test_every_code_has_a_meaning(self) -> None:
        kinds = [each for each in vars(errors).values() if isinstance(each, type)]
        raised = {
            exit_code_of(each.__new__(each)) for each in kinds if issubclass(each, KadtwistedError)
        }
        others = {0, 70, 74, 75, 77, INTERRUPTED, BROKEN_PIPE, 143}
        self.assertEqual(set(MEANINGS), raised | others)
        self.assertEqual(list(MEANINGS), sorted(MEANINGS))
