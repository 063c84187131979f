"""A daemon's bad days: each is told in one sentence, ends with the right code or in the degraded
state, and loses and replaces nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred

from kadtwisted.errors import KadtwistedError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.state.contacts import encode_contacts
from tests.integration.daemons import DaemonsTestCase, get, put, status_of

Alter = Callable[[Path], object]


class StatesTestCase(DaemonsTestCase):
    """Tests with the state directory of a daemon that has ended in order."""

    async def state(self, name: str, storage: str = "sqlite") -> None:
        """A state directory with everything in it, after an orderly end."""
        daemon = await self.running(name, "--storage", storage)
        client = await self.client(self.directory / name)
        await put(client, "mykey", b"myvalue", keep=True)
        await self.ends_well(daemon)
        friend = NodeKey.generate(os.urandom)
        contact = Contact.at(friend.node_id, Endpoint("127.0.0.1", 9), friend.public_key)
        (self.directory / name / "contacts").write_bytes(encode_contacts([contact], 0.0))

    async def assert_whole(self, name: str, *options: str) -> None:
        """The daemon starts, as itself, with what it had."""
        key = (self.directory / name / "identity.key").read_bytes()
        daemon = await self.running(name, *options)
        client = await self.client(self.directory / name)
        status = await status_of(client)
        self.assertIn(status["public_key"], key.decode())
        self.assertEqual(status["own_records"], 1)
        self.assertEqual(await get(client, "mykey"), b"myvalue")
        await self.ends_well(daemon)


class StartTests(StatesTestCase):
    async def test_contacts_that_were_cut_off(self) -> None:
        """They are a convenience: moved aside, and the daemon starts."""
        await self.state("state")
        state = self.directory / "state"
        cut_off("contacts")(state)
        damaged = (state / "contacts").read_bytes()
        daemon = await self.running("state")
        self.assertIn(b"was cut off or altered", daemon.output)
        self.assertEqual((state / "contacts.damaged").read_bytes(), damaged)
        self.assertFalse((state / "contacts").exists())
        await self.ends_well(daemon)
        await self.assert_whole("state")

    async def test_an_address_of_another_machine(self) -> None:
        await self.refused("state", "--interface", "192.0.2.1", code=71, words="192.0.2.1")

    async def test_an_lmdb_that_cannot_be_imported(self) -> None:
        modules = self.directory / "modules"
        modules.mkdir()
        before = self.environment["PYTHONPATH"]
        self.environment["PYTHONPATH"] = f"{modules}{os.pathsep}{before}"
        for source, words in (
            ("raise ModuleNotFoundError('no lmdb', name='lmdb')", "pip install lmdb"),
            ("raise ImportError('liblmdb.so: wrong ELF class')", "liblmdb.so: wrong ELF class"),
        ):
            (modules / "lmdb.py").write_text(source)
            result = await self.run_to_end(*self.command("state", "--storage", "lmdb"))
            self.assertEqual(result.code, 1)  # a usage error, as twistd has them
            said = result.out.decode() + result.err
            self.assertIn(words, said.splitlines()[-1])
            self.assertNotIn("Traceback", said)
        self.assertFalse((self.directory / "state").exists())


def cut_off(name: str) -> Alter:
    """The last third of a file is missing."""

    def alter(state: Path) -> None:
        data = (state / name).read_bytes()
        (state / name).write_bytes(data[: len(data) * 2 // 3])

    return alter


SILENT = """
from twisted.internet.defer import Deferred
from twisted.plugin import IPlugin
from zope.interface import implementer
from kadtwisted.interfaces import IStorageFactory
from kadtwisted.storage.memory import MemoryStorage

class Silent(MemoryStorage):
    def put(self, record, now):
        return Deferred()

    def close(self):
        return Deferred()

@implementer(IPlugin, IStorageFactory)
class Factory:
    name = "silent"

    def make(self, argument, context):
        return Silent(10, 10_000)

silent = Factory()
"""
"""A storage plugin of somebody else's."""


class RunningTests(DaemonsTestCase):
    async def test_a_storage_that_never_answers(self) -> None:
        """Whoever wants the process to end does not wait for it."""
        plugins = self.directory / "modules" / "kadtwisted" / "plugins"
        plugins.mkdir(parents=True)
        (plugins / "silent_storage.py").write_text(SILENT)
        self.environment["PYTHONPATH"] += f"{os.pathsep}{self.directory / 'modules'}"
        daemon = await self.running("state", "--storage", "silent")
        client = await self.client(self.directory / "state")
        await status_of(client)  # so it hears signals
        asking = Deferred.fromCoroutine(put(client, "mykey", b"myvalue"))
        result = await daemon.end()
        self.assertEqual(result.code, 71, result)
        self.assertIn("kademlia: stopping takes more than 1.5 s; leaving at once\n", result.err)
        await self.assertFailure(asking, KadtwistedError)

    async def test_signals_do_no_harm(self) -> None:
        daemon = await self.running("state", "--set", "log.level=debug")
        client = await self.client(self.directory / "state")
        assert daemon.transport is not None
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGHUP):
            daemon.transport.signalProcess(number)
            await put(client, number.name, b"value")
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            daemon.transport.signalProcess(number)
        await self.ends_well(daemon)
