"""What ``kad`` writes: results on standard output, everything else on standard error.

Texts for people are made from the dictionaries that ``--json`` prints, so both say the same.
Nothing here waits or asks a node.

Rules: much of what is shown comes from other nodes, other processes and files.  So whatever makes a
text gets the dictionary only after :func:`~kadtwisted.model.printable.shown`, and a note is always
one line.  JSON is visible ASCII.  A value goes to a pipe or a file unchanged, and to a terminal as
one printable line.
"""

from __future__ import annotations

import errno
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from os import terminal_size
from typing import Any, BinaryIO, TextIO

from kadtwisted.errors import LocalError, reason_of
from kadtwisted.model.printable import LINE_LIMIT, json_line, printable, shown

Described = Mapping[str, Any]
Compose = Callable[[Described], str]
"""Makes the text for people, of one line or more, from a dictionary whose texts are printable."""


class CannotWrite(LocalError):
    """Standard output takes nothing more: the disk is full, or it was closed."""


def write_all(stream: BinaryIO, data: bytes) -> None:
    """Write all of it; :class:`CannotWrite` if that fails, ``BrokenPipeError`` if nobody reads."""
    left = memoryview(data)
    try:
        while left:
            left = left[stream.write(left) or 0 :]
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        why = "it is closed" if error.errno == errno.EBADF else reason_of(error)
        raise CannotWrite(f"cannot write to standard output: {why}") from error


_TO_THE_TOP, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
"""Where to write, and what to clear (ECMA-48: CUP, EL, ED); every terminal but a dumb one knows."""
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Output:
    """The two streams of one run."""

    def __init__(self, stdout: BinaryIO, stderr: TextIO, as_json: bool) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._json = as_json

    def result(self, described: Described, compose: Compose) -> None:
        """A result: as JSON, or as text for people, on standard output."""
        if self._json:
            self._write_json(described)
        else:
            self.write(f"{_text(described, compose)}\n".encode())

    def frame(self, described: Described, compose: Compose, screen: terminal_size | None) -> None:
        """One of many results about the same thing: on a ``screen`` in place of the one before, as
        much of it as fits; else behind it.  As JSON it is a line."""
        if self._json:
            self._write_json(described)
            return
        text = _text(described, compose)
        if screen is None:
            self.write(f"{text}\n\n".encode())
            return
        lines = [each[: screen.columns] for each in text.split("\n")[: screen.lines - 1]]
        drawn = "".join(f"{each}{_REST_OF_LINE}\n" for each in lines)
        self.write(f"{_TO_THE_TOP}{drawn}{_REST_OF_SCREEN}".encode())

    def report(self, described: Described, compose: Compose) -> None:
        """A result that is no data: as JSON on standard output, or as text on standard error."""
        if self._json:
            self._write_json(described)
        else:
            self.tell(described, compose)

    def value(self, described: Described) -> None:
        """A value: its bytes, unchanged; on a terminal as one printable line.  Or as JSON."""
        if self._json:
            self._write_json(described)
            return
        encoded = described["value_base64"]
        data = a2b_base64(described["raw_base64"] if encoded is None else encoded)
        self.write(_for_terminal(data) if self._stdout.isatty() else data)

    def write(self, data: bytes) -> None:
        """Bytes, unchanged."""
        write_all(self._stdout, data)

    def flush(self) -> None:
        """What was written is written."""

    def error(self, described: Described) -> None:
        """An error: one sentence on standard error; with ``--json`` also an object."""
        sentence = " ".join(str(described["message"]).split())
        reasons = described.get("reasons", {})
        if not any(why in sentence for why in reasons.values()):
            sentence += "".join(f"; {who}: {why}" for who, why in reasons.items())
        self.note(f"kad: {sentence}")
        if self._json:
            self._write_json({"error": dict(described)})

    def note(self, sentence: str) -> None:
        """One line on standard error, whatever is in the sentence."""
        self._complain(printable(sentence, LINE_LIMIT))

    def tell(self, described: Described, compose: Compose) -> None:
        """A text for people, of one line or more, on standard error."""
        self._complain(_text(described, compose))

    def _complain(self, text: str) -> None:
        with suppress(OSError):  # nobody can be told that nobody can be told
            self._stderr.write(f"{text}\n")
            self._stderr.flush()

    def _write_json(self, described: Described) -> None:
        self.write(f"{json_line(described)}\n".encode())


def _text(described: Described, compose: Compose) -> str:
    """The lines of a text.  They are made printable once more: what was composed may have come from
    elsewhere."""
    lines = compose(shown(described)).split("\n")
    return "\n".join(printable(line, LINE_LIMIT) for line in lines)


def _for_terminal(data: bytes) -> bytes:
    text = data.decode("utf-8", "backslashreplace")
    return f"{printable(text, LINE_LIMIT)}\n".encode()


# --- Results for people ----------------------------------------------------------------------


def ping_text(ping: Described) -> str:
    """One line: which node answered, and how fast."""
    agent = f", {ping['agent']}" if ping["agent"] else ""
    observed = f"; it sees us at {ping['observed']}" if ping["observed"] else ""
    return f"{ping['address']} answered in {milliseconds(ping['rtt_seconds'])}{agent}{observed}"


def path_text(path: Described) -> str:
    """One line: where the node answers, how fast, and who introduced us."""
    told = path["introducer"]
    how = f"introduced by {told['endpoint']}" if told else "it answered directly"
    return f"{path['address']} answered in {milliseconds(path['rtt_seconds'])}; {how}"


def nodes_text(nodes: Described) -> str:
    """The nodes found, one a line, closest first."""
    if not nodes["contacts"]:
        return "no nodes"
    return table(
        ("NODE ID", "ENDPOINT", "SHARED BITS"),
        [
            (each["node_id"], each["endpoint"], str(160 - int(each["distance"], 16).bit_length()))
            for each in nodes["contacts"]
        ],
    )


def receipt_text(receipt: Described, name: str | None, done: str = "") -> str:
    """Which nodes keep the record, and by what it is found.  A signed value has no ``name``;
    ``done`` is what was done, if not stored or deleted."""
    count = receipt["remote_acks"]
    verb, kept = ("deleted", "the deletion") if receipt["deleted"] else ("stored", "it")
    where = f"{count} node{'' if count == 1 else 's'}" if count else "this node alone"
    pending = receipt.get("pending", ())  # an older node waits for all
    if pending:
        asked = count + len(receipt["failures"]) + len(pending)
        where = f"{count} of {asked} nodes so far"
    what = "" if name is None else f" {name!r}"
    number = f", number {receipt['seq']}" if "seq" in receipt else ""
    lines = [
        f"{done or verb}{what} on {where}, under {receipt['reference'] or receipt['key']}{number}"
    ]
    for each in receipt["acknowledged"]:
        who = each["endpoint"] or "this node"
        lines.append(f"  {who} keeps {kept} for {duration(each['remaining_seconds'])}")
    lines += [f"  {who} did not: {why}" for who, why in receipt["failures"].items()]
    lines += [f"  {who} has not answered yet" for who in pending]
    lines += [f"  {who} does not know this kind of record" for who in receipt["passed_over"]]
    return "\n".join(lines)


def trace_text(trace: Described) -> str:
    """A lookup, one contact a line."""
    rows = [
        (
            milliseconds(step["asked_seconds"]),
            "-" if step["answered_seconds"] is None else milliseconds(step["answered_seconds"]),
            step["outcome"],
            step["endpoint"],
            step["node_id"],
        )
        for step in trace["steps"]
    ]
    head = f"lookup: {milliseconds(trace['duration_seconds'])}, {count_of(trace['hops'], 'hop')}"
    return head + "\n" + table(("ASKED", "ANSWERED", "WITH", "ENDPOINT", "NODE ID"), rows)


# --- Words and numbers -----------------------------------------------------------------------


def duration(seconds: float) -> str:
    """The two largest units, as ``2 h 13 min``."""
    left = int(seconds)
    parts: list[str] = []
    for length, unit in _UNITS:
        count, left = divmod(left, length)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def milliseconds(seconds: float) -> str:
    """``0.42 ms``, ``17.3 ms`` or ``1,204 ms``."""
    value = seconds * 1000
    return f"{value:,.{2 if value < 10 else 1 if value < 1000 else 0}f} ms"


def size(count: int) -> str:
    """Bytes, in powers of 1,024."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{count:,} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} GiB"


def count_of(count: int, noun: str) -> str:
    """``1 contact``, ``2 contacts``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns as wide as they need to be; those in ``right`` are flush right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            f"{cell:>{width}}" if column in right else f"{cell:<{width}}"
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
