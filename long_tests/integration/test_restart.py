"""After a kill a node is what it was."""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from kadtwisted.api.control_client import ControlClient
from tests.integration.daemons import DaemonsTestCase, get, put, status_of
from tests.integration.processes import PATIENCE, Program

STORAGES = ("sqlite", "lmdb")
HASTY = (
    *("--set", "parameters.verification_quiet=1"),
    *("--set", "upkeep.contacts_every=0.2"),
    *("--set", "upkeep.save_check_every=0.1"),
)
"""They make friends within two seconds, and remember that."""


class Manager(DatagramProtocol):
    """A service manager's ear; ``ready`` fires when the daemon says that it is."""

    def __init__(self) -> None:
        self.ready: Deferred[None] = Deferred()

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        if b"READY=1" in datagram.splitlines() and not self.ready.called:
            self.ready.callback(None)


class RestartTests(DaemonsTestCase):
    async def ready(self, name: str, *options: str, port: int = 0) -> tuple[Program, ControlClient]:
        """A daemon that has told its service manager that it is ready."""
        manager = Manager()
        path = self.directory / f"notify {name}"
        path.unlink(missing_ok=True)
        listening = reactor.listenUNIXDatagram(str(path), manager)  # type: ignore[attr-defined]
        self.addCleanup(listening.stopListening)
        self.environment["NOTIFY_SOCKET"] = str(path)
        daemon = await self.running(name, *options, *HASTY, port=port)
        del self.environment["NOTIFY_SOCKET"]
        await manager.ready.addTimeout(PATIENCE, reactor)
        return daemon, await self.client(self.directory / name)

    async def test_after_a_kill(self) -> None:
        friends = [await self.ready("friend", "--storage", "memory")]
        (address,) = (await status_of(friends[0][1]))["addresses"]
        bootstrap = ("--bootstrap", address)
        friends.append(await self.ready("other", "--storage", "memory", *bootstrap))
        killed = [
            await self.ready(storage, "--storage", storage, *bootstrap) for storage in STORAGES
        ]
        everybody = [client for _, client in friends + killed]
        for client in everybody:
            await self.until_it_knows(client, 3)

        values = {f"key {number}": b"%d" % number * 100 for number in range(20)}
        for number, (key, value) in enumerate(values.items()):
            receipt = await put(everybody[number % 4], key, value)
            self.assertEqual(receipt["remote_acks"], 3, receipt["failures"])
        for storage, (_, client) in zip(STORAGES, killed, strict=True):
            await put(client, f"own of {storage}", b"promised", keep=True)
            await self.until_it_has_saved(client, self.directory / storage, 3)
        before = [await status_of(client) for _, client in killed]
        for daemon, _ in killed:
            await daemon.end("KILL")

        for storage, was in zip(STORAGES, before, strict=True):
            port = int(was["links"][0]["listening"].rpartition(":")[2])
            daemon, client = await self.ready(storage, "--storage", storage, port=port)
            status = await status_of(client)
            for same in ("public_key", "own_records", "stored_records", "stored_bytes"):
                self.assertEqual(status[same], was[same], same)
            self.assertEqual(status["own_records"], 1)
            await self.until_it_knows(client, 3 if storage == STORAGES[-1] else 2)
            for key, value in values.items():
                self.assertEqual(await get(client, key), value)
            (address,) = status["addresses"]
            through = await self.kad("get", "--first", "--bootstrap", address, "--key", "key 7")
            self.assertEqual(through.out, values["key 7"], through.err)
            self.assertNotIn(b"Traceback", daemon.output)

    async def until_it_knows(self, client: ControlClient, contacts: int) -> None:
        """So many others; each question gives the daemon a turn."""
        while (await status_of(client))["links"][0]["contacts"] < contacts:
            pass

    async def until_it_has_saved(self, client: ControlClient, state: Path, contacts: int) -> None:
        """So many contacts, for the next run."""
        saved = state / "contacts"
        while not (saved.exists() and saved.read_bytes().count(b"@") == contacts):
            await status_of(client)
