"""Odd things in the place of each file that a node or ``kad`` opens.

Whatever stands there, a start neither hangs nor replaces it: it ends with one sentence that names
the place.  The list of contacts is the exception: it is moved aside, and the node starts.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial import unittest

from kadtwisted.application.service import NodeService
from kadtwisted.errors import LocalError
from kadtwisted.parameters import NodeSettings
from kadtwisted.settings.checks import read_secrets
from kadtwisted.settings.loading import Configuration
from kadtwisted.storage.guard import ROOT
from tests.cli.harness import Kad

OTHER_USER = 4242


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


ODD_THINGS: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a directory": lambda path: path.mkdir(),
    "a directory with a file": lambda path: (path.mkdir(), (path / "precious").touch()),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to an empty device": lambda path: path.symlink_to("/dev/null"),
    "a link to a directory": lambda path: path.symlink_to(path.parent),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to a pipe": lambda path: (
        os.mkfifo(path.with_name("pipe")),
        path.symlink_to(path.with_name("pipe")),
    ),
    "a link to nothing": lambda path: path.symlink_to(path.with_name("nothing")),
    "a socket": _socket,
}


def a_file_of_somebody_else(path: Path) -> None:
    """Needs root; without it, one that everybody can write, which is as bad."""
    path.write_bytes(b"x\n")
    path.chmod(0o666)
    if os.geteuid() == ROOT:
        path.chmod(0o600)
        os.chown(path, OTHER_USER, OTHER_USER)


class OddFileTests(unittest.TestCase):
    def setUp(self) -> None:
        # Not mktemp(): trial's paths may be longer than the path of a socket can be.
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)

    def places(self, name: str, things: dict[str, Callable[[Path], object]]) -> Iterator[Path]:
        """A directory for each odd thing, in which it stands under this name."""
        for number, (what, make) in enumerate(things.items()):
            place = self.root / f"as {name}" / str(number)
            place.mkdir(mode=0o700, parents=True)
            make(place / name)
            self.what = f"{what} as {name}"
            yield place

    def start(self, directory: Path, storage: str = "sqlite") -> NodeService:
        settings = NodeSettings(interfaces=("127.0.0.1",))
        service = NodeService(reactor, settings, state_dir=directory, storage=storage)
        self.addCleanup(service.stopService)
        service.startService()
        return service

    def refused(self, named: Path, work: Callable[[], Any]) -> None:
        before = _seen(named)
        try:
            work()
        except LocalError as error:
            said = str(error)
        else:
            self.fail(f"{self.what}: it was taken")
        self.assertIn(str(named), said, self.what)
        self.assertNotIn("\n", said)
        self.assertEqual(_seen(named), before, self.what)

    def test_the_state_directory(self) -> None:
        things = {**ODD_THINGS, "of somebody else": a_file_of_somebody_else}
        for name, storage in (
            ("identity.key", "memory"),
            ("version", "memory"),
            ("lock", "memory"),
            ("publications.sqlite", "memory"),
            ("records.sqlite", "sqlite"),
            ("records.sqlite.lock", "sqlite"),
            ("records.lmdb", "lmdb"),
            ("records.lmdb-lock", "lmdb"),
        ):
            odd = ODD_THINGS if name.endswith("lock") else things  # a lock has nothing in it
            for place in self.places(name, odd):
                self.refused(place / name, lambda p=place, s=storage: self.start(p, s))

    def test_the_contacts(self) -> None:
        things = {what: make for what, make in ODD_THINGS.items() if what != "a link to nothing"}
        for place in self.places("contacts", things):
            service = self.start(place, "memory")
            self.assertTrue(service.node.status().running, self.what)
            self.assertTrue(os.path.lexists(place / "contacts.damaged"), self.what)
        for place in self.places("contacts ", {"somebody else's": a_file_of_somebody_else}):
            (place / "contacts ").rename(place / "contacts")
            self.refused(place / "contacts", lambda p=place: self.start(p, "memory"))

    def test_configuration_files_and_secrets(self) -> None:
        things = {**ODD_THINGS, "of somebody else": a_file_of_somebody_else}
        for place in self.places("node.toml", things):
            file = place / "node.toml"
            self.refused(file, lambda f=file: Configuration({}, file=str(f)).load())
        for place in self.places("secret", things):
            self.refused(place / "secret", lambda f=place / "secret": read_secrets(f))

    def test_files_to_import(self) -> None:
        for place in self.places("records.kad", ODD_THINGS):
            kad = Kad()
            state = place / "state"
            code = kad("import", "--state-dir", str(state), str(place / "records.kad"))
            self.assertEqual(code, 65, (self.what, kad.said))
            self.assertIn(str(place / "records.kad"), kad.said)
            self.assertEqual(kad.said.count("\n"), 1, kad.said)


def _seen(path: Path) -> object:
    """What stands there."""
    status = path.lstat()
    link = os.readlink(path) if path.is_symlink() else None
    return status.st_mode, status.st_ino, status.st_size, link
