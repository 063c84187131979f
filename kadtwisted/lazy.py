"""Public names that are imported when somebody asks for them, not before (PEP 562).

A package that gathers its public names in one place would otherwise import all of its modules, and
the libraries these need, for a program that wants one constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

Homes = Mapping[str, str]
"""Where each public name lives: the name, and the dotted name of its module."""


def homes(modules: Mapping[str, str]) -> Homes:
    """The homes of all names, from the names of each module, separated by blanks."""
    return MappingProxyType(
        {name: module for module, names in modules.items() for name in names.split()}
    )


def lazy(package: str, homes: Homes) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions ``__getattr__`` and ``__dir__`` for the module ``package``.

    ``__getattr__`` raises ``AttributeError`` for a name that is not in ``homes``, and what the
    import of its module raises.
    """

    def __getattr__(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if home.endswith(f".{name}"):  # the public name is the module itself
            return import_module(home)
        return getattr(import_module(home), name)

    def __dir__() -> list[str]:
        return sorted({*vars(import_module(package)), *homes})

    return __getattr__, __dir__
