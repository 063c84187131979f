"""Several users of one machine: what root does for a node, and what every umask leaves."""

from __future__ import annotations

import os
import pwd
import stat

from tests.integration.processes import KAD, TWISTD, Program
from tests.integration.test_users import IS_ROOT, SERVANT, UsersTestCase, modes_below


def with_umask(mask: str) -> tuple[str, ...]:
    """Before a command: what it makes is open to others unless it says otherwise."""
    return "sh", "-c", f'umask {mask}; exec "$@"', "sh"


class ImportTests(UsersTestCase):
    """What root does for a stopped node leaves nothing of root's behind."""

    def setUp(self) -> None:
        super().setUp()
        self.state.mkdir(mode=0o700)
        if IS_ROOT:
            os.chown(self.state, pwd.getpwnam(SERVANT).pw_uid, pwd.getpwnam(SERVANT).pw_gid)

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
