"""Shows that the plugins in the documents work: built, installed, tested and used as they stand.

Each code block of the page whose first line is a comment with a path is a file.  The two
distributions they make are built and installed once, with neither a network nor this environment
changed; then what is asserted are the words of real programs.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path

from twisted.internet.defer import Deferred

from kadtwisted.node.operations.searches import all_of
from tests.integration.processes import ROOT, TWISTD, ProcessTestCase, Program, free_port

PAGE = ROOT / "docs" / "plugins.md"

_FILE = re.compile(r"^```(?:python|toml)\n# (\S+/\S+\.(?:py|toml))\n(.*?)^```$", re.M | re.DOTALL)

FILES = [
    "kad-snapshot/pyproject.toml",
    "kad-snapshot/kad_snapshot.py",
    "kad-snapshot/test_snapshot.py",
    "kad-checked/pyproject.toml",
    "kad-checked/kad_checked.py",
    "kad-checked/kadtwisted/plugins/checked_plugin.py",
    "kad-checked/test_checked.py",
]


class PluginDocumentTests(ProcessTestCase):
    def write(self) -> None:
        """The files of the page, where their names say."""
        found = dict(_FILE.findall(PAGE.read_text("utf-8")))
        self.assertEqual(list(found), FILES)
        for name, source in found.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, "utf-8")

    async def pip(self, *argv: str) -> None:
        command = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
        result = await self.run_to_end(*command, *argv)
        self.assertEqual(result.code, 0, result.err)

    async def install(self) -> None:
        """Build both distributions and install them where only this test's processes look."""
        self.write()
        await self.pip(
            "wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", "wheels",
            "./kad-snapshot", "./kad-checked",
        )  # fmt: skip
        wheels = [str(each) for each in (self.directory / "wheels").iterdir()]
        self.assertEqual(len(wheels), 2)
        await self.pip("install", "--no-deps", "--no-index", "--target", "installed", *wheels)
        installed = str(self.directory / "installed")
        self.environment["PYTHONPATH"] += os.pathsep + installed
        self.assertFalse(list(Path(installed).rglob("__init__.py")))

    async def trial(self, *modules: str) -> None:
        result = await self.run_to_end(sys.executable, "-m", "twisted.trial", *modules)
        self.assertEqual(result.code, 0, result.out)
        self.assertIn(b"PASSED", result.out)

    async def node(self, name: str, *options: str) -> Program:
        """A daemon that uses both plugins, ready to be asked."""
        program = self.start(
            *TWISTD, "--port", "0", "--interface", "127.0.0.1", "--serializer", "checked",
            "--storage", "snapshot", "--state-dir", str(self.directory / name), *options,
        )  # fmt: skip
        await program.says("serves the network")
        return program

    async def test_built_installed_tested_and_used(self) -> None:
        await self.install()
        tested = self.trial("kad-snapshot/test_snapshot.py", "kad-checked/test_checked.py")
        checks = (tested, self.check_listed(), self.check_use())
        await all_of([Deferred.fromCoroutine(each) for each in checks])

    async def check_listed(self) -> None:
        printed = (await self.kad("plugins")).out.decode()
        self.assertIn(f"$ kad plugins\n{printed}```", PAGE.read_text("utf-8"))
        listed = json.loads((await self.kad("plugins", "--json")).out)["plugins"]
        found = {each["name"]: each for each in listed}
        snapshot, checked = found["snapshot"], found["checked"]
        self.assertEqual((snapshot["kind"], checked["kind"]), ("storage", "serializer"))
        self.assertEqual(snapshot["distribution"], "kad-snapshot")
        self.assertEqual(snapshot["origin"], "entry point kad_snapshot:Snapshot")
        self.assertEqual(checked["origin"], "plugin kadtwisted.plugins.checked_plugin")
        self.assertEqual((snapshot["error"], checked["error"]), (None, None))

    async def check_use(self) -> None:
        port = str(free_port())
        first = await self.node("first", "--port", port)
        second = await self.node("second", "--bootstrap", f"127.0.0.1:{port}")
        await second.says("joined")
        states = [str(self.directory / name) for name in ("first", "second")]
        stored = await self.kad(
            "store", "--state-dir", states[0], "--key", "name", "--value", "value"
        )
        self.assertEqual(stored.code, 0, stored.err)
        found = await self.kad("get", "--state-dir", states[1], "--key", "name")
        self.assertEqual(found.out, b"value")
        for program in (first, second):
            self.assertEqual((await program.end()).code, -signal.SIGTERM, program.output)
        exported = await self.kad("export", "--storage", "snapshot", "--state-dir", states[1])
        self.assertEqual(json.loads(exported.out.splitlines()[-1])["records"], 1)
