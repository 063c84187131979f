"""Several users of one machine: who may run a node, who may talk to it, and what is whose.

As root this is about real users.  Without root there is one user, and the same tests say what that
one may do.
"""

from __future__ import annotations

import os
import pwd
import stat
import sys
from pathlib import Path

from tests.integration.processes import (
    OF_COVERAGE,
    TWISTD,
    ProcessTestCase,
    Program,
    Result,
    patiently,
)

IS_ROOT = os.geteuid() == 0
SERVANT = "daemon" if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name
"""The user of the node; a name that every Linux has."""

BECOME = """
import os, pkgutil, pwd, socket, sys
from importlib import import_module
import kadtwisted.cli
from twisted.internet import reactor
for each in pkgutil.walk_packages(kadtwisted.cli.__path__, "kadtwisted.cli."):
    if not each.name.endswith("__main__"):
        import_module(each.name)
user = pwd.getpwnam(sys.argv[1])
if os.geteuid() != user.pw_uid:
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
"""
"""Everything is imported first: another user need not be able to read root's Python."""
_KAD = (
    BECOME
    + """
from kadtwisted.cli.main import main
sys.exit(main(sys.argv[2:]))
"""
)


def modes_below(path: Path) -> dict[str, str]:
    """The modes of a directory and of all in it that are not 0700 or 0600."""
    found = {each: stat.S_IMODE(each.stat().st_mode) for each in (path, *path.rglob("*"))}
    right = {each: 0o700 if each.is_dir() else 0o600 for each in found}
    return {str(each): oct(mode) for each, mode in found.items() if mode != right[each]}


class UsersTestCase(ProcessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory.chmod(0o755)  # other users can go through it
        for name in OF_COVERAGE if IS_ROOT else ():
            self.environment.pop(name, None)  # they cannot write where we do
        self.state = self.directory / "state"

    async def daemon(self, *twistd: str, through: tuple[str, ...] = ()) -> Program:
        program = self.start(*through, *TWISTD[:-1], *twistd, *self.options())
        await program.says("serves the network")
        return program

    def options(self) -> tuple[str, ...]:
        where = ("--interface", "127.0.0.1", "--port", "0")
        return "kademlia", "--state-dir", str(self.state), *where

    async def kad_as(self, user: str, *argv: str) -> Result:
        command = (sys.executable, "-c", _KAD, user, *patiently(argv))
        result = await self.run_to_end(*command, "--state-dir", str(self.state))
        self.assertNotIn("Traceback", result.err)
        return result


class ServantTestCase(UsersTestCase):
    """Tests with a state directory of another user."""

    def setUp(self) -> None:
        super().setUp()
        self.state.mkdir(mode=0o700)
        if IS_ROOT:
            os.chown(self.state, pwd.getpwnam(SERVANT).pw_uid, pwd.getpwnam(SERVANT).pw_gid)


class UserTests(ServantTestCase):
    """``twistd --uid`` with a state directory of that user."""

    async def test_a_node_of_another_user_that_is_not_said_so(self) -> None:
        """Without ``--uid`` root does not take the directory of somebody else for its own."""
        program = self.start(*TWISTD[:-1], *self.options())
        if not IS_ROOT:
            await program.says("serves the network")
            return
        result = await program.ended
        self.assertEqual(result.code, 78, result)
        self.assertIn(f"belongs to {SERVANT}, not to root", result.err)
        self.assertEqual(list(self.state.iterdir()), [])

    async def test_a_directory_that_the_user_cannot_make(self) -> None:
        self.state = self.state / "none" if not IS_ROOT else self.directory / "none"
        twistd = ("--uid", SERVANT) if IS_ROOT else ()
        if not IS_ROOT:
            self.state.parent.chmod(0o500)
            self.addCleanup(self.state.parent.chmod, 0o700)
        result = await self.run_to_end(*TWISTD[:-1], *twistd, *self.options())
        self.assertEqual(result.code, 77, result)
        self.assertIn(f"cannot use the state directory {self.state}: permission denied", result.err)
        self.assertFalse(self.state.exists())
