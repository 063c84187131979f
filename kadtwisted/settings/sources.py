"""Where options come from: command line, environment, a TOML file, the defaults; the first wins.

Each source is read as a whole, and all mistakes of all sources are told in one
:class:`~kadtwisted.settings.problems.ConfigurationProblems`.  Files are read, nothing is created;
secret files, plugins and combinations are looked at for the values that won.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kadtwisted.errors import ConfigurationError, reason_of
from kadtwisted.settings import checks as config
from kadtwisted.settings.checks import DaemonSettings
from kadtwisted.settings.kinds import TextList
from kadtwisted.settings.options import (
    DEFAULTS,
    FILE_VARIABLE,
    OPTIONS,
    PREFIX,
    Option,
    contradictions,
)
from kadtwisted.settings.plugin_registry import PluginRegistry
from kadtwisted.settings.problems import Problems
from kadtwisted.settings.storage_context import storage_context

FILE_NAME = "node.toml"
SYSTEM_DIRECTORY = Path("/etc/kademlia")
FILE_BYTES = 1024 * 1024
"""MAGIC: a configuration is a few kilobytes; a larger file is a mistake (a wrong path)."""


class Given(NamedTuple):
    """What one source says of one option: ``value`` is checked, ``place`` is the name by which
    people find it there: ``--port``, ``KADTWISTED_PORT``, ``/etc/kademlia/node.toml: port``."""

    option: Option
    value: Any
    place: str

    @property
    def source(self) -> str:
        """The source: as ``place``, or the file's name alone."""
        return self.place.removesuffix(f": {self.option.key}")


Layer = Mapping[str, Given]
"""What one source says, by key."""


class Argument(NamedTuple):
    """One option on the command line: as it was ``written`` (``--port``), its key and its text."""

    written: str
    key: str
    text: str


class Loaded(NamedTuple):
    """The settings, what was given for them (the winners), and the file that was read, if any."""

    settings: DaemonSettings
    given: Layer
    file: Path | None


class Sources:
    """The sources of one process.

    ``file`` is what the command line says of the configuration file.  Command line and environment
    are read once, the file anew with each :meth:`load`.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        arguments: Iterable[Argument] = (),
        file: str | None = None,
    ) -> None:
        base = Path.cwd()
        self._problems = Problems()
        self._environ = environ
        self._environment = _of_environment(environ, base, self._problems)
        self._arguments = _of_arguments(arguments, base, self._problems)
        named = environ.get(FILE_VARIABLE) if file is None else file
        self._named = "--config" if file is not None else FILE_VARIABLE if named else ""
        self.files = (
            (base / os.path.expanduser(named or ""),) if self._named else _usual_files(environ)
        )
        """The files that are looked for, the first of which is read."""

    def load(self) -> Loaded:
        """The settings as they are now.

        :class:`~kadtwisted.settings.problems.ConfigurationProblems` tells all that is wrong.
        """
        problems = Problems(self._problems)
        file, of_file = self._read_file(problems)
        given = {**of_file, **self._environment, **self._arguments}
        settings = _settings(given, self._environ, problems)
        problems.tell()
        return Loaded(replace(settings, config_file=file), MappingProxyType(given), file)

    def _read_file(self, problems: Problems) -> tuple[Path | None, Layer]:
        for path in self.files:
            try:
                text = _text_of(path)
            except (FileNotFoundError, NotADirectoryError) as error:
                if self._named:
                    problems.add(self._named, _unreadable(path, error))
            except OSError as error:
                problems.add(self._named or str(path), _unreadable(path, error))
                break
            except ConfigurationError as error:
                problems.add(str(path), str(error))
                break
            else:
                return path, _of_file(path, text, problems)
        return None, {}


def _unreadable(path: Path, error: OSError) -> str:
    return f"cannot read {path}: {reason_of(error)}"


def _usual_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """systemd's directory (the first of ``$CONFIGURATION_DIRECTORY``), the system's, the user's."""
    systemd = environ.get("CONFIGURATION_DIRECTORY", "").partition(":")[0]
    user = config.xdg_directory(environ, "XDG_CONFIG_HOME", ".config") / "kademlia"
    directories = (*((Path(systemd),) if systemd else ()), SYSTEM_DIRECTORY, user)
    return tuple(each / FILE_NAME for each in directories)


# --- Reading one source ----------------------------------------------------------------------


def _of_arguments(arguments: Iterable[Argument], base: Path, problems: Problems) -> Layer:
    """Of several values the last counts; where a list is wanted they are all in it."""
    last: dict[str, Argument] = {}
    for each in arguments:
        option = OPTIONS.get(each.key)
        if option is None:
            problems.add(each.written, _unknown("option", each.key, OPTIONS))
            continue
        before = last.get(each.key) if isinstance(option.kind, TextList) else None
        text = each.text if before is None else f"{before.text},{each.text}"
        last[each.key] = each._replace(text=text)
    return _layer(
        ((OPTIONS[key], each.written, each.text) for key, each in last.items()),
        lambda option, text: option.kind.of_text(text, base),
        problems,
    )


def _of_environment(environ: Mapping[str, str], base: Path, problems: Problems) -> Layer:
    """An empty variable says nothing."""
    options = {option.variable: option for option in OPTIONS.values()}
    ours = {
        name: text
        for name, text in sorted(environ.items())
        if name.startswith(PREFIX) and name != FILE_VARIABLE
    }
    for name in ours:
        if name not in options:
            problems.add(name, _unknown("environment variable", name, (*options, FILE_VARIABLE)))
    return _layer(
        ((options[name], name, text) for name, text in ours.items() if text and name in options),
        lambda option, text: option.kind.of_text(text, base),
        problems,
    )


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise ConfigurationError("larger than 1 MiB; this is no configuration file")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"line {line} is not UTF-8") from None


def _of_file(path: Path, text: str, problems: Problems) -> Layer:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.add(str(path), f"no TOML: {str(error)[:1].lower()}{str(error)[1:]}")
        return {}
    found: list[tuple[Option, str, Any]] = []
    for key, value in _flat(document):
        place = f"{path}: {key}"
        if key in OPTIONS:
            found.append((OPTIONS[key], place, value))
        elif key in _tables():
            problems.add(place, f"expected a table, not {value!r:.60}")
        else:
            noun, known = ("table", _tables()) if isinstance(value, dict) else ("option", OPTIONS)
            problems.add(place, _unknown(noun, key, known))
    base = path.absolute().parent
    return _layer(found, lambda option, value: option.kind.of_toml(value, base), problems)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys and values of a document, those within our tables with dots between."""
    for name, value in table.items():
        key = prefix + name
        if isinstance(value, dict) and key in _tables():
            yield from _flat(value, f"{key}.")
        else:
            yield key, value


def _tables() -> tuple[str, ...]:
    return tuple(dict.fromkeys(key.partition(".")[0] for key in OPTIONS if "." in key))


def _unknown(noun: str, name: str, known: Iterable[str]) -> str:
    """That there is no such name; and the one that was meant, if that can be guessed."""
    known = tuple(known)
    alike = [each for each in known if each.rpartition(".")[2] == name.rpartition(".")[2]]
    alike += get_close_matches(name, known, 1)
    return f"there is no such {noun}" + (f"; did you mean {alike[0]}?" if alike else "")


def _layer(
    found: Iterable[tuple[Option, str, Any]],
    read: Callable[[Option, Any], Any],
    problems: Problems,
) -> Layer:
    layer: dict[str, Given] = {}
    for option, place, raw in found:
        value = problems.of(place, lambda option=option, raw=raw: read(option, raw))  # type: ignore[misc]
        if value is not None:
            layer[option.key] = Given(option, value, place)
    return layer


# --- Putting them together -------------------------------------------------------------------


def _settings(given: Layer, environ: Mapping[str, str], problems: Problems) -> DaemonSettings:
    """The defaults, with what was given; checks what takes more than the value alone."""
    settings = DEFAULTS
    for option, value, _ in given.values():
        settings = option.put(settings, value)
    settings = _with_secrets(settings, given, problems)
    settings = _with_state_dir(settings, given, environ, problems)
    for keys, sentence in contradictions(settings):
        problems.add(next(given[key].place for key in keys if key in given), sentence)
    _check_plugins(settings, given, problems)
    return settings


def _with_secrets(settings: DaemonSettings, given: Layer, problems: Problems) -> DaemonSettings:
    named = given.get("network_secret_file")
    if named is None:
        return settings
    secrets = problems.of(named.place, lambda: config.read_secrets(named.value))
    return named.option.put(settings, secrets or ())


def _with_state_dir(
    settings: DaemonSettings, given: Layer, environ: Mapping[str, str], problems: Problems
) -> DaemonSettings:
    directory = settings.state_dir or config.default_state_dir(environ, settings.node.port)
    place = given["state_dir"].place if "state_dir" in given else "the default of state_dir"
    checked = problems.of(place, lambda: config.check_state_dir(directory))
    return replace(settings, state_dir=checked or directory)


def _check_plugins(settings: DaemonSettings, given: Layer, problems: Problems) -> None:
    """That there are such plugins and that they take their arguments; they are not kept."""
    registry = PluginRegistry()

    def place(key: str) -> str:
        return given[key].place if key in given else f"the default of {key}"

    problems.of(
        place("storage"), lambda: registry.storage(settings.storage, storage_context(settings))
    )
    problems.of(place("serializer"), lambda: registry.serializer(settings.serializer))
