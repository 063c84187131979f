"""The recipes for containers: every command in them is understood, and says what the others say.

They are no more than text here; what they need of the daemon (PID 1, no PID file, a state directory
from the environment) is tested with the runners.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.cli.arguments import read_command_line
from kadtwisted.daemon.command_line import Options
from kadtwisted.model.health import Health
from tests.integration.processes import KAD, TWISTD, ProcessTestCase

RECIPES = Path(__file__).resolve().parents[3] / "etc" / "container"
IGNORED = frozenset({Health.STARTING, Health.STOPPING, Health.STOPPED})
"""A container with one of these is not well yet, or not any more."""


def text_of(name: str) -> str:
    return (RECIPES / name).read_text("utf-8")


def lists_of(name: str) -> Iterator[list[str]]:
    """The lists of words in a recipe, as JSON writes them."""
    for found in re.findall(r"\[\"[^\]]*\"\]", text_of(name)):
        yield json.loads(found)


def waits_of(name: str) -> list[list[str]]:
    words = (each[1:] if each[0] == "CMD" else each for each in lists_of(name))
    return [each for each in words if each[0] == "kad"]


class RecipeTests(unittest.SynchronousTestCase):
    def test_every_command_is_understood(self) -> None:
        for name, count in (("Containerfile", 1), ("compose.yaml", 1), ("kubernetes.yaml", 3)):
            waits = waits_of(name)
            self.assertEqual(len(waits), count, name)
            for words in waits:
                given = read_command_line(words[1:])
                self.assertEqual(given.verb, "wait")
                self.assertLess(given.timeout, 10, "longer than the timeout of its probe")

    def test_a_node_is_well_with_every_verdict_but_those_of_start_and_end(self) -> None:
        well = {health.word for health in Health} - {health.word for health in IGNORED}
        for name, index in (("Containerfile", 0), ("kubernetes.yaml", 0), ("kubernetes.yaml", 1)):
            given = read_command_line(waits_of(name)[index][1:])
            self.assertEqual(set(given.verdicts), well, name)

    def test_the_daemon_has_no_pid_file_and_all_one_list(self) -> None:
        (entry,) = (each for each in lists_of("Containerfile") if each[0] == "twistd")
        self.assertEqual(entry, ["twistd", "--nodaemon", "--pidfile=", "kademlia"])
        for name in ("compose.yaml", "kubernetes.yaml"):
            (arguments,) = (each for each in lists_of(name) if each[0] == "--bootstrap")
            options = Options()
            with mock.patch.dict(os.environ, {"STATE_DIRECTORY": "/nowhere"}):
                options.parseOptions(arguments)
            self.assertEqual(len(options.settings.bootstrap), 2)
            self.assertEqual(options.settings.state_dir, Path("/nowhere"))

    def test_the_traps_of_kubernetes(self) -> None:
        text = text_of("kubernetes.yaml")
        for words in (
            "enableServiceLinks: false",
            "fsGroupChangePolicy: OnRootMismatch",
            "publishNotReadyAddresses: true",
            "volumeClaimTemplates:",
            "kind: StatefulSet",
            "readOnlyRootFilesystem: true",
        ):
            self.assertRegex(text, rf"(?m)^ *{re.escape(words)}$")


class StateDirectoryTests(ProcessTestCase):
    """The daemon and ``kad`` find the state where the image says, without an option."""

    async def test_a_volume_of_a_group(self) -> None:
        volume = self.directory / "data"
        volume.mkdir()
        volume.chmod(0o2775)  # as fsGroup makes it
        self.environment["STATE_DIRECTORY"] = str(volume / "state")
        daemon = self.start(*TWISTD, "--port", "0", "--interface", "127.0.0.1")
        await daemon.says("the node is serving")
        waited = await self.run_to_end(*KAD, "wait", "--timeout", "30")
        self.assertEqual(waited.code, 0, waited.err)
        self.assertNotIn(b" warn ", daemon.output)
        await daemon.end()
        self.assertTrue((volume / "state" / "identity.key").exists())
