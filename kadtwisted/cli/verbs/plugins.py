"""``kad plugins``: the storages and serializers that are installed, and what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from kadtwisted.api.describe import Described
from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import table
from kadtwisted.settings.plugin_registry import KINDS, Plugin


async def plugins(session: Session) -> int:
    """List the plugins of this installation.  Of two with one kind and name the first is used."""
    registry = session.world.find_plugins()
    found = [plugin for kind in KINDS for plugin in registry.plugins(kind)]
    described = [_described(each) for each in (*found, *registry.broken())]
    session.output.result({"plugins": described}, _text)
    return os.EX_OK


def _described(plugin: Plugin) -> Described:
    return {
        "name": plugin.name,
        "kind": plugin.kind,
        "origin": plugin.origin,
        "distribution": plugin.distribution,
        "error": plugin.error,
    }


def _text(described: Mapping[str, Any]) -> str:
    plugins = described["plugins"]
    rows = [
        (each["name"], each["kind"], _origin(each), "ok" if each["error"] is None else "broken")
        for each in plugins
    ]
    errors = [f"{each['name']}: {each['error']}" for each in plugins if each["error"] is not None]
    return "\n".join([table(("NAME", "KIND", "ORIGIN", "STATE"), rows), *errors])


def _origin(plugin: Described) -> str:
    of = plugin["distribution"]
    return str(plugin["origin"]) + ("" if of is None else f" of {of}")
