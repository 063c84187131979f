"""Pages that show commands and what they print: run as they stand, in one shell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SCRIPT = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--- next ---"


class Shown(NamedTuple):
    """A command, and what the page says that it prints; ``…`` stands for anything on one line."""

    command: str
    output: str

    def fits(self, printed: str) -> bool:
        """Whether it printed what the page says."""
        pattern = "[^\n]*".join(map(re.escape, self.output.split("…")))
        return re.fullmatch(pattern, printed) is not None


def commands(page: Path) -> Iterator[Shown]:
    """The commands behind a ``$``, in order."""
    for block in _CONSOLE.findall(page.read_text("utf-8")):
        for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = each.partition("\n")
            yield Shown(command, output)


def scripts(page: Path) -> list[str]:
    """The scripts that a page shows."""
    return _SCRIPT.findall(page.read_text("utf-8"))


def script_of(shown: list[Shown]) -> str:
    """All commands, one after the other, with a mark after what each prints.

    Complaints go to a file: what goes on in the background must not hold up the end.
    """
    return "exec 2> complaints.txt\n" + "".join(
        f"{each.command}\necho '{MARK}'\n" for each in shown
    )


def printed(output: str) -> list[str]:
    """What each command has printed."""
    return output.split(f"{MARK}\n")[:-1]
