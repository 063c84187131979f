"""What a line of the log looks like, what is left out, and where it goes."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel
from twisted.python import log as old_log
from twisted.trial import unittest
from zope.interface.verify import verifyObject

from kadtwisted.daemon import logs
from kadtwisted.daemon.logs import (
    Log,
    LogFormat,
    as_json,
    as_text,
    for_journal,
    is_journal,
    make_log,
)
from kadtwisted.settings.daemon_settings import LogSettings

MOMENT = datetime(2026, 11, 22, 15, 4, 5, 678000, UTC).timestamp()
LEVELS = (LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical)


def event_of(text: str = "hello {who}", level: Any = LogLevel.info, **fields: Any) -> LogEvent:
    """An event as a :class:`Logger` makes it, at a known moment."""
    found: list[LogEvent] = []
    logger = Logger(namespace="kadtwisted.test", observer=found.append)  # type: ignore[arg-type]
    logger.emit(level, text, **{"who": "world", **fields})
    return {**found[0], "log_time": MOMENT}


def a_failure() -> LogEvent:
    found: list[LogEvent] = []
    logger = Logger(namespace="kadtwisted.test", observer=found.append)  # type: ignore[arg-type]
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError:
        logger.failure("it failed")
    return {**found[0], "log_time": MOMENT}


def old_event(*message: str, **fields: Any) -> LogEvent:
    """What Twisted's old interface makes of a message."""
    found: list[LogEvent] = []
    from twisted.logger import globalLogPublisher

    globalLogPublisher.addObserver(found.append)
    try:
        old_log.msg(*message, **fields)
    finally:
        globalLogPublisher.removeObserver(found.append)
    return found[-1]


class FormatTests(unittest.SynchronousTestCase):
    def lines(self, layout: LogFormat, event: LogEvent) -> list[str]:
        return list(layout(event))

    def test_the_journal_gets_a_priority_and_no_moment(self) -> None:
        for level, priority in zip(LEVELS, (7, 6, 4, 3, 2), strict=True):
            self.assertEqual(
                self.lines(for_journal, event_of(level=level)),
                [f"<{priority}>kadtwisted.test: hello world"],
            )

    def test_people_get_a_moment(self) -> None:
        self.assertEqual(
            self.lines(as_text, event_of(level=LogLevel.warn)),
            ["2026-11-22T15:04:05.678Z warn     kadtwisted.test: hello world"],
        )

    def test_every_line_of_a_traceback_is_whole(self) -> None:
        event = a_failure()
        for layout, head in (
            (for_journal, "<2>kadtwisted.test: "),
            (as_text, "2026-11-22T15:04:05.678Z critical kadtwisted.test: "),
        ):
            lines = self.lines(layout, event)
            self.assertGreater(len(lines), 4)
            for line in lines:
                self.assertTrue(line.startswith(head), line)
            self.assertEqual(lines[0], head + "it failed")
            self.assertEqual(lines[-1], head + "builtins.RuntimeError: two\\nlines")

    def test_what_others_sent_forges_nothing(self) -> None:
        who = "\x1b[31mred\n<0>forged: \x85\u2028x\u202ey\x00\ttab"
        lines = self.lines(for_journal, event_of(who=who))
        said = r"\x1b[31mred\n<0>forged: \x85\u2028x\u202ey\x00\ttab"
        self.assertEqual(lines, [f"<6>kadtwisted.test: hello {said}"])

    def test_another_library_may_log_several_lines(self) -> None:
        event = {"log_namespace": "twisted", "log_format": "one\n\ntwo\x0b\u2028\x1b"}
        self.assertEqual(
            self.lines(for_journal, event), ["<6>twisted: one", r"<6>twisted: two\x0b\u2028\x1b"]
        )

    def test_other_alphabets_are_left_alone(self) -> None:
        (line,) = self.lines(for_journal, event_of(who="Жук"))
        self.assertTrue(line.endswith("hello Жук"))

    def test_nothing_to_tell_is_no_line(self) -> None:
        for layout in (as_text, for_journal, as_json):
            self.assertEqual(self.lines(layout, event_of("")), [])

    def test_an_event_of_nothing_but_text(self) -> None:
        self.assertEqual(
            self.lines(as_text, {"log_format": "bare"}),
            ["1970-01-01T00:00:00.000Z info     -: bare"],
        )

    def test_a_failure_that_cannot_be_shown(self) -> None:
        event = a_failure()
        self.patch(event["log_failure"], "getTraceback", lambda: 1 / 0)
        self.assertIn("(no traceback: ZeroDivisionError", self.lines(for_journal, event)[-1])

    def test_machines_get_an_object_a_line(self) -> None:
        event = event_of(count=3, ratio=0.5, odd=float("nan"), thing=object(), flag=True, none=None)
        (line,) = self.lines(as_json, event)
        self.assertEqual(
            json.loads(line),
            {
                "time": "2026-11-22T15:04:05.678Z",
                "level": "info",
                "namespace": "kadtwisted.test",
                "message": "hello world",
                "who": "world",
                "count": 3,
                "ratio": 0.5,
                "flag": True,
                "none": None,
            },
        )

    def test_fields_never_replace_what_is_ours(self) -> None:
        (line,) = self.lines(as_json, event_of("{message}", message="x", level_="y", time="z"))
        found = json.loads(line)
        self.assertEqual((found["message"], found["time"]), ("x", "2026-11-22T15:04:05.678Z"))

    def test_a_traceback_is_one_field(self) -> None:
        (line,) = self.lines(as_json, a_failure())
        found = json.loads(line)
        self.assertEqual(found["message"], "it failed")
        self.assertIn("RuntimeError: two\nlines", found["traceback"])


class LevelTests(unittest.SynchronousTestCase):
    def test_less_than_the_level_is_left_out(self) -> None:
        for index, least in enumerate(LEVELS):
            seen: list[LogEvent] = []
            log = Log(seen.append, least.name)
            for level in LEVELS:
                log(event_of(level=level))
            self.assertEqual([each["log_level"] for each in seen], list(LEVELS[index:]))

    def test_the_level_changes_while_it_runs(self) -> None:
        seen: list[LogEvent] = []
        log = Log(seen.append, "warn")
        verifyObject(ILogObserver, log)
        log(event_of())
        log.set_level("debug")
        log(event_of(level=LogLevel.debug))
        log.set_level("error")
        log(event_of(level=LogLevel.warn))
        self.assertEqual([each["log_level"] for each in seen], [LogLevel.debug])

    def test_twisteds_old_interface_is_for_debugging(self) -> None:
        seen: list[LogEvent] = []
        log = Log(seen.append, "info")
        event = old_event("KademliaProtocol starting on 8000")
        log(event)
        self.assertEqual(seen, [])
        log.set_level("debug")
        log(event)
        self.assertEqual(next(for_journal(event))[:3], "<7>")
        self.assertEqual(len(seen), 1)

    def test_its_errors_stay_errors(self) -> None:
        seen: list[LogEvent] = []
        Log(seen.append, "info")(old_event("bad", isError=1, logLevel=40))
        self.assertEqual(len(seen), 1)


class JournalTests(unittest.SynchronousTestCase):
    def test_the_stream_that_the_journal_reads(self) -> None:
        with tempfile.TemporaryFile("w") as stream:
            found = os.fstat(stream.fileno())
            named = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
            self.assertTrue(is_journal(stream, named))
            for other in ({}, {"JOURNAL_STREAM": ""}, {"JOURNAL_STREAM": "1:2"}):
                self.assertFalse(is_journal(stream, other))
        self.assertFalse(is_journal(stream, named), "closed")
        self.assertFalse(is_journal(io.StringIO(), named), "no file")


class PlaceTests(unittest.SynchronousTestCase):
    """What ``twistd``'s own options mean for the log."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.stdout)
        self.patch(sys, "stderr", self.stderr)
        self.signals: dict[int, Any] = {}
        self.patch(signal, "getsignal", lambda number: self.signals.get(number, signal.SIG_DFL))
        self.patch(signal, "signal", self.signals.__setitem__)
        self.later: list[Any] = []

    def callFromThread(self, call: Any) -> None:
        self.later.append(call)

    def make(self, wanted: str = "auto", level: str = "info", **options: Any) -> Log:
        twistd = {"syslog": False, "prefix": "p", "nodaemon": True, "logfile": None, **options}
        return make_log(LogSettings(level, wanted), twistd, self.environ(), self)

    def environ(self) -> dict[str, str]:
        return {"JOURNAL_STREAM": "1:2"}

    def test_in_the_foreground_standard_output(self) -> None:
        for options in ({}, {"logfile": "-"}, {"logfile": ""}):
            self.make(**options)(event_of())
        self.assertEqual(self.stdout.getvalue().count("Z info     kadtwisted.test: hello"), 3)
        self.assertEqual(self.stderr.getvalue(), "")

    def test_a_format_that_was_asked_for(self) -> None:
        for name, start in (("journal", "<6>kad"), ("json", '{"time"'), ("text", "2026-11-22T")):
            self.stdout.truncate(0)
            self.stdout.seek(0)
            self.make(name)(event_of())
            self.assertTrue(self.stdout.getvalue().startswith(start), name)

    def test_the_level_that_was_asked_for(self) -> None:
        self.make(level="warn")(event_of())
        self.assertEqual(self.stdout.getvalue(), "")

    def test_the_journal_reads_standard_error(self) -> None:
        self.patch(logs, "is_journal", lambda stream, environ: stream is self.stderr)
        self.make()(event_of())
        self.assertEqual(self.stderr.getvalue(), "<6>kadtwisted.test: hello world\n")
        self.assertEqual(self.stdout.getvalue(), "")

    def log_files(self) -> Iterator[Path]:
        yield from sorted(self.directory.iterdir())

    def opened(self, log: Log) -> Log:
        """Close the log's file when the test ends."""
        if log.file is not None:
            self.addCleanup(log.file.close)
        return log

    def test_a_log_file_is_written_and_rotated(self) -> None:
        path = self.directory / "node.log"
        log = self.opened(self.make(logfile=str(path)))
        log(event_of())
        self.assertIn("kadtwisted.test: hello world\n", path.read_text())
        self.signals[signal.SIGUSR1](signal.SIGUSR1, None)
        (rotate,) = self.later
        rotate()
        log(event_of("after"))
        self.assertEqual([each.name for each in self.log_files()], ["node.log", "node.log.1"])
        self.assertNotIn("hello", path.read_text())

    def test_lines_go_to_where_the_file_ends_now(self) -> None:
        path = self.directory / "node.log"
        log = self.opened(self.make(logfile=str(path)))
        log(event_of("long before"))
        os.truncate(path, 0)
        log(event_of("after"))
        text = path.read_text()
        self.assertTrue(text.startswith("20"), text)
        self.assertNotIn("before", text)

    def test_a_file_that_was_moved_away_is_left(self) -> None:
        path = self.directory / "node.log"
        log = self.opened(self.make(logfile=str(path)))
        assert log.file is not None
        for call in (log.file.follow, log.file.rotate):
            path.rename(self.directory / "old")
            call()
            log(event_of("after"))
            self.assertIn("after", path.read_text())
        log.file.follow()
        self.assertEqual([each.name for each in self.log_files()], ["node.log", "old"])

    def test_one_that_cannot_be_begun_leaves_us_the_old_one(self) -> None:
        path = self.directory / "node.log"
        log = self.opened(self.make(logfile=str(path)))
        assert log.file is not None
        path.rename(self.directory / "old")
        path.mkdir()
        log.file.follow()
        log(event_of("after"))
        self.assertIn("after", (self.directory / "old").read_text())

    def test_a_log_file_that_is_too_long_is_rotated(self) -> None:
        path = self.directory / "node.log"
        path.write_bytes(b"x" * 999_999)
        log = self.opened(self.make(logfile=str(path)))
        for text in ("one", "two"):
            log(event_of(text))
        self.assertEqual([each.name for each in self.log_files()], ["node.log", "node.log.1"])
        self.assertNotIn("one", path.read_text())

    def test_a_stream_that_was_closed_before(self) -> None:
        for name in ("stdout", "stderr"):
            self.patch(sys, name, None)
        self.make()(event_of())

    def test_a_handler_of_somebody_else_stays(self) -> None:
        self.signals[signal.SIGUSR1] = print
        self.opened(self.make(logfile=str(self.directory / "node.log")))
        self.assertIs(self.signals[signal.SIGUSR1], print)

    def test_in_the_background_a_file_even_if_none_is_named(self) -> None:
        before = Path.cwd()
        os.chdir(self.directory)
        self.addCleanup(os.chdir, before)
        self.opened(self.make(nodaemon=False))(event_of())
        self.assertEqual([each.name for each in self.log_files()], ["twistd.log"])

    def test_in_the_background_there_is_no_standard_output(self) -> None:
        leaving = self.assertRaises(SystemExit, self.make, nodaemon=False, logfile="-")
        self.assertIn("cannot log to stdout", str(leaving))

    def test_syslog(self) -> None:
        from twisted.python import syslog
        from twisted.python.log import textFromEventDict

        told: list[Any] = []

        class FakeObserver:
            def __init__(self, prefix: str) -> None:
                told.append(prefix)

            def emit(self, event: dict[str, Any]) -> None:
                told.append(textFromEventDict(event))

        self.patch(syslog, "SyslogObserver", FakeObserver)
        log = self.make(syslog=True, prefix="kad", level="warn")
        log(event_of("quiet"))
        log(event_of("loud\n{who}", who="\x1b", level=LogLevel.error))
        log(event_of("", level=LogLevel.error))
        self.assertEqual(told, ["kad", r"loud\n\x1b"])
        log(a_failure())
        first, *rest = told[-1].split("\n")
        self.assertEqual(first, "it failed")
        self.assertIn(r"RuntimeError: two\nlines", rest[-1])
