"""Contexts for the parts of a node that are tested by themselves."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from kadtwisted.dialects.native import native_dialect
from kadtwisted.identity.keys import NodeKey
from kadtwisted.node.context import NodeContext
from kadtwisted.node.world import World
from kadtwisted.parameters import NodeSettings
from kadtwisted.records.kinds import RecordKinds


def make_context(
    world: World, settings: NodeSettings | None = None, kinds: RecordKinds | None = None
) -> NodeContext:
    """The context of a native node that has no reactor; with other kinds of record, if given."""
    key = NodeKey.generate(Random("context").randbytes)
    settings = settings or NodeSettings()
    dialect = native_dialect(key, settings, world.secure_random)
    if kinds is not None:
        dialect = replace(dialect, kinds=kinds)
    return NodeContext.made(None, settings, world, dialect)
