"""What is read from strace's lines: calls, their order, and the bytes they carry."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.testing.processes.tracing import Call, CannotTrace, read_trace, strace, unhex


def hexed(data: bytes) -> str:
    """Bytes as ``strace -xx`` writes them."""
    return "".join(f"\\x{byte:02x}" for byte in data)


def line(text: str, thread: int = 7) -> str:
    return f"{thread} 15:40:56.670628 {text}\n"


def calls(*lines: str) -> list[Call]:
    return list(read_trace(lines))


class ReadTests(SynchronousTestCase):
    def test_a_call_on_one_line(self) -> None:
        path, data = hexed(b"/x/records.sqlite-wal"), hexed(b"page")
        (call,) = calls(line(f'pwrite64(5<{path}>, "{data}", 4, 4096) = 4'))
        self.assertEqual(call[:6], ("pwrite64", 5, "/x/records.sqlite-wal", 0, 0, 4))
        self.assertEqual(call.data(), b"page")
        self.assertEqual(call.offset(), 4096)

    def test_a_call_that_is_interrupted_by_another_thread(self) -> None:
        path = hexed(b"/x/records.sqlite-wal")
        first, second = calls(
            line(f"fdatasync(5<{path}> <unfinished ...>", 7),
            line(f'sendto(3<{hexed(b"socket:[1]")}>, "{hexed(b"reply")}", 5, 0) = 5', 8),
            line("<... fdatasync resumed>) = 0", 7),
        )
        self.assertEqual((first.name, first.began, first.ended), ("sendto", 1, 1))
        self.assertEqual((second.name, second.began, second.ended), ("fdatasync", 0, 2))
        self.assertEqual(second.path, "/x/records.sqlite-wal")

    def test_many_buffers_are_one(self) -> None:
        vectors = (
            f'[{{iov_base="{hexed(b"ab")}", iov_len=2}}, {{iov_base="{hexed(b"c")}", iov_len=1}}]'
        )
        (call,) = calls(line(f"writev(8<{hexed(b'/x/f')}>, {vectors}, 2) = 3"))
        self.assertEqual(call.data(), b"abc")

    def test_what_was_opened(self) -> None:
        path = hexed(b"/x/f")
        (call,) = calls(
            line(f'openat(AT_FDCWD<{hexed(b"/x")}>, "{hexed(b"f")}", O_RDWR) = 9<{path}>')
        )
        self.assertEqual((call.result, call.opened(), call.descriptor), (9, "/x/f", -1))

    def test_a_failure_has_its_number(self) -> None:
        (call,) = calls(line(f"fsync(5<{hexed(b'/x/f')}>) = -1 EIO (Input/output error)"))
        self.assertEqual(call.result, -1)

    def test_what_is_no_ended_call_is_passed_over(self) -> None:
        found = calls(
            "strace: Process 9 attached\n",
            line("--- SIGCHLD {si_signo=SIGCHLD} ---"),
            line("+++ exited with 0 +++"),
            line("fsync(5<\\x2f>) = ?"),
            line("fsync(5<\\x2f> <unfinished ...>"),
        )
        self.assertEqual(found, [])

    def test_hexadecimal_numbers(self) -> None:
        self.assertEqual(unhex(hexed(bytes(range(256)))), bytes(range(256)))


class CommandTests(SynchronousTestCase):
    def test_no_strace_is_told_in_a_sentence(self) -> None:
        self.patch(__import__("os"), "environ", {"PATH": ""})
        error = self.assertRaises(CannotTrace, strace, Path("trace"))
        self.assertIn("no strace", str(error))
