"""The log file of a daemon, which others may truncate, move away or rotate while it is written.

``logrotate`` knows three ways: it copies the file and truncates it, or moves it and sends SIGUSR1
or SIGHUP.  Each line therefore goes to where the file ends now, and both signals look whether the
file at the path is still ours.  Without ``logrotate``, SIGUSR1 begins a new file, as under
``twistd``.
"""

from __future__ import annotations

import os
import stat

from twisted.logger import Logger
from twisted.python.logfile import LogFile

from kadtwisted.daemon.exit_status import CannotLog
from kadtwisted.errors import reason_of


class DaemonLogFile(LogFile):
    """A file that a daemon appends to; it is rotated by Twisted's rules if nobody else does so.

    It may also be a pipe or a device, as ``/dev/stdout``: then there is nothing to rotate.
    ``logrotate`` keeps the mode of the file itself; otherwise a new file has that of the first one.
    """

    _log = Logger(namespace="kadtwisted.daemon")

    def _openFile(self) -> None:
        # Twisted writes at an offset of its own: after a truncation it would leave NULs before it.
        # For reading, too: to open a pipe for writing alone would wait for its reader.
        is_new = not os.path.exists(self.path)
        self._file = open(self.path, "ab+", 0)  # noqa: SIM115
        self.closed = False
        if is_new and self.defaultMode is not None:
            os.fchmod(self._file.fileno(), self.defaultMode)
        self.size = 0

    def shouldRotate(self) -> bool:
        """Whether the file is too long; its length is asked for, because others may truncate it."""
        status = os.fstat(self._file.fileno())
        return stat.S_ISREG(status.st_mode) and status.st_size >= self.rotateLength

    def rotate(self) -> None:
        """Begin a new file; if somebody has moved the old one away, that is all there is to do."""
        if self._is_moved():
            self.follow()
        elif stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            super().rotate()  # type: ignore[no-untyped-call]

    def follow(self) -> None:
        """Go on in the file at our path, if somebody has moved ours away.

        If it cannot be opened, we go on in the old one, and say so.
        """
        if not self._is_moved():
            return
        before = self._file
        try:
            self._openFile()
        except OSError as error:
            self._log.warn(
                "cannot begin the log file {path}: {reason}; the old file goes on",
                path=self.path,
                reason=reason_of(error),
            )
        else:
            before.close()

    def _is_moved(self) -> bool:
        try:
            there = os.stat(self.path)
        except OSError:
            return True
        ours = os.fstat(self._file.fileno())
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)


def open_log_file(path: str) -> DaemonLogFile:
    """The log file at a path.

    Fails with :class:`~kadtwisted.daemon.exit_status.CannotLog` if it cannot be opened.
    """
    try:
        where = os.path.abspath(path)
        name, directory = os.path.basename(where), os.path.dirname(where)
        return DaemonLogFile(name, directory)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise CannotLog(f"cannot open the log file {path}: {reason_of(error)}") from error
