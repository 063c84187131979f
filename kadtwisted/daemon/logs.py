"""What a daemon's log looks like, and where it goes.

An event of ours is one line, whatever stands in it: text is escaped, so nothing that other nodes
send can forge a line or control a terminal.  Only a traceback, and an event of another library that
brings a traceback in its text, becomes as many lines as it has.  Each line has all parts: priority
or time, level, namespace, text.  What Twisted logs through its old interface (``Starting
protocol``) has the level ``debug``.

``twistd`` takes the observer from the application's ``ILogObserver`` component (see
``AppLogger.start``); with ``--logger`` it takes another one.  ``--logfile``, ``--syslog`` and
``--nodaemon`` keep their usual meaning.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from types import MappingProxyType
from typing import IO, Any

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from kadtwisted.daemon.log_files import DaemonLogFile, open_log_file
from kadtwisted.model.printable import LINE_LIMIT, json_line, printable
from kadtwisted.settings.daemon_settings import LogSettings

PRIORITIES = MappingProxyType(
    {
        LogLevel.debug: 7,
        LogLevel.info: 6,
        LogLevel.warn: 4,
        LogLevel.error: 3,
        LogLevel.critical: 2,
    }
)
"""The levels of syslog, which the journal reads at the start of a line (sd-daemon(3))."""
OURS = "kadtwisted"
"""How the namespaces of our own events begin."""
OLD_INTERFACE = "log_legacy"
"""The namespace of events that come through ``twisted.python.log``."""
NOT_FIELDS = frozenset({"time", "level", "namespace", "message", "format", "isError", "system"})
"""Names in an event that a JSON line uses itself, or that belong to Twisted's old interface."""

LogFormat = Callable[[LogEvent], Iterator[str]]
"""From an event to its lines, without their ends."""


def level_of(event: LogEvent) -> Any:
    """The level of an event, as a constant of :class:`LogLevel`."""
    level = event.get("log_level") or LogLevel.info
    if level is LogLevel.info and event.get("log_namespace") == OLD_INTERFACE:
        return LogLevel.debug
    return level


@implementer(ILogObserver)
class Log:
    """Passes on events of at least one level.  The level may change at any time.

    ``file`` is the log file, if it goes to one.
    """

    def __init__(
        self,
        observer: Callable[[LogEvent], object],
        level: str,
        file: DaemonLogFile | None = None,
    ) -> None:
        self._observer = observer
        self.file = file
        self.set_level(level)

    def set_level(self, name: str) -> None:
        """Set the lowest level that passes: one of those of :class:`LogSettings`."""
        self._level = LogLevel.levelWithName(name)

    def __call__(self, event: LogEvent) -> None:
        if level_of(event) >= self._level:
            self._observer(event)


# --- Formats ---------------------------------------------------------------------------------


def as_text(event: LogEvent) -> Iterator[str]:
    """For people: time (UTC), level, namespace, text."""
    head = f"{_moment(event)} {level_of(event).name:8} {_namespace(event)}: "
    return (head + line for line in _lines(event))


def for_journal(event: LogEvent) -> Iterator[str]:
    """For the journal, which adds the time itself: priority, namespace, text."""
    head = f"<{PRIORITIES[level_of(event)]}>{_namespace(event)}: "
    return (head + line for line in _lines(event))


def as_json(event: LogEvent) -> Iterator[str]:
    """For programs: one JSON object, with those fields of the event that are plain values."""
    if not (text := _message(event)) and "log_failure" not in event:
        return
    fields = {name: value for name, value in event.items() if _is_field(name, value)}
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        fields["traceback"] = _traceback(failure)
    head = {
        "time": _moment(event),
        "level": level_of(event).name,
        "namespace": _namespace(event),
        "message": text,
    }
    yield json_line(head | fields)


def _is_field(name: str, value: object) -> bool:
    plain = isinstance(value, str | int | None) or (isinstance(value, float) and isfinite(value))
    return plain and not name.startswith("log_") and name not in NOT_FIELDS


def _lines(event: LogEvent) -> Iterator[str]:
    """The lines of an event's text and traceback; only printable characters."""
    text = _message(event)
    if text:
        yield from map(_printable, [text] if _is_ours(event) else _without_empty(text))
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        yield from map(_printable, _traceback_lines(failure))


def _is_ours(event: LogEvent) -> bool:
    return _namespace(event).partition(".")[0] == OURS


def _without_empty(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


def _traceback_lines(failure: Failure) -> list[str]:
    """A traceback; the message of its exception stays in one line: it may be of another node."""
    message, traceback = _said(failure), _traceback(failure)
    if message:
        traceback = traceback.replace(message, printable(message, LINE_LIMIT))
    return _without_empty(traceback)


def _said(failure: Failure) -> str:
    try:
        return failure.getErrorMessage()
    except Exception:  # the value of the failure may be any object
        return ""


def _message(event: LogEvent) -> str:
    return formatEvent(event) or ""


def _traceback(failure: Failure) -> str:
    try:
        return failure.getTraceback()
    except Exception as error:  # the value of the failure may be any object
        return f"(no traceback: {error!r})"


def _printable(line: str) -> str:
    return printable(line, LINE_LIMIT)


def _namespace(event: LogEvent) -> str:
    return event.get("log_namespace") or "-"


def _moment(event: LogEvent) -> str:
    moment = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


FORMATS: Mapping[str, LogFormat] = MappingProxyType(
    {"text": as_text, "journal": for_journal, "json": as_json}
)


# --- Where it goes ---------------------------------------------------------------------------


def make_log(
    settings: LogSettings, twistd: Mapping[str, Any], environ: Mapping[str, str], reactor: Any
) -> Log:
    """The log of a daemon, as its settings and the options of ``twistd`` say.

    ``reactor`` provides ``callFromThread``.  Fails with
    :class:`~kadtwisted.daemon.exit_status.CannotLog`.
    """
    if twistd["syslog"]:
        from twisted.python.syslog import SyslogObserver

        syslog: Any = SyslogObserver(twistd["prefix"])
        return Log(_to_syslog(syslog.emit), settings.level)
    if not twistd["nodaemon"] or twistd["logfile"] not in (None, "", "-"):
        file = _log_file(twistd["logfile"] or "twistd.log", reactor)
        return Log(_writer(file, settings.format, "text"), settings.level, file)
    if is_journal(sys.stderr, environ):
        return Log(_writer(sys.stderr, settings.format, "journal"), settings.level)
    return Log(_writer(sys.stdout, settings.format, "text"), settings.level)


def log_for_twist(settings: LogSettings, stream: Any, environ: Mapping[str, str]) -> Log:
    """The log of a daemon that ``twist`` runs, in the file that this opened (``--log-file``)."""
    if stream is sys.stdout and is_journal(sys.stderr, environ):
        return Log(_writer(sys.stderr, settings.format, "journal"), settings.level)
    return Log(_writer(stream, settings.format, "text"), settings.level)


def _to_syslog(emit: Callable[[dict[str, Any]], object]) -> Callable[[LogEvent], object]:
    """Gives the lines of an event to Twisted's observer for syslog; a failure is an alert."""

    def write(event: LogEvent) -> None:
        lines = tuple(_lines(event))
        if lines:
            failed = "log_failure" in event
            emit({"message": ("\n".join(lines),), "isError": failed, "system": _namespace(event)})

    return write


def is_journal(stream: IO[Any] | None, environ: Mapping[str, str]) -> bool:
    """Whether a stream goes to the journal: ``$JOURNAL_STREAM`` is its device and inode
    (systemd.exec(5))."""
    named = environ.get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(stream.fileno())  # type: ignore[union-attr]
    except (OSError, ValueError, AttributeError):  # a stream that was closed before us is None
        return False
    return named == f"{found.st_dev}:{found.st_ino}"


def tell_people(sentence: object, stream: IO[str] | None, environ: Mapping[str, str]) -> None:
    """Write why the process cannot start, in one line, where people see it: on standard error.

    The journal gets it as an error.
    """
    if stream is not None:
        priority = f"<{PRIORITIES[LogLevel.error]}>" if is_journal(stream, environ) else ""
        stream.write(printable(f"{priority}kademlia: {sentence}", LINE_LIMIT) + "\n")


def _writer(stream: Any, wanted: str, fitting: str) -> Callable[[LogEvent], object]:
    """Writes to a stream in the ``wanted`` format; ``auto`` means the ``fitting`` one.

    A character that the encoding of the stream does not have is shown as an escape: the line must
    not be lost for it.  ``None`` is a stream that was closed before we began: nobody reads it.
    """
    lines_of = FORMATS[fitting if wanted == "auto" else wanted]
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")

    def write(event: LogEvent) -> None:
        if stream is not None:
            stream.write("".join(f"{line}\n" for line in lines_of(event)))
            stream.flush()

    return write


def _log_file(path: str, reactor: Any) -> DaemonLogFile:
    """A log file; SIGUSR1 begins a new one, as under ``twistd``."""
    if path == "-":
        sys.exit("Daemons cannot log to stdout, exiting!")
    file = open_log_file(path)
    if not signal.getsignal(signal.SIGUSR1):
        signal.signal(signal.SIGUSR1, lambda number, frame: reactor.callFromThread(file.rotate))
    return file
