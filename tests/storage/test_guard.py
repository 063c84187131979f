"""Which files are read, and which are trusted."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import StorageError
from kadtwisted.storage import guard
from kadtwisted.storage.file_lock import FileLock
from kadtwisted.storage.guard import (
    DIRECTORY,
    OWN,
    SECRET,
    STATE,
    TRUSTED,
    Access,
    UnsafeFile,
    check_access,
    check_if_there,
    open_file,
    owner_of_directory,
    read_file,
    user_name,
)

ALICE, BOB, ROOT = 4242, 4343, 0
PLACE = Path("/srv/a file")


def status(mode: int, owner: int = ALICE, kind: int = stat.S_IFREG) -> os.stat_result:
    return os.stat_result((kind | mode, 1, 1, 1, owner, 7, 0, 0, 0, 0))


class AccessTests(unittest.SynchronousTestCase):
    """Alice runs this."""

    def setUp(self) -> None:
        self.patch(os, "geteuid", lambda: ALICE)

    def clause(self, found: os.stat_result, access: Access, *owners: int) -> str:
        try:
            check_access(PLACE, found, access, "the file", owners)
        except UnsafeFile as error:
            self.assertIsInstance(error, StorageError)
            self.assertEqual(str(error), f"the file {PLACE} {error.clause}")
            return error.clause
        return ""

    def test_what_others_may_do(self) -> None:
        for access, good, bad in (
            (OWN, (0o600, 0o400, 0o700), (0o640, 0o620, 0o604, 0o602, 0o666, 0o601, 0o610)),
            (SECRET, (0o600, 0o400), (0o640, 0o440, 0o604, 0o660, 0o606)),
            (TRUSTED, (0o600, 0o644, 0o640, 0o755), (0o664, 0o646, 0o666, 0o620, 0o602)),
            (STATE, (0o600, 0o644), (0o664, 0o646)),
            (DIRECTORY, (0o700, 0o755, 0o750), (0o770, 0o777, 0o1777, 0o707, 0o2775)),
        ):
            for mode in good:
                self.assertEqual(self.clause(status(mode), access), "", oct(mode))
            for mode in bad:
                self.assertIn(f"; run: chmod {access.chmod}", self.clause(status(mode), access))

    def test_the_sentence_can_be_copied_into_a_shell(self) -> None:
        self.assertEqual(
            self.clause(status(0o644), OWN),
            "is open to other users; run: chmod 600 '/srv/a file'",
        )
        self.assertEqual(
            self.clause(status(0o666), TRUSTED),
            "can be changed by other users; run: chmod go-w '/srv/a file'",
        )

    def test_owners(self) -> None:
        for access in (OWN, SECRET, TRUSTED, STATE, DIRECTORY):
            for owner in (ALICE, ROOT):
                self.assertEqual(self.clause(status(0o600, owner), access), "")
            self.assertEqual(
                self.clause(status(0o600, BOB), access),
                "belongs to 4343, not to 4242, who runs this; "
                "run as root: chown 4242 '/srv/a file'",
            )
            self.assertEqual(self.clause(status(0o600, BOB), access, BOB), "")

    def test_root_trusts_other_users_as_little(self) -> None:
        self.patch(os, "geteuid", lambda: ROOT)
        self.assertEqual(
            self.clause(status(0o600, BOB), TRUSTED),
            "belongs to 4343, not to root, who runs this; run this as 4343, or: "
            "chown root '/srv/a file'",
        )

    def test_secrets_that_a_service_manager_hands_over(self) -> None:
        """systemd's credentials and secret volumes of Kubernetes are files of root that a group
        may read.  Nobody else may."""
        for mode in (0o440, 0o640, 0o400):
            self.assertEqual(self.clause(status(mode, ROOT), SECRET), "")
        for mode in (0o444, 0o644, 0o460, 0o441):
            self.assertIn("chmod 600", self.clause(status(mode, ROOT), SECRET))
        self.assertIn("chmod 600", self.clause(status(0o440, ROOT), OWN))

    def test_owners_whom_a_container_does_not_know(self) -> None:
        place = Path(self.mktemp())
        place.mkdir()
        shown, known = place / "overflowuid", place / "uid_map"
        self.patch(guard, "UNKNOWN_OWNER", shown)
        self.patch(guard, "KNOWN_USERS", known)
        shown.write_text("65534\n")
        for ranges, is_of_the_host in (
            ("0 1000 1\n", True),
            ("0 1000 1\n1 100000 65533\n", True),
            ("0 1000 1\n1 100000 65534\n", False),  # rootless Podman: it has its own nobody
            ("0 0 4294967295\n", False),  # no container
            ("no numbers\n", False),
            ("", True),
        ):
            known.write_text(ranges)
            clause = self.clause(status(0o644, 65534), TRUSTED)
            self.assertEqual(clause == "", is_of_the_host, ranges)
        known.write_text("0 1000 1\n")
        self.assertIn("belongs to", self.clause(status(0o644, BOB), TRUSTED))
        self.assertIn("can be changed", self.clause(status(0o646, 65534), TRUSTED))
        self.assertIn("is open", self.clause(status(0o640, 65534), SECRET))
        known.unlink()
        self.assertIn("belongs to", self.clause(status(0o644, 65534), TRUSTED))

    def test_names_of_users(self) -> None:
        self.assertEqual((user_name(ROOT), user_name(4_000_000)), ("root", "4000000"))


class FileTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        # Not mktemp(): trial's paths may be longer than the path of a socket can be.
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "file"

    def test_a_file(self) -> None:
        self.path.write_bytes(b"0123456789")
        self.path.chmod(0o600)
        self.assertEqual(read_file(self.path, 10, OWN), b"0123456789")
        self.assertEqual(read_file(self.path, 4), b"01234")
        link = self.path.with_name("link")
        link.symlink_to(self.path)
        self.assertEqual(read_file(link, 10, OWN), b"0123456789")
        self.path.chmod(0o604)
        self.assertRaises(UnsafeFile, read_file, link, 10, OWN)

    def test_what_is_no_file_is_an_error_at_once(self) -> None:
        pipe, folder, socket_path = (self.path.with_name(name) for name in ("pipe", "dir", "sock"))
        os.mkfifo(pipe)
        folder.mkdir()
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(socket_path))
        link = self.path.with_name("link")
        link.symlink_to(pipe)
        for place, said in (
            (pipe, "it is a named pipe, not a file"),
            (link, "it is a named pipe, not a file"),
            (socket_path, "it is a socket, not a file"),
            (Path("/dev/zero"), "it is a device, not a file"),
            (folder, "Is a directory"),
        ):
            for work in (
                lambda place=place: read_file(place, 10),
                lambda place=place: open_file(place),
                lambda place=place: check_if_there(place, TRUSTED),
                lambda place=place: FileLock.take(place),
            ):
                error = self.assertRaises(OSError, work)
                self.assertEqual(error.strerror, said)

    def test_what_takes_the_place_of_a_file_before_it_is_opened(self) -> None:
        pipe = self.path.with_name("pipe")
        os.mkfifo(pipe)
        self.path.touch()
        real = os.open
        self.patch(guard.os, "open", lambda path, flags: real(pipe, flags))
        error = self.assertRaises(OSError, open_file, self.path)
        self.assertIn("named pipe", str(error))

    def test_a_directory_above_in_which_everybody_can_move_things(self) -> None:
        above = self.path.parent / "above"
        place = above / "one" / "two"
        place.mkdir(parents=True)
        self.assertIsNone(guard.open_directory_above(place))
        above.chmod(0o777)
        self.assertEqual(guard.open_directory_above(place), above)
        self.assertEqual(guard.open_directory_above(place / "missing"), above)
        above.chmod(0o1777)
        self.assertIsNone(guard.open_directory_above(place))
        self.assertIsNone(guard.open_directory_above(above))

    def test_nothing_there(self) -> None:
        self.assertRaises(FileNotFoundError, read_file, self.path, 10)
        check_if_there(self.path, TRUSTED)
        self.assertEqual(owner_of_directory(self.path / "deeper" / "file"), ())
        self.assertEqual(owner_of_directory(self.path), (os.geteuid(),))


class ReadableTests(unittest.SynchronousTestCase):
    """Whether another user could read a file, told without becoming that user."""

    OTHER = 4242
    GROUP = 4343

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)
        self.file = self.top / "etc/secret"
        self.file.parent.mkdir()
        self.file.write_bytes(b"")
        self.modes = {self.file: 0o644, self.file.parent: 0o755, self.top: 0o755}
        self.owners = dict.fromkeys(self.modes, (0, 0))

    def may(self, user: int | None = OTHER, *, has_entry: bool = True) -> bool:
        """With owners that only root could give them."""

        def stat_of(path: Path) -> Any:
            found = real_stat(path)
            if path not in self.modes:  # those above are not ours to choose
                return mock.Mock(st_uid=0, st_gid=0, st_mode=0o755)
            uid, gid = self.owners[path]
            return mock.Mock(st_uid=uid, st_gid=gid, st_mode=found.st_mode)

        real_stat = Path.stat
        for path, mode in self.modes.items():
            path.chmod(mode)
        entry = mock.Mock(pw_name="other", pw_gid=7) if has_entry else KeyError
        with (
            mock.patch.object(Path, "stat", stat_of),
            mock.patch("pwd.getpwuid", **{"return_value" if has_entry else "side_effect": entry}),
            mock.patch("os.getgrouplist", return_value=[7, self.GROUP]),
        ):
            return guard.can_read(self.file, user)

    def test_what_is_open_to_all(self) -> None:
        self.assertTrue(self.may())
        self.assertTrue(self.may(None))

    def test_a_file_or_a_directory_that_is_closed(self) -> None:
        for path in self.modes:
            modes = self.modes
            self.modes = {**modes, path: modes[path] & ~0o007}
            self.assertFalse(self.may(), path)
            self.assertFalse(self.may(None), path)
            self.modes = modes

    def test_directories_need_not_be_listed(self) -> None:
        self.modes[self.file.parent] = 0o711
        self.assertTrue(self.may())

    def test_the_class_of_the_user_decides_alone(self) -> None:
        self.modes[self.file] = 0o604
        self.owners[self.file] = (0, self.GROUP)
        self.assertFalse(self.may())
        self.assertTrue(self.may(None))
        self.modes[self.file] = 0o640
        self.assertTrue(self.may())
        self.assertFalse(self.may(None))
        self.owners[self.file] = (self.OTHER, self.GROUP)
        self.modes[self.file] = 0o044
        self.assertFalse(self.may())
        self.modes[self.file] = 0o400
        self.assertTrue(self.may())

    def test_a_link_is_followed_and_what_is_not_there_cannot_be_read(self) -> None:
        self.modes[self.file] = 0o600
        link, self.file = self.file, self.top / "etc/link"
        self.file.symlink_to(link)
        self.assertFalse(self.may())
        self.file = self.top / "nothing"
        self.assertFalse(self.may())

    def test_a_user_without_an_entry_is_in_no_group(self) -> None:
        self.modes[self.file] = 0o640
        self.owners[self.file] = (0, self.GROUP)
        self.assertTrue(self.may())
        self.assertFalse(self.may(has_entry=False))
