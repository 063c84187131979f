"""A name server that swallows all holds up neither ``kad --timeout`` nor the stop of a daemon."""

from __future__ import annotations

import os
import socket
import time

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
    asking.settimeout(40)
    asking.recv(1)
socket.getaddrinfo = silent
"""
"""What a process imports first whose name server is silent for as long as resolv.conf(5) allows."""

SOON = 12.0
"""Seconds on a busy machine; the name server takes 40."""


class SilentServerTests(DaemonsTestCase):
    def setUp(self) -> None:
        super().setUp()
        (self.directory / "sitecustomize.py").write_text(SILENT)
        self.environment["PYTHONPATH"] += os.pathsep + str(self.directory)

    async def test_kad(self) -> None:
        begun = time.monotonic()
        result = await self.run_to_end(*KAD, "ping", "seed.example.net:8000", "--timeout", "1")
        self.assertEqual(result.code, os.EX_UNAVAILABLE, result)
        self.assertIn("asks the name server", result.err)
        self.assertLess(time.monotonic() - begun, SOON)

    async def test_a_daemon(self) -> None:
        program = await self.running("a", "--bootstrap", "seed.example.net:8000")
        await program.says("asks the name server")
        begun = time.monotonic()
        await self.ends_well(program)
        self.assertLess(time.monotonic() - begun, SOON)


class RealThreadTests(TestCase):
    def test_the_systems_own_names(self) -> Deferred[None]:
        name = "localhost"
        expected = {each[4][0] for each in socket.getaddrinfo(name, 0)}
        resolving = Names(reactor).resolve(name)
        return resolving.addCallback(lambda found: self.assertEqual(set(found), expected))
