"""``kad put --from`` and ``kad get --from`` as processes: interrupted, and run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kadtwisted.cli.exit_codes import INTERRUPTED
from kadtwisted.cli.verbs.records.journal import Journal
from kadtwisted.cli.verbs.records.lines import to_put
from tests.integration.daemons import DaemonsTestCase
from tests.integration.processes import KAD, free_port

VALUES = 900
"""Several requests."""
HEAD = 200
"""More bytes than the first line of what is noted, and fewer than that of one request."""
TERMINATED = 128 + 15


class ManyTests(DaemonsTestCase):
    async def set_up(self) -> tuple[str, str]:
        """Two daemons; the state directory of one, and the address of the other."""
        port = free_port()
        await self.running("a", port=port)
        await self.running("b", "--bootstrap", f"127.0.0.1:{port}")
        return str(self.directory / "b"), f"127.0.0.1:{port}"

    def write(self) -> tuple[Path, Path, dict[str, str]]:
        """A file of values, one of their names, and what stands in both."""
        values = {f"name {number}": f"value {number} é" for number in range(VALUES)}
        lines, names = self.directory / "values.jsonl", self.directory / "names"
        entries = [json.dumps({"key": name, "value": value}) for name, value in values.items()]
        lines.write_text("".join(f"{each}\n" for each in entries))
        names.write_text("".join(f"{each}\n" for each in values))
        return lines, names, values

    def found(self, out: bytes) -> list[dict[str, Any]]:
        return [json.loads(each) for each in out.splitlines()]

    def done(self, lines: Path) -> int:
        """How many values the journal of a file says are stored."""
        journal = Journal(Path(f"{lines}.progress"), "put-many", "kad", 0.0)
        try:
            texts = lines.read_bytes().splitlines()
            return sum(journal.has(to_put(number, text)) for number, text in enumerate(texts, 1))
        finally:
            journal.close()

    async def test_interrupted_and_resumed(self) -> None:
        """By either signal, as soon as something is noted: that is stored, and the rest is what the
        second run stores."""
        state, address = await self.set_up()
        lines, names, values = self.write()
        progress = Path(f"{lines}.progress")
        for signal, code, where in (
            ("INT", INTERRUPTED, ("--state-dir", state)),
            ("TERM", TERMINATED, ("--bootstrap", address)),
        ):
            command = (*KAD, "put", "--from", str(lines), *where)
            first = self.start(*command)
            await self.until(lambda: progress.exists() and len(progress.read_bytes()) > HEAD)
            result = await first.end(signal)
            self.assertEqual(result.code, code, result)
            self.assertNotIn("Traceback", result.err)
            done = self.done(lines)
            self.assertTrue(0 < done < VALUES, done)
            again = await self.run_to_end(*command)
            self.assertEqual(again.code, 0, again)
            self.assertIn(
                f"kad: stored {VALUES - done} values; {done} were stored before\n", again.err
            )
            self.assertFalse(progress.exists())
        result = await self.kad("get", "--from", str(names), "--state-dir", state)
        self.assertEqual(result.code, 0, result)
        found = {each["key"]: each["value"] for each in self.found(result.out)}
        self.assertEqual(found, values)

    async def test_what_was_fetched_can_be_put(self) -> None:
        state, _ = await self.set_up()
        lines, names, values = self.write()
        await self.kad("put", "--from", str(lines), "--lifetime", "1h", "--state-dir", state)
        with names.open("a") as file:
            file.write("nothing\n")
        result = await self.kad("get", "--first", "--from", str(names), "--state-dir", state)
        self.assertEqual(result.code, 1, result)
        self.assertIn(f"kad: line {VALUES + 1}, nothing: 'nothing' was not found\n", result.err)
        found = self.found(result.out)
        self.assertEqual({each["key"] for each in found}, {*values})
        self.assertTrue(all(3000 < each["lifetime"] <= 3600 for each in found))
        copy = self.directory / "copy.jsonl"
        copy.write_bytes(result.out)
        result = await self.kad("--json", "put", "--from", str(copy), "--state-dir", state)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(json.loads(result.out)["done"], VALUES)
