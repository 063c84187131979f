"""All that one daemon is told, as frozen classes; the defaults stand here and in
:mod:`kadtwisted.parameters`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kadtwisted.model.settings.fields import setting
from kadtwisted.model.settings.value_kinds import Choice, Text, TextList
from kadtwisted.parameters import NodeSettings
from kadtwisted.settings.directories import DEFAULT_PORT
from kadtwisted.settings.kinds import FilePath

DEFAULT_STORAGE = "sqlite"
"""The storage of a daemon that is told none.  A short-lived node keeps no state and has that of
:class:`DaemonSettings`."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, and how."""

    level: str = setting(
        "info",
        Choice(("debug", "info", "warn", "error", "critical")),
        "Messages below this level are not logged.",
    )
    format: str = setting(
        "auto",
        Choice(("auto", "text", "journal", "json")),
        "Form of the log's lines. auto means journal under systemd, and text elsewhere.",
    )


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where HTTP is answered, and to whom."""

    listen: tuple[str, ...] = setting(
        (),
        TextList("an array of texts as tcp:8480:interface=127.0.0.1"),
        "Where HTTP is answered: tcp:PORT:interface=ADDRESS, ssl:... or unix:PATH, as Twisted's "
        "endpoints are written. Nowhere by default.",
    )
    tokens: Path | None = setting(
        None,
        FilePath("the path of a file"),
        "File with the tokens of those who may write, one a line: ROLE TOKEN, where ROLE is read, "
        "write or admin. Without it: http-tokens in the state directory, which is made.",
    )
    hosts: tuple[str, ...] = setting(
        (),
        TextList("an array of host names"),
        "Names of this machine by which HTTP clients may call it, beside localhost.",
    )
    origins: tuple[str, ...] = setting(
        (),
        TextList("an array of origins as https://example.org"),
        "Origins of pages, beside our own, that may act through HTTP.",
    )


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """All that a daemon is told.

    ``state_dir`` is ``None`` for a node that keeps no state.  ``config_file`` is the file that the
    settings were read from, if there was one.
    """

    node: NodeSettings = field(default_factory=NodeSettings)
    bootstrap: tuple[str, ...] = setting(
        (),
        TextList("an array of addresses [KEY@]HOST:PORT"),
        "Addresses [KEY@]HOST:PORT of nodes through which this node joins the network.",
    )
    storage: str = setting(
        "memory",
        Text("NAME or NAME:ARGUMENT"),
        "Where records are stored: sqlite, sqlite:PATH, lmdb, lmdb:PATH, memory, or a storage that "
        "another package brings (see kad plugins).",
    )
    serializer: str = setting(
        "cbor",
        Text("a serializer's name"),
        "How messages are written as bytes. All nodes of a network need the same serializer.",
    )
    state_dir: Path | None = setting(
        None,
        FilePath("the path of a directory"),
        "Directory for the identity key, the records, the lock and the control socket. Without it: "
        "$STATE_DIRECTORY if systemd sets it, else ~/.local/state/kademlia/PORT.",
    )
    log: LogSettings = field(default_factory=LogSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    config_file: Path | None = None


DEFAULTS = DaemonSettings(
    node=NodeSettings(port=DEFAULT_PORT, portmap="needed"), storage=DEFAULT_STORAGE
)
"""The settings of a daemon that is told nothing; only its state directory is still open."""
