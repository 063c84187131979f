"""A node's memory on disk: the contract, and what becomes of damage."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from kadtwisted.errors import StorageBusy, StorageError, UnsupportedVersion
from kadtwisted.identity.keys import node_id_of
from kadtwisted.interfaces import INodeState
from kadtwisted.state import node_state
from kadtwisted.state.contacts import encode_contacts
from kadtwisted.state.directory import StateDirectory, StateDirectoryError
from kadtwisted.state.node_state import DurableNodeState
from kadtwisted.storage import files
from kadtwisted.storage.files import write_atomically
from kadtwisted.storage.guard import UnsafeFile
from kadtwisted.testing.contracts.node_state import NodeStateContract, known, published

PATIENCE = 120.0
"""Seconds until a test that hangs gives up."""
NOW = 1_790_000_000.0


class DurableNodeStateTests(NodeStateContract, TestCase):
    timeout = PATIENCE

    def setUp(self) -> None:
        self.directory = StateDirectory(self.mktemp())
        self.directory.open()
        self.addCleanup(self.directory.close)

    def make_state(self) -> INodeState:
        return DurableNodeState(reactor, self.directory, node_id_of, lambda: NOW)

    def make_again(self, state: INodeState) -> INodeState:
        return self.make_state()


class FilesTestCase(TestCase):
    timeout = PATIENCE

    def setUp(self) -> None:
        self.directory = StateDirectory(self.mktemp())
        self.directory.open()
        self.addCleanup(self.directory.close)
        self.contacts = self.directory.contacts_path
        self.good = encode_contacts([known(1), known(2)], NOW)
        self.warnings: list[LogEvent] = []
        globalLogPublisher.addObserver(self._observe)
        self.addCleanup(globalLogPublisher.removeObserver, self._observe)

    def _observe(self, event: LogEvent) -> None:
        if event.get("log_namespace") == "kadtwisted.state":
            self.warnings.append(event)

    def make(self) -> DurableNodeState:
        state = DurableNodeState(reactor, self.directory, node_id_of, lambda: NOW)
        self.addCleanup(state.close)
        return state

    def files(self) -> list[str]:
        return sorted(each.name for each in self.directory.path.iterdir())


class LifeTests(FilesTestCase):
    def test_opens_before_it_returns(self) -> None:
        self.contacts.write_bytes(self.good)
        remembered = self.successResultOf(self.make().open())
        self.assertEqual(remembered.contacts, (known(1), known(2)))
        self.assertEqual(self.warnings, [])

    def test_a_start_that_goes_no_further_needs_no_reactor(self) -> None:
        state = DurableNodeState(None, self.directory, node_id_of, lambda: NOW)
        self.successResultOf(state.open())
        self.successResultOf(state.close())

    async def test_leaves_plain_files(self) -> None:
        state = self.make()
        await state.open()
        await gatherResults([state.keep(published(1)), state.save_contacts([known(1), known(2)])])
        await state.close()
        self.assertEqual(self.files(), ["contacts", "lock", "publications.sqlite", "version"])
        self.assertEqual(self.contacts.read_bytes(), self.good)

    async def test_writes_in_one_thread_that_is_not_the_reactors(self) -> None:
        threads = []

        def write(path: Path, data: bytes) -> None:
            threads.append(threading.current_thread())
            write_atomically(path, data)

        self.patch(node_state, "write_atomically", write)
        state = self.make()
        commit = state._publications.commit

        def commit_in_thread(operations: object) -> object:
            threads.append(threading.current_thread())
            return commit(operations)  # type: ignore[arg-type]

        self.patch(state._publications, "commit", commit_in_thread)
        await state.open()
        await state.save_contacts([known(1)])
        await state.keep(published(1))
        self.assertEqual(len(threads), 2)
        self.assertEqual(len(set(threads)), 1)
        self.assertNotIn(threading.current_thread(), threads)

    async def test_closes_though_its_queue_is_full(self) -> None:
        state = self.make()
        await state.open()
        writer = state._writer
        assert writer is not None
        self.patch(writer, "_max_waiting", 3)
        asked = [state.keep(published(number)) for number in range(10)]
        closing = state.close()
        results = [await each.addErrback(lambda failure: failure.type) for each in asked]
        await closing
        kept = [number for number, result in enumerate(results) if result is None]
        self.assertIn(StorageBusy, results)
        self.assertGreater(len(kept), 2)
        found = (await self.make().open()).publications
        self.assertEqual([each.where.key for each in found], kept)


class WrittenWithFaultsTests(FilesTestCase):
    async def test_a_full_disk_is_told_and_the_old_contacts_stay(self) -> None:
        state = self.make()
        await state.open()
        await state.save_contacts([known(1), known(2)])
        full = OSError(errno.ENOSPC, "No space left on device")
        with mock.patch.object(files, "_write_synced", side_effect=full):
            error = await self.assertFailure(state.save_contacts([known(3)]), StorageError)
        self.assertIn("no space left on device", str(error))
        self.assertEqual(self.contacts.read_bytes(), self.good)
        await state.save_contacts([known(3)])
        await state.close()
        self.assertEqual((await self.make().open()).contacts, (known(3),))


class DamagedContactsTests(FilesTestCase):
    async def assert_moved_aside(self) -> None:
        state = self.make()
        remembered = await state.open()
        self.assertEqual(remembered.contacts, ())
        (warning,) = self.warnings
        self.assertEqual(warning["log_level"].name, "warn")
        self.assertEqual(warning["aside"], "contacts.damaged")
        self.assertIn(str(self.contacts), warning["path"])
        self.assertNotIn("contacts", self.files())
        await state.save_contacts([known(3)])
        await state.close()
        self.assertEqual((await self.make().open()).contacts, (known(3),))
        self.assertEqual(len(self.warnings), 1)

    async def test_the_node_starts_without_them(self) -> None:
        self.contacts.write_bytes(self.good[:-9])
        await self.assert_moved_aside()
        self.assertEqual(self.directory.damaged_contacts_path.read_bytes(), self.good[:-9])

    async def test_an_empty_file(self) -> None:
        self.contacts.touch()
        await self.assert_moved_aside()

    async def test_what_is_far_too_long(self) -> None:
        with self.contacts.open("wb") as file:
            file.truncate(2**40)
        await self.assert_moved_aside()

    async def test_the_last_damaged_file_is_kept(self) -> None:
        self.directory.damaged_contacts_path.write_text("an older one")
        self.contacts.write_bytes(b"rubbish")
        await self.assert_moved_aside()
        self.assertEqual(self.directory.damaged_contacts_path.read_bytes(), b"rubbish")

    async def test_what_the_disk_cannot_read_any_more(self) -> None:
        self.contacts.write_bytes(self.good)
        with mock.patch.object(
            node_state, "read_file", side_effect=OSError(errno.EIO, "I/O error")
        ):
            remembered = self.successResultOf(self.make().open())
        self.assertEqual(remembered.contacts, ())
        self.assertIn("i/o error", self.warnings[0]["what"])

    async def test_what_is_no_file(self) -> None:
        os.mkfifo(self.contacts)
        await self.assert_moved_aside()
        self.assertIn("it is a named pipe, not a file", self.warnings[0]["what"])

    def test_publications_are_remembered_all_the_same(self) -> None:
        state = self.make()
        state._publications.open()
        state._publications.commit([published(1)])
        state._publications.close()
        self.contacts.write_bytes(b"rubbish")
        self.assertEqual(self.successResultOf(state.open()).publications, (published(1),))


class FatalTests(FilesTestCase):
    def assert_fails(self, kind: type[StorageError]) -> StorageError:
        state = self.make()
        failure = self.failureResultOf(state.open(), kind)
        self.failureResultOf(state.keep(published(1)), StorageError)
        self.successResultOf(state.close())
        error = failure.value
        assert isinstance(error, StorageError)
        return error

    def test_contacts_of_a_newer_version(self) -> None:
        self.contacts.write_bytes(b"kad-contacts-2\n")
        error = self.assert_fails(UnsupportedVersion)
        self.assertIn(str(self.contacts), str(error))
        self.assertIn("newer version of this program", str(error))
        self.assertEqual(self.contacts.read_bytes(), b"kad-contacts-2\n")

    def test_contacts_that_may_not_be_read(self) -> None:
        self.contacts.touch()
        denied = PermissionError(errno.EACCES, "Permission denied")
        with mock.patch.object(node_state, "read_file", side_effect=denied):
            error = self.assert_fails(StateDirectoryError)
        self.assertIs(error.__cause__, denied)

    def test_contacts_that_other_users_could_have_written(self) -> None:
        self.contacts.touch()
        for mode in (0o660, 0o606, 0o666):
            self.contacts.chmod(mode)
            error = self.assert_fails(UnsafeFile)
            self.assertIn("the contacts file", str(error))
            said = f"can be changed by other users; run: chmod 600 {self.contacts}"
            self.assertIn(said, str(error))
        self.assertTrue(self.contacts.exists())

    def test_publications_that_are_open_to_other_users(self) -> None:
        path = self.directory.publications_path
        state = self.make()
        self.successResultOf(state.open())
        self.successResultOf(state.close())
        for mode in (0o660, 0o604, 0o666):
            path.chmod(mode)
            error = self.assert_fails(UnsafeFile)
            self.assertIn(f"{path} is open to other users; run: chmod 600 {path}", str(error))

    def test_publications_that_are_no_file(self) -> None:
        path = self.directory.publications_path
        state = self.make()
        self.successResultOf(state.open())
        self.successResultOf(state.close())
        for place in (path.with_name(path.name + "-wal"), path):
            place.unlink(missing_ok=True)
            os.mkfifo(place)
            error = self.assert_fails(StorageError)
            self.assertIn("it is a named pipe, not a file", str(error))
            place.unlink()

    def test_damaged_contacts_that_cannot_be_moved(self) -> None:
        self.contacts.write_bytes(b"rubbish")
        read_only = OSError(errno.EROFS, "Read-only file system")
        with mock.patch.object(Path, "replace", side_effect=read_only):
            error = self.assert_fails(StateDirectoryError)
        self.assertIn("read-only file system", str(error))
        self.assertEqual(self.contacts.read_bytes(), b"rubbish")

    def test_damaged_publications(self) -> None:
        path = self.directory.publications_path
        path.write_bytes(b"rubbish" * 1000)
        path.chmod(0o600)
        error = self.assert_fails(StorageError)
        self.assertIn(f"{path} is damaged", str(error))
        self.assertIn("to start without the records kept published", str(error))
        self.assertEqual(path.read_bytes(), b"rubbish" * 1000)
