"""The options of ``twistd kademlia``, made from the table of all options.

Everyday options have an argument of their own; ``--set KEY=VALUE`` sets any option.  All are
checked in ``postOptions``: :class:`Mistaken` ends ``twistd`` with one sentence for each mistake in
the command line, the environment and the file.  Twisted's own way, the whole help and then the
sentence, hides it: nobody finds it in the journal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable

from twisted.python import usage

from kadtwisted.daemon.logs import tell_people
from kadtwisted.daemon.pid_file import settle_pid_file
from kadtwisted.daemon.streams import drop_closed
from kadtwisted.errors import ConfigurationError, ConfigurationProblems
from kadtwisted.model.settings.value_kinds import TextList
from kadtwisted.settings.daemon_settings import DEFAULTS
from kadtwisted.settings.loading import Configuration
from kadtwisted.settings.options import OPTIONS, Option
from kadtwisted.settings.plugin_registry import ChosenPlugins
from kadtwisted.settings.reading import Argument

MISTAKEN = 1
"""The exit code: twistd's own for what it cannot understand."""


class Mistaken(SystemExit):
    """Ends the process, once its sentences are written; they are its text."""

    def __init__(self, sentences: Iterable[str]) -> None:
        super().__init__(MISTAKEN)
        self.sentences = tuple(sentences)
        for each in self.sentences:
            tell_people(each, sys.stderr, os.environ)

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def _taker(option: Option) -> Callable[[Options, str], None]:
    """The method that takes one option's argument; Twisted shows its docstring as help."""

    def take(self: Options, text: str) -> None:
        self.given.append(Argument(f"--{option.argument}", option.key, text))
        self[option.argument] = text

    take.__doc__ = _help(option)
    return take


def _help(option: Option) -> str:
    again = " May be given several times." if isinstance(option.kind, TextList) else ""
    default = option.default
    shown = ", ".join(default) if isinstance(default, tuple) else default
    return option.help + again + (f" [default: {shown}]" if shown not in (None, "") else "")


def _of_table(cls: type[Options]) -> type[Options]:
    for option in OPTIONS.values():
        if option.argument:
            take = _taker(option)
            for name in filter(None, (option.argument, option.letter)):
                setattr(cls, "opt_" + name.replace("-", "_"), take)
    return cls


@_of_table
class Options(usage.Options):
    """The options of ``twistd kademlia``.

    ``settings`` are the checked settings, ``plugins`` those that the settings name.
    ``configuration`` loads both again.
    """

    synopsis = "[options]"
    longdesc = (
        "Runs a node of a Kademlia distributed hash table. Each option can also be set in a TOML "
        "file, or by an environment variable such as KADTWISTED_PORT. `kad config show` lists all "
        "options."
    )

    def __init__(self) -> None:
        drop_closed()  # the first that is ours to run; the log comes after the options
        super().__init__()  # type: ignore[no-untyped-call]
        self.given: list[Argument] = []
        self.settings = DEFAULTS
        self.plugins: ChosenPlugins | None = None
        self.configuration: Configuration | None = None
        self._file: str | None = None

    def opt_config(self, file: str) -> None:
        """TOML file with settings. [default: node.toml in /etc/kademlia or ~/.config/kademlia]"""
        self._file = file

    def opt_set(self, text: str) -> None:
        """Set any option, such as upkeep.rate=50. May be given several times."""
        key, _, value = text.partition("=")
        self.given.append(Argument(f"--set {key.strip()}", key.strip(), value.strip()))

    def parseArgs(self) -> None:
        """There are no arguments besides options."""

    def parseOptions(self, options: list[str] | None = None) -> None:
        """As :meth:`usage.Options.parseOptions`, but a mistake ends in :class:`Mistaken`."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            raise Mistaken([f"{error}; twistd kademlia --help lists the options"]) from None

    def postOptions(self) -> None:
        """Check everything; each mistake is a sentence of :class:`Mistaken`."""
        try:
            self.configuration = Configuration(os.environ, self.given, self._file)
            loaded = self.configuration.load()
            self._check_twistd()
        except ConfigurationProblems as problems:
            raise Mistaken(problems.problems) from None
        except ConfigurationError as error:
            raise Mistaken([str(error)]) from None
        self.settings, self.plugins = loaded.settings, loaded.plugins

    def _check_twistd(self) -> None:
        """Check the options of ``twistd`` itself, and mend one; ``twist`` has none of them."""
        twistd = self.parent
        if twistd is None:
            return
        if twistd.get("chroot"):
            raise ConfigurationError(
                "twistd --chroot cannot be used, because most of this program is loaded after it; "
                "use a container, or RootDirectory= in a unit of systemd"
            )
        if "pidfile" in twistd:
            settle_pid_file(twistd)
