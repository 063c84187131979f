"""A daemon's worse days: full disks, damage of all kinds, a stop under load."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import lmdb
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from kadtwisted.errors import KadtwistedError, NotFound, NotStored
from kadtwisted.identity.keys import NodeKey
from kadtwisted.node.node import Node
from kadtwisted.parameters import NodeSettings
from tests.integration.daemons import DaemonsTestCase, get, put, status_of, together
from tests.integration.disks import (
    NO_GROWTH,
    LimitedFiles,
    PrivateDisk,
    full_disk,
    has_private_mounts,
    read_only,
    small_disk,
)
from tests.integration.test_bad_days import Alter, StatesTestCase, cut_off

STORAGES = ("sqlite", "lmdb")
PASSING = ("lock", "control.sock", "-shm", "-wal", ".lock")
"""How names end of files that come and go while nothing is written."""


def contents(state: Path) -> dict[str, tuple[int, bytes]]:
    """Modes and bytes of the files that must stay as they are."""
    return {
        each.name: (each.stat().st_mode, each.read_bytes())
        for each in state.iterdir()
        if not each.name.endswith(PASSING)
    }


class StartTests(StatesTestCase):
    async def assert_left_alone(
        self, original: str, number: int, alter: Alter, code: int, words: str, *options: str
    ) -> None:
        """With this alteration of a state the daemon does not start, and changes nothing."""
        name = f"{original}{number}"
        state = self.directory / name
        shutil.copytree(self.directory / original, state)
        good = contents(state)
        alter(state)
        before = contents(state)
        await self.refused(name, *options, code=code, words=words)
        after = contents(state)
        for each in before:
            # A storage that was opened before something else was found wrong knows the time.
            if not (each.startswith("records") and before[each] == good[each]):
                self.assertEqual(after[each], before[each], (words, each))

    async def test_a_disk_that_is_full_from_the_beginning(self) -> None:
        await self.refused("state", through=NO_GROWTH, code=73, words="file too large")
        self.assertEqual([each.name for each in (self.directory / "state").iterdir()], ["lock"])
        if has_private_mounts():
            for each in ("disk", "before"):
                (self.directory / each).mkdir()
            prefix = full_disk(self.directory)
            await self.refused("disk", through=prefix, code=73, words="no space left on device")
        await self.ends_well(await self.running("state"))

    async def test_a_disk_that_became_full(self) -> None:
        await together(self.became_full(each) for each in STORAGES)

    async def became_full(self, storage: str) -> None:
        """The daemon was killed, so that there is something to be cleared up."""
        options = ("--storage", storage)
        daemon = await self.running(storage, *options)
        client = await self.client(self.directory / storage)
        await put(client, "mykey", b"myvalue", keep=True)
        await daemon.end("KILL")
        words = "no room left on the disk"
        await self.refused(storage, *options, through=NO_GROWTH, code=73, words=words)
        if has_private_mounts():
            place = self.directory / f"{storage} disk"
            (place / "disk").mkdir(parents=True)
            shutil.copytree(
                self.directory / storage,
                place / "before",
                ignore=shutil.ignore_patterns("control.sock"),
            )
            name = f"{storage} disk/disk"
            await self.refused(
                name, *options, through=full_disk(place), code=73, words="no room left on the disk"
            )
        await self.assert_whole(storage, *options)

    async def test_a_directory_that_may_not_be_written(self) -> None:
        await self.state("state")
        before = contents(self.directory / "state")
        prefix = read_only(self.directory / "state")
        code, words = (73, "read-only file system") if prefix else (77, "permission denied")
        if prefix is not None:
            await self.refused("state", through=prefix, code=code, words=words)
            self.assertEqual(contents(self.directory / "state"), before)
        (self.directory / "state").chmod(0o700)
        await self.assert_whole("state")

    async def test_a_storage_that_another_daemon_uses(self) -> None:
        for storage in STORAGES:
            option = f"{storage}:{self.directory / 'shared'}.{storage}"
            first = await self.running(f"first {storage}", "--storage", option)
            words = "is in use by another node"
            await self.refused(f"second {storage}", "--storage", option, code=73, words=words)
            client = await self.client(self.directory / f"first {storage}")
            await put(client, "mykey", b"myvalue")
            await self.ends_well(first)

    async def test_damaged_or_of_another_version(self) -> None:
        await self.state("state")
        cases: tuple[tuple[Alter, int, str], ...] = (
            (cut_off("identity.key"), 78, "is damaged"),
            (overwrite("identity.key", 20, b"0000"), 78, "is damaged"),
            (overwrite("identity.key", 0, b"kad-identity-2"), 78, "by a newer version"),
            (lambda state: (state / "identity.key").chmod(0o644), 78, "chmod 600"),
            (lambda state: (state / "contacts").chmod(0o666), 78, "chmod 600"),
            (lambda state: state.chmod(0o777), 78, "chmod 700"),
            (overwrite("version", 0, b"kad-state-2\n"), 78, "by a newer version"),
            (cut_off("version"), 73, "is damaged"),
            (overwrite("contacts", 0, b"kad-contacts-2\n"), 78, "by a newer version"),
            (execute("records.sqlite", "PRAGMA user_version = 99"), 78, "by a newer version"),
            (overwrite("records.sqlite", 4096, b"junk" * 4096), 73, "is damaged"),
            (overwrite("records.sqlite", 0, b"junk" * 4096), 73, "is damaged"),
            (execute("records.sqlite", "PRAGMA application_id = 7"), 73, "of something else"),
            (cut_off("records.sqlite"), 73, "is damaged"),
            (execute("publications.sqlite", "PRAGMA user_version = 99"), 78, "by a newer version"),
            (overwrite("publications.sqlite", 4096, b"junk" * 4096), 73, "is damaged"),
            (
                execute("publications.sqlite", "UPDATE publications SET next_at = 0"),
                73,
                "is damaged",
            ),
        )
        await self.side_by_side("state", cases)
        await self.assert_whole("state")

    async def test_what_is_no_file_keeps_nobody_waiting(self) -> None:
        """Nobody writes into these pipes."""
        words = "it is a named pipe, not a file"
        cases = (("identity.key", 78), ("version", 73), ("lock", 73), ("records.sqlite", 73))
        for each, _ in cases:
            (self.directory / each).mkdir(mode=0o700)
            os.mkfifo(self.directory / each / each)
        await together(self.refused(each, code=code, words=words) for each, code in cases)

    async def test_a_damaged_lmdb_file(self) -> None:
        await self.state("state", "lmdb")
        cases: tuple[tuple[Alter, int, str], ...] = (
            (overwrite("records.lmdb", 0, b"junk" * 4096), 73, "is damaged"),
            (cut_off("records.lmdb"), 73, "is damaged"),
            (lambda state: (state / "records.lmdb").write_bytes(b""), 73, "is damaged"),
            (foreign_lmdb, 73, "of another program"),
            (newer_lmdb, 78, "by a newer version"),
        )
        await self.side_by_side("state", cases, "--storage", "lmdb")
        await self.assert_whole("state", "--storage", "lmdb")

    async def side_by_side(
        self, name: str, cases: tuple[tuple[Alter, int, str], ...], *options: str
    ) -> None:
        """A few at a time."""
        numbered = list(enumerate(cases))
        while numbered:
            some, numbered = numbered[:4], numbered[4:]
            await together(
                self.assert_left_alone(name, number, *case, *options) for number, case in some
            )


def overwrite(name: str, at: int, data: bytes) -> Alter:
    """Something else stands in a file."""

    def alter(state: Path) -> None:
        with (state / name).open("r+b") as file:
            file.seek(at)
            file.write(data)

    return alter


def execute(name: str, statement: str) -> Alter:
    """Somebody was at a database with SQLite's own tool."""

    def alter(state: Path) -> None:
        with closing(sqlite3.connect(state / name)) as database:
            database.execute(statement)
            database.commit()

    return alter


def foreign_lmdb(state: Path) -> None:
    (state / "records.lmdb").unlink()
    path = str(state / "records.lmdb")
    with (
        lmdb.open(path, subdir=False, lock=False) as environment,
        environment.begin(write=True) as transaction,
    ):
        transaction.put(b"key", b"value")


def newer_lmdb(state: Path) -> None:
    path = str(state / "records.lmdb")
    with lmdb.open(path, subdir=False, lock=False, max_dbs=3) as environment:
        meta = environment.open_db(b"meta", create=False)
        with environment.begin(write=True, db=meta) as transaction:
            for name, value in list(transaction.cursor()):
                if value.startswith(b"kad-"):
                    transaction.put(name, value.rstrip(b"0123456789") + b"99")


DYING = """
import errno, sys
from twisted.scripts.twistd import run
from kadtwisted.daemon.supervision import port_watch
from kadtwisted.node.port.udp_port import BoundedPort

class Dying:
    def __init__(self, real):
        self.real = real

    def recvfrom(self, size):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    def __getattr__(self, name):
        return getattr(self.real, name)

def create(port):
    if made:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
    made.append(Dying(real(port)))
    return made[0]

real, made = BoundedPort.createInternetSocket, []
BoundedPort.createInternetSocket = create
port_watch.LOOK_EVERY = 0.1
port_watch.GIVE_UP_AFTER = 0.3
sys.argv[0] = "twistd"
run()
"""
"""A machine whose network breaks with the first datagram."""


class RunningTests(DaemonsTestCase):
    async def storer(self, address: str) -> Node:
        """A node without a storage of its own that stores at a daemon."""
        settings = NodeSettings(interfaces=("127.0.0.1",), read_only=True)
        node = Node(reactor, settings, NodeKey.generate(os.urandom))
        self.addCleanup(node.stop)
        await node.start()
        await node.bootstrap([address])
        return node

    async def test_a_disk_that_is_full_for_a_while(self) -> None:
        doings = []
        for storage in STORAGES:
            doings.append(self.full_for_a_while(storage, f"{storage} limit"))
            if has_private_mounts():
                doings.append(self.full_for_a_while(storage, f"{storage} disk", is_real=True))
        await together(doings)

    async def until_refused(self, storer: Node) -> tuple[int, NotStored]:
        """How many values could be stored before one was refused, and why."""
        stored = 0
        while True:
            try:
                await storer.put(f"during {stored}", b"3" * 900)
            except NotStored as refusal:
                return stored, refusal
            stored += 1

    async def full_for_a_while(self, storage: str, name: str, is_real: bool = False) -> None:
        place = self.directory / name
        place.mkdir(mode=0o700)
        options = ("--storage", storage, "--set", "upkeep.expire_every=0.3")
        through = small_disk(place) if is_real else ()
        daemon = await self.running(name, *options, through=through)
        disk = PrivateDisk(daemon, place) if is_real else LimitedFiles(daemon)
        client = await self.client(disk.root if isinstance(disk, PrivateDisk) else place)
        (address,) = (await status_of(client))["addresses"]
        storer = await self.storer(address)
        await storer.put("before", b"1" * 900)
        await put(client, "kept", b"2" * 900, keep=True)

        disk.fill()
        stored, refusal = await self.until_refused(storer)
        words = "there is no room left in the storage"
        self.assertIn(words, str(refusal.reasons), daemon.output.decode())
        self.assertNotIn(str(self.directory), str(refusal.reasons))
        await daemon.says("records cannot be stored: there is no room left on the disk")
        if not is_real:  # there, pages that are used again may make room for this and that
            self.assertEqual(stored, 0)
            self.assertEqual((await status_of(client))["health"], "degraded")
            await daemon.says("the node is degraded: reads, but cannot store")
        self.assertEqual(await get(client, "before"), b"1" * 900)
        self.assertEqual((await storer.get("kept")).value, b"2" * 900)

        daemon.out = b""
        disk.make_room()
        if not is_real:
            await daemon.says("the node is serving")  # nobody stored anything
        await self.assertFailure(storer.get(f"during {stored}"), NotFound)
        for number in range(stored):
            self.assertEqual((await storer.get(f"during {number}")).value, b"3" * 900)
        await storer.put("after", b"4" * 900)
        self.assertEqual((await status_of(client))["health"], "serving")
        if is_real:
            await self.ends_well(daemon)
            return
        await daemon.end("KILL")
        self.assertNotIn(b"Traceback", daemon.output)
        daemon = await self.running(name, *options)
        client = await self.client(place)
        for key, value in (("before", b"1"), ("kept", b"2"), ("after", b"4")):
            self.assertEqual(await get(client, key), value * 900)
        self.assertEqual((await status_of(client))["own_records"], 1)
        await self.ends_well(daemon)

    async def test_terminated_under_load(self) -> None:
        await together(self.under_load(each) for each in STORAGES)

    async def under_load(self, storage: str) -> None:
        """It ends in time, and whatever it acknowledged is there."""
        options = ("--storage", storage)
        daemon = await self.running(storage, *options)
        client = await self.client(self.directory / storage)
        (address,) = (await status_of(client))["addresses"]
        storer = await self.storer(address)
        acknowledged: dict[str, bytes] = {}
        enough: Deferred[None] = Deferred()

        async def go_on(line: int) -> None:
            """Store one value after the other until one is refused."""
            for number in range(1_000_000):
                key, value = f"{line} {number}", b"%d" % number * 100
                try:
                    await put(client, key, value) if line % 2 else await storer.put(key, value)
                except KadtwistedError:
                    return
                acknowledged[key] = value
                if len(acknowledged) == 200:
                    enough.callback(None)

        lines = [Deferred.fromCoroutine(go_on(line)) for line in range(16)]
        await enough
        await self.ends_well(daemon)
        self.assertNotIn(b"critical", daemon.output)
        await storer.stop()
        for each in lines:
            await each
        daemon = await self.running(storage, *options)
        client = await self.client(self.directory / storage)
        for key, value in acknowledged.items():
            self.assertEqual(await get(client, key), value)
        await self.ends_well(daemon)

    async def test_a_port_that_dies_and_cannot_be_bound_again(self) -> None:
        daemon = self.start(sys.executable, "-c", DYING, *self.command("state")[3:])
        await daemon.says("serves the network")
        client = await self.client(self.directory / "state")
        (address,) = (await status_of(client))["addresses"]
        host, _, port = address.rpartition("@")[2].rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anybody:
            anybody.sendto(b"hello", (host, int(port)))
        result = await daemon.ended
        self.assertEqual(result.code, 71, result)
        self.assertEqual(result.err.count("\n"), 1, result.err)
        self.assertIn("kademlia: the UDP port of IPv4 died", result.err)
        self.assertFalse((self.directory / "state" / "control.sock").exists())
        await self.ends_well(await self.running("state"))
