"""Where a daemon's options come from besides its command line: the environment and a TOML file.

Values are only collected here, and names that nobody knows are told.  :mod:`.reading` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from kadtwisted.errors import ConfigurationError, reason_of
from kadtwisted.settings.directories import FILE_BYTES, FILE_VARIABLE, PREFIX, TOKEN_VARIABLE
from kadtwisted.settings.options import OPTIONS
from kadtwisted.settings.problems import Problems
from kadtwisted.settings.reading import Raw, Vocabulary, of_document, parsed, unknown
from kadtwisted.storage.guard import TRUSTED, UnsafeFile, read_file

VOCABULARY = Vocabulary(
    "option",
    MappingProxyType({key: option.kind for key, option in OPTIONS.items()}),
    tuple(dict.fromkeys(key.partition(".")[0] for key in OPTIONS if "." in key)),
)
"""What a daemon can be told."""

_SERVICE_PORT = re.compile(r"(KADTWISTED(?:_[A-Z0-9_]+?)?)_PORT(?:_[0-9]+_(?:TCP|UDP|SCTP))?")
_SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://\S+")
_OF_SERVICE = r"_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_\w+)?)?)"
"""How Kubernetes, and links of Docker, name variables; see
https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"""


def of_services(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that are Kubernetes', for Services whose names begin as those of our own
    variables do.

    A Service is known by an address that stands in one of its variables, as in
    ``KADTWISTED_PORT=udp://10.0.0.7:8000``.  What merely looks like a variable of it is ours.
    """
    addresses = {name: _SERVICE_ADDRESS.fullmatch(text) for name, text in environ.items()}
    ports = {name: _SERVICE_PORT.fullmatch(name) for name, found in addresses.items() if found}
    services = {found[1] for found in ports.values() if found}
    ours = {option.variable for option in OPTIONS.values()}
    return tuple(
        name
        for name in sorted(environ)
        if (addresses[name] or name not in ours)
        and any(re.fullmatch(service + _OF_SERVICE, name) for service in services)
    )


def hints_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What people should know of variables that are passed over: one sentence, or none."""
    passed_over = of_services(environ)
    if not passed_over:
        return ()
    return (
        f"passed over {', '.join(passed_over[:3])}{' …' if len(passed_over) > 3 else ''}: "
        "Kubernetes sets them for a Service, and they are no settings of this node; "
        "enableServiceLinks: false in the pod leaves them out",
    )


def of_environment(environ: Mapping[str, str], base: Path, problems: Problems) -> Iterator[Raw]:
    """The values of our variables; an empty variable says nothing."""
    keys = {option.variable: key for key, option in OPTIONS.items()}
    passed_over = frozenset((FILE_VARIABLE, TOKEN_VARIABLE, *of_services(environ)))
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in passed_over:
            continue
        if name not in keys:
            problems.add(name, unknown("environment variable", name, (*keys, FILE_VARIABLE)))
        elif text:
            yield Raw(keys[name], name, text, base)


def first_text(files: tuple[Path, ...], named: str, problems: Problems) -> tuple[Path, str] | None:
    """The first of these files that exists, and its text.

    ``named`` is how people named the file (``--config``); then it must exist.
    """
    for path in files:
        try:
            return path, _text_of(path)
        except (FileNotFoundError, NotADirectoryError) as error:
            if named:
                problems.add(named, _unreadable(path, error))
        except OSError as error:
            problems.add(named or str(path), _unreadable(path, error))
            return None
        except ConfigurationError as error:
            problems.add(str(path), str(error))
            return None
    return None


def _text_of(path: Path) -> str:
    try:
        data = read_file(path, FILE_BYTES, TRUSTED)
    except UnsafeFile as error:
        raise ConfigurationError(f"it {error.clause}") from None
    if len(data) > FILE_BYTES:
        raise ConfigurationError("larger than 1 MiB; this is no configuration file")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"line {line} is not UTF-8") from None


def _unreadable(path: Path, error: OSError) -> str:
    return f"cannot read {path}: {reason_of(error)}"


def of_file(path: Path, text: str, problems: Problems) -> Iterator[Raw]:
    """The values of a configuration file with this text."""
    document = problems.of(str(path), lambda: parsed(text)) or {}
    return of_document(document, str(path), path.absolute().parent, VOCABULARY, problems)
