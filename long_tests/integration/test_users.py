"""Several users of one machine: what root does for a node, and what every umask leaves."""

from __future__ import annotations

import json
import stat
import sys

from tests.integration.processes import KAD, TWISTD, Program
from tests.integration.test_users import (
    BECOME,
    IS_ROOT,
    SERVANT,
    ServantTestCase,
    UsersTestCase,
    modes_below,
)

STRANGER = "bin"
"""Another user, who should get nothing."""

_ASK = (
    BECOME
    + """
with socket.socket(socket.AF_UNIX) as asking:
    asking.connect(sys.argv[2])
    asking.sendall(b'{"verb":"status"}\\n')
    sys.stdout.write(asking.makefile().readline())
"""
)


def with_umask(mask: str) -> tuple[str, ...]:
    """Before a command: what it makes is open to others unless it says otherwise."""
    return "sh", "-c", f'umask {mask}; exec "$@"', "sh"


class UserTests(ServantTestCase):
    """``twistd --uid`` with a state directory of that user."""

    async def test_a_node_of_another_user(self) -> None:
        twistd = ("--uid", SERVANT) if IS_ROOT else ()
        daemon = await self.daemon(*twistd)
        for each in self.state.iterdir():
            self.assertEqual(each.owner(), SERVANT, each)
        self.assertEqual(modes_below(self.state), {})
        for user in (SERVANT, "root" if IS_ROOT else SERVANT):
            result = await self.kad_as(user, "status", "--json")
            self.assertEqual(result.code, 0, result.err)
            self.assertIn("node_id", json.loads(result.out))
        self.assertEqual(
            (await self.kad_as(SERVANT, "store", "--key", "k", "--value", "v")).code, 0
        )
        if IS_ROOT:
            await self.strangers(daemon)
        await daemon.end()
        self.assertNotIn(b"Traceback", daemon.output)
        self.assertNotIn(b"Unhandled", daemon.output)
        again = await self.daemon(*twistd)
        self.assertEqual((await self.kad_as(SERVANT, "get", "--key", "k")).out, b"v")
        await again.end()

    async def strangers(self, daemon: Program) -> None:
        """What another user gets: nothing, and whoever opens the way changes nothing."""
        refused = await self.kad_as(STRANGER, "status")
        self.assertEqual(refused.code, 77, refused)
        self.assertIn(f"run kad with sudo, or as {SERVANT}", refused.err)
        self.state.chmod(0o755)
        socket = self.state / "control.sock"
        socket.chmod(0o666)
        for _ in range(2):
            asked = await self.run_to_end(sys.executable, "-c", _ASK, STRANGER, str(socket))
            error = json.loads(asked.out)["error"]
            self.assertEqual(error["type"], "ControlRefused")
        self.assertEqual(daemon.output.count(b"refused bin at the control socket"), 1)
        self.assertEqual((await self.kad_as("root", "status")).code, 78)
        socket.chmod(0o600)
        self.state.chmod(0o700)


class ImportTests(ServantTestCase):
    """What root does for a stopped node leaves nothing of root's behind."""

    async def test_after_the_records_were_moved_away(self) -> None:
        twistd = ("--uid", SERVANT) if IS_ROOT else ()
        keeper = "root" if IS_ROOT else SERVANT
        for storage, place in (("sqlite", ()), ("lmdb", ()), ("sqlite", ("inner",))):
            file = self.state.joinpath(*place) / f"records.{storage}"
            named = ("--storage", f"{storage}:{file}")
            daemon = self.start(*TWISTD[:-1], *twistd, *self.options(), *named)
            await daemon.says("serves the network")
            await self.kad_as(SERVANT, "store", "--key", "k", "--value", "v")
            await daemon.end()
            saved = self.directory / "records.kad"
            exported = await self.kad_as(keeper, "export", *named, str(saved))
            self.assertEqual(exported.code, 0, exported.err)
            for each in list(file.parent.glob("records.*")):
                each.unlink()
            if place:
                file.parent.rmdir()
            imported = await self.kad_as(keeper, "import", *named, str(saved))
            self.assertEqual(imported.code, 0, imported.err)
            self.assertTrue(file.exists())
            for each in self.state.rglob("*"):
                self.assertEqual(each.owner(), SERVANT, each)
            again = self.start(*TWISTD[:-1], *twistd, *self.options(), *named)
            await again.says("serves the network")
            self.assertEqual((await self.kad_as(SERVANT, "get", "--key", "k")).out, b"v")
            await again.end()
            saved.unlink()


class UmaskTests(UsersTestCase):
    """What the node makes is its user's alone, whatever the caller's umask allows."""

    async def test_all_umasks(self) -> None:
        for mask, storage in (("777", "sqlite"), ("000", "sqlite"), ("002", "lmdb")):
            self.state = self.directory / mask / "deep" / "state"
            daemon = await self.daemon_with(mask, storage)
            stored = await self.run_to_end(*KAD, *self.stored())
            self.assertEqual(stored.code, 0, stored.err)
            self.assertEqual(modes_below(self.directory / mask), {}, mask)
            for name, mode in (("", 0o700), ("identity.key", 0o600), ("records.*e", 0o600)):
                for each in self.state.glob(name) if name else (self.state,):
                    self.assertEqual(stat.S_IMODE(each.stat().st_mode), mode, each)
            await daemon.end()
            self.assertEqual(modes_below(self.directory / mask), {}, mask)
        target = self.directory / "records.kad"
        state = ("--state-dir", str(self.state), "--storage", f"lmdb:{self.state}/records.lmdb")
        exported = await self.run_to_end(*with_umask("000"), *KAD, "export", *state, str(target))
        self.assertEqual(exported.code, 0, exported.err)
        self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o600)

    async def daemon_with(self, mask: str, storage: str) -> Program:
        program = self.start(*with_umask(mask), *TWISTD[:-1], *self.options(), "--storage", storage)
        await program.says("serves the network")
        return program

    def stored(self) -> tuple[str, ...]:
        what = ("store", "--key", "k", "--value", "v", "--keep")
        return *what, "--state-dir", str(self.state)
