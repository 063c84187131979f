"""A name server that swallows all holds up neither ``kad --timeout`` nor the stop of a daemon."""

from __future__ import annotations

import os
import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from kadtwisted.node.names import Names
from tests.integration.daemons import DaemonsTestCase
from tests.integration.processes import KAD

SILENT = """
import socket, sys
def silent(*given, **more):
    sys.stderr.write("asks the name server\\n")
    sys.stderr.flush()
    asking, server = socket.socketpair()
    asking.settimeout(1000)
    asking.recv(1)
socket.getaddrinfo = silent
"""
"""What a process imports first whose name server is silent for longer than any test waits."""


class SilentServerTests(DaemonsTestCase):
    def setUp(self) -> None:
        super().setUp()
        (self.directory / "sitecustomize.py").write_text(SILENT)
        self.environment["PYTHONPATH"] += os.pathsep + str(self.directory)

    async def test_kad(self) -> None:
        result = await self.run_to_end(*KAD, "ping", "seed.example.net:8000", "--timeout", "1")
        self.assertEqual(result.code, os.EX_UNAVAILABLE, result)
        self.assertIn("asks the name server", result.err)

    async def test_a_daemon(self) -> None:
        program = await self.running("a", "--bootstrap", "seed.example.net:8000")
        await program.says("asks the name server")
        await self.ends_well(program)


class RealThreadTests(TestCase):
    def test_the_systems_own_names(self) -> Deferred[None]:
        name = "localhost"
        expected = {each[4][0] for each in socket.getaddrinfo(name, 0)}
        resolving = Names(reactor).resolve(name)
        return resolving.addCallback(lambda found: self.assertEqual(set(found), expected))
