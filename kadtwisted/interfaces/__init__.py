"""The interfaces of the house: of a node, and of the parts that programs may bring.

Only those that no program chooses stand elsewhere, beside the values that they speak of: that of a
dialect's doors (:class:`kadtwisted.dialects.door.IDoor`), and that of sealers
(:class:`kadtwisted.sealing.interface.ISealer`).
"""

from kadtwisted.interfaces.node import INode, IWatch
from kadtwisted.interfaces.parts import (
    IChecksArgument,
    INodeState,
    ISerializer,
    ISerializerFactory,
    IStorage,
    IStorageFactory,
    Remembered,
    StorageContext,
)

__all__ = [
    "IChecksArgument",
    "INode",
    "INodeState",
    "ISerializer",
    "ISerializerFactory",
    "IStorage",
    "IStorageFactory",
    "IWatch",
    "Remembered",
    "StorageContext",
]
