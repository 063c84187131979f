"""From values that were read to the settings of a daemon.

They come on top of the defaults.  Then all is done that takes more than one value: secret files are
read, the state directory is chosen, options are compared, the plugins are chosen.  Nothing is
created.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kadtwisted.settings import checks
from kadtwisted.settings.daemon_settings import DEFAULTS, DaemonSettings
from kadtwisted.settings.directories import check_state_dir, default_state_dir
from kadtwisted.settings.options import OPTIONS, Option
from kadtwisted.settings.plugin_registry import ChosenPlugins, PluginRegistry, StorageChoice
from kadtwisted.settings.problems import Problems
from kadtwisted.settings.reading import Given
from kadtwisted.settings.storage_context import storage_context

SECRET_FILE = "network_secret_file"

NOT_ABOVE = (
    ("parameters.default_lifetime", "parameters.max_remaining"),
    ("timeouts.floor", "timeouts.ceiling"),
    ("upkeep.rejoin_first", "upkeep.rejoin_last"),
)
"""Pairs of which the first must not be above the second: else every put without a lifetime would
fail, no timeout would be possible, and pauses would shrink."""


def combine(
    given: Mapping[str, Given], environ: Mapping[str, str], problems: Problems
) -> tuple[DaemonSettings, ChosenPlugins | None]:
    """The defaults with what was given, and the plugins; ``None`` if they cannot be used."""
    settings = DEFAULTS
    for key, each in given.items():
        if key != SECRET_FILE:
            settings = OPTIONS[key].put(settings, each.value)
    settings = _with_secrets(settings, given, problems)
    settings = _with_state_dir(settings, given, environ, problems)
    for keys, sentence in contradictions(settings):
        problems.add(next(given[key].place for key in keys if key in given), sentence)
    return settings, _plugins(settings, given, problems)


def _with_secrets(
    settings: DaemonSettings, given: Mapping[str, Given], problems: Problems
) -> DaemonSettings:
    file = given.get(SECRET_FILE)
    if file is None:
        return settings
    secrets = problems.of(file.place, lambda: checks.read_secrets(file.value))
    return OPTIONS[SECRET_FILE].put(settings, secrets or ())


def _with_state_dir(
    settings: DaemonSettings,
    given: Mapping[str, Given],
    environ: Mapping[str, str],
    problems: Problems,
) -> DaemonSettings:
    directory = settings.state_dir or default_state_dir(environ, settings.node.port)
    checked = problems.of(_place("state_dir", given), lambda: check_state_dir(directory))
    return replace(settings, state_dir=checked or directory)


def _place(key: str, given: Mapping[str, Given]) -> str:
    return given[key].place if key in given else f"the default of {key}"


def contradictions(settings: DaemonSettings) -> Iterator[tuple[tuple[str, str], str]]:
    """The keys of options that do not go together, and a sentence that says so."""
    for pair in NOT_ABOVE:
        (low, at_least), (high, at_most) = (_written(OPTIONS[key], settings) for key in pair)
        if low > high:
            yield pair, f"{pair[0]} ({at_least}) must not be above {pair[1]} ({at_most})"


def _written(option: Option, settings: DaemonSettings) -> tuple[float, str]:
    value = option.of(settings)
    return value, option.kind.to_toml(value)


def _plugins(
    settings: DaemonSettings, given: Mapping[str, Given], problems: Problems
) -> ChosenPlugins | None:
    registry = PluginRegistry()

    def storage() -> StorageChoice:
        choice = registry.storage(settings.storage)
        choice.check(storage_context(settings))
        return choice

    chosen = problems.of(_place("storage", given), storage)
    serializer = problems.of(
        _place("serializer", given), lambda: registry.serializer(settings.serializer)
    )
    return None if chosen is None or serializer is None else ChosenPlugins(chosen, serializer)
