"""A storage plugin as another distribution would bring it."""

from __future__ import annotations

from twisted.plugin import IPlugin
from zope.interface import implementer

from kadtwisted.interfaces import IStorage, IStorageFactory, StorageContext
from kadtwisted.storage.memory import MemoryStorage


@implementer(IPlugin, IStorageFactory)
class Attic:
    name = "attic"

    def make(self, argument: str, context: StorageContext) -> IStorage:
        return MemoryStorage(context.max_records, context.max_bytes)


attic = Attic()
