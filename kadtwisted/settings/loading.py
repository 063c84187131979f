"""The settings of one process, loaded from all its sources.

The first source that says something wins: command line, environment, TOML file, defaults.  The way
goes in one direction: the sources are collected (:mod:`.sources`, :mod:`.reading`), each value is
read by its kind (:mod:`.reading`, :mod:`.options`), what was read is combined and checked
(:mod:`.combining`).  All mistakes of all sources are told in one
:class:`~kadtwisted.errors.ConfigurationProblems`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from kadtwisted.settings.combining import combine
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.settings.directories import FILE_VARIABLE, usual_files, working_directory
from kadtwisted.settings.plugin_registry import ChosenPlugins
from kadtwisted.settings.problems import Problems
from kadtwisted.settings.reading import Argument, Given, of_arguments, read
from kadtwisted.settings.sources import (
    VOCABULARY,
    first_text,
    hints_of,
    of_environment,
    of_file,
)


class Loaded(NamedTuple):
    """The settings; what was given for them, by key (the winners); the file that was read, if any;
    and the plugins that the settings name."""

    settings: DaemonSettings
    given: Mapping[str, Given]
    file: Path | None
    plugins: ChosenPlugins


class Configuration:
    """The configuration of one process.

    ``file`` is what the command line says of the configuration file.  Command line and environment
    are read once, the file anew with each :meth:`load`.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        arguments: Iterable[Argument] = (),
        file: str | None = None,
    ) -> None:
        base = working_directory()
        self._problems = problems = Problems()
        self._environ = environ
        self.hints = hints_of(environ)
        """What is passed over in the environment, and why, for people to read."""
        self._environment = read(of_environment(environ, base, problems), VOCABULARY, problems)
        self._arguments = read(
            of_arguments(arguments, base, VOCABULARY, problems), VOCABULARY, problems
        )
        path = environ.get(FILE_VARIABLE) if file is None else file
        self._named = "--config" if file is not None else FILE_VARIABLE if path else ""
        self.files = (
            (base / os.path.expanduser(path or ""),) if self._named else usual_files(environ)
        )
        """The files that are looked for, the first of which is read."""

    def load(self) -> Loaded:
        """The settings as they are now, and what they were made of.

        Fails with :class:`~kadtwisted.errors.ConfigurationProblems`.
        """
        problems = Problems(self._problems)
        found = first_text(self.files, self._named, problems)
        in_file = {} if found is None else read(of_file(*found, problems), VOCABULARY, problems)
        given = {**in_file, **self._environment, **self._arguments}
        settings, plugins = combine(given, self._environ, problems)
        problems.tell()
        assert plugins is not None  # else there was a problem to tell
        file = None if found is None else found[0]
        settings = replace(settings, config_file=file)
        return Loaded(settings, MappingProxyType(given), file, plugins)
