"""Records move between real storages, through real processes, and none is changed."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.processes import ProcessTestCase

Row = dict[str, Any]


class TransferTests(ProcessTestCase):
    async def export(self, *options: str) -> list[Row]:
        result = await self.kad("export", *options)
        self.assertEqual(result.code, 0, result.err)
        return [json.loads(line) for line in result.out.splitlines()[1:-1]]

    def assert_same(self, found: list[Row], expected: list[Row]) -> None:
        for name in ("kind", "key", "sub", "data"):
            self.assertEqual([each[name] for each in found], [each[name] for each in expected])
        for name in ("expires_unix", "arrived_unix"):
            for one, other in zip(found, expected, strict=True):
                self.assertApproximates(one[name], other[name], 1.0)

    async def test_from_a_running_node_to_another_storage(self) -> None:
        node, other = (str(self.directory / name) for name in ("node", "other"))
        file = str(self.directory / "records.jsonl")
        options = ("--port", "0", "--interface", "127.0.0.1", "--storage", "sqlite")
        program = await self.serving("bootstrap", "--state-dir", node, *options)
        for name in ("a", "b", "c"):
            result = await self.kad(
                "store", "--keep", "--state-dir", node, "--key", name, "--value", name * 500
            )
            self.assertEqual(result.code, 0, result.err)
        running = await self.export("--state-dir", node)
        self.assertEqual(len(running), 3)
        result = await self.kad("import", "--state-dir", node, stdin=b"")
        self.assertEqual(result.code, 65)  # an empty file is told first
        self.assertEqual((await self.kad("export", "--state-dir", node, file)).code, 0)
        result = await self.kad("import", "--state-dir", node, file)
        self.assertEqual(result.code, 73)
        self.assertIn("another node is running", result.err)
        self.assertEqual((await program.end("INT")).code, 0)

        self.assert_same(await self.export("--state-dir", node), running)
        lmdb = f"lmdb:{self.directory / 'records.lmdb'}"
        for storage in (("--storage", lmdb), ("--state-dir", other)):
            result = await self.kad("import", "--json", *storage, file)
            self.assertEqual(json.loads(result.out)["imported"], 3, result.err)
            self.assert_same(await self.export(*storage), running)
