"""kadtwisted: a Kademlia distributed hash table on Twisted.

This is the public face: what programs import, they import from here, or from
:mod:`kadtwisted.testing`.  Where a name lives behind the face may change at any time.
``docs/embedding.md`` lists the names by what they are for.

Importing this package imports nothing else: each name is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from kadtwisted.lazy import homes, lazy

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kadtwisted.application.service import NodeService
    from kadtwisted.errors import (
        BootstrapFailed,
        CannotListen,
        CasConflict,
        ClockSkew,
        ConfigurationError,
        ConfigurationProblems,
        DiskFull,
        ErrorReply,
        IdentityError,
        InvalidAddress,
        InvalidInput,
        InvalidKey,
        InvalidLifetime,
        InvalidRecord,
        InvalidReference,
        InvalidSalt,
        KadtwistedError,
        LocalError,
        MalformedDatagram,
        NoContacts,
        NodeStopped,
        NoPath,
        NotConditional,
        NotFound,
        NotStored,
        OwnKeyAnswered,
        RecordTooLarge,
        RemoteError,
        RequestTimedOut,
        SendFailed,
        SigningKeyError,
        StorageBusy,
        StorageError,
        StorageFull,
        Superseded,
        TooFar,
        TooManyRequests,
        Unavailable,
        Uncertain,
        UnknownKind,
        UnsupportedVersion,
        WrongReply,
    )
    from kadtwisted.identity.keys import NodeKey, node_id_of
    from kadtwisted.identity.signing import SigningKey
    from kadtwisted.interfaces import (
        IChecksArgument,
        INode,
        INodeState,
        ISerializer,
        ISerializerFactory,
        IStorage,
        IStorageFactory,
        IWatch,
        Remembered,
        StorageContext,
    )
    from kadtwisted.model import bencode, messages
    from kadtwisted.model.announcing import Announcement, Provider, Providers
    from kadtwisted.model.contact import Address, Contact, Endpoint, Family, parse_address
    from kadtwisted.model.health import Health
    from kadtwisted.model.ids import (
        NodeID,
        distance,
        id_from_bytes,
        id_from_hex,
        id_to_bytes,
        id_to_hex,
        key_of_name,
    )
    from kadtwisted.model.observed import LookupBegan, LookupEnded, RequestEnded
    from kadtwisted.model.publication import Audit, OwnRecord, Publication
    from kadtwisted.model.record import (
        DatedRecord,
        Immutable,
        Kind,
        Mutable,
        RecordsPage,
        StorageKey,
        StorageUsage,
        StoredRecord,
        Value,
    )
    from kadtwisted.model.reference import Reference, parse_reference
    from kadtwisted.model.results import (
        Acknowledgement,
        BootstrapResult,
        BulkEntry,
        BulkResult,
        Change,
        Collection,
        FoundRecord,
        GetResult,
        NodesResult,
        Path,
        PingResult,
        Receipt,
        Trace,
        TraceStep,
    )
    from kadtwisted.model.status import (
        BucketStatus,
        ContactStatus,
        LinkStatus,
        NodeStatus,
        PortMapping,
        ReachStatus,
        RoutingStatus,
    )
    from kadtwisted.node.node import Node
    from kadtwisted.node.world import World
    from kadtwisted.parameters import (
        Bounds,
        LimitSettings,
        NodeSettings,
        Parameters,
        Timeouts,
        UpkeepSettings,
    )
    from kadtwisted.state.directory import (
        StateDirectory,
        StateDirectoryError,
        StateDirectoryInUse,
    )
    from kadtwisted.state.node_state import DurableNodeState
    from kadtwisted.storage.file_lock import FileLock, StorageInUse
    from kadtwisted.storage.files import write_atomically
    from kadtwisted.storage.group_commit import GroupCommit
    from kadtwisted.storage.guard import UnsafeFile
    from kadtwisted.storage.memory import MemoryStorage
    from kadtwisted.storage.sqlite.backend import SQLiteStorage
    from kadtwisted.storage.timeline import Anchor, Timeline
    from kadtwisted.wire.cbor import CBORSerializer

_HOMES = homes(
    {
        "kadtwisted.application.service": "NodeService",
        "kadtwisted.errors": (
            "BootstrapFailed CannotListen CasConflict ClockSkew ConfigurationError "
            "ConfigurationProblems DiskFull ErrorReply IdentityError InvalidAddress InvalidInput "
            "InvalidKey InvalidLifetime InvalidRecord InvalidReference InvalidSalt "
            "KadtwistedError LocalError MalformedDatagram NoContacts NoPath NodeStopped "
            "NotConditional NotFound NotStored OwnKeyAnswered RecordTooLarge RemoteError "
            "RequestTimedOut SendFailed SigningKeyError StorageBusy StorageError StorageFull "
            "Superseded TooFar TooManyRequests Unavailable Uncertain UnknownKind "
            "UnsupportedVersion WrongReply"
        ),
        "kadtwisted.identity.keys": "NodeKey node_id_of",
        "kadtwisted.identity.signing": "SigningKey",
        "kadtwisted.interfaces": (
            "IChecksArgument INode INodeState ISerializer ISerializerFactory IStorage "
            "IStorageFactory IWatch Remembered StorageContext"
        ),
        "kadtwisted.model.bencode": "bencode",
        "kadtwisted.model.announcing": "Announcement Provider Providers",
        "kadtwisted.model.contact": "Address Contact Endpoint Family parse_address",
        "kadtwisted.model.health": "Health",
        "kadtwisted.model.ids": (
            "NodeID distance id_from_bytes id_from_hex id_to_bytes id_to_hex key_of_name"
        ),
        "kadtwisted.model.messages": "messages",
        "kadtwisted.model.observed": "LookupBegan LookupEnded RequestEnded",
        "kadtwisted.model.publication": "Audit OwnRecord Publication",
        "kadtwisted.model.record": (
            "DatedRecord Immutable Kind Mutable RecordsPage StorageKey StorageUsage StoredRecord "
            "Value"
        ),
        "kadtwisted.model.reference": "Reference parse_reference",
        "kadtwisted.model.results": (
            "Acknowledgement BootstrapResult BulkEntry BulkResult Change Collection FoundRecord "
            "GetResult NodesResult Path PingResult Receipt Trace TraceStep"
        ),
        "kadtwisted.model.status": "BucketStatus ContactStatus LinkStatus NodeStatus PortMapping "
        "ReachStatus RoutingStatus",
        "kadtwisted.node.node": "Node",
        "kadtwisted.node.world": "World",
        "kadtwisted.parameters": (
            "Bounds LimitSettings NodeSettings Parameters Timeouts UpkeepSettings"
        ),
        "kadtwisted.state.directory": "StateDirectory StateDirectoryError StateDirectoryInUse",
        "kadtwisted.state.node_state": "DurableNodeState",
        "kadtwisted.storage.file_lock": "FileLock StorageInUse",
        "kadtwisted.storage.guard": "UnsafeFile",
        "kadtwisted.storage.files": "write_atomically",
        "kadtwisted.storage.group_commit": "GroupCommit",
        "kadtwisted.storage.memory": "MemoryStorage",
        "kadtwisted.storage.sqlite.backend": "SQLiteStorage",
        "kadtwisted.storage.timeline": "Anchor Timeline",
        "kadtwisted.wire.cbor": "CBORSerializer",
    }
)
"""Each name's module.  Type checkers and editors read the imports above instead."""

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy(__name__, _HOMES)

__all__ = [
    "Acknowledgement",
    "Address",
    "Anchor",
    "Announcement",
    "Audit",
    "BootstrapFailed",
    "BootstrapResult",
    "Bounds",
    "BucketStatus",
    "BulkEntry",
    "BulkResult",
    "CBORSerializer",
    "CannotListen",
    "CasConflict",
    "Change",
    "ClockSkew",
    "Collection",
    "ConfigurationError",
    "ConfigurationProblems",
    "Contact",
    "ContactStatus",
    "DatedRecord",
    "DiskFull",
    "DurableNodeState",
    "Endpoint",
    "ErrorReply",
    "Family",
    "FileLock",
    "FoundRecord",
    "GetResult",
    "GroupCommit",
    "Health",
    "IChecksArgument",
    "INode",
    "INodeState",
    "ISerializer",
    "ISerializerFactory",
    "IStorage",
    "IStorageFactory",
    "IWatch",
    "IdentityError",
    "Immutable",
    "InvalidAddress",
    "InvalidInput",
    "InvalidKey",
    "InvalidLifetime",
    "InvalidRecord",
    "InvalidReference",
    "InvalidSalt",
    "KadtwistedError",
    "Kind",
    "LimitSettings",
    "LinkStatus",
    "LocalError",
    "LookupBegan",
    "LookupEnded",
    "MalformedDatagram",
    "MemoryStorage",
    "Mutable",
    "NoContacts",
    "NoPath",
    "Node",
    "NodeID",
    "NodeKey",
    "NodeService",
    "NodeSettings",
    "NodeStatus",
    "NodeStopped",
    "NodesResult",
    "NotConditional",
    "NotFound",
    "NotStored",
    "OwnKeyAnswered",
    "OwnRecord",
    "Parameters",
    "Path",
    "PingResult",
    "PortMapping",
    "Provider",
    "Providers",
    "Publication",
    "ReachStatus",
    "Receipt",
    "RecordTooLarge",
    "RecordsPage",
    "Reference",
    "Remembered",
    "RemoteError",
    "RequestEnded",
    "RequestTimedOut",
    "RoutingStatus",
    "SQLiteStorage",
    "SendFailed",
    "SigningKey",
    "SigningKeyError",
    "StateDirectory",
    "StateDirectoryError",
    "StateDirectoryInUse",
    "StorageBusy",
    "StorageContext",
    "StorageError",
    "StorageFull",
    "StorageInUse",
    "StorageKey",
    "StorageUsage",
    "StoredRecord",
    "Superseded",
    "Timeline",
    "Timeouts",
    "TooFar",
    "TooManyRequests",
    "Trace",
    "TraceStep",
    "Unavailable",
    "Uncertain",
    "UnknownKind",
    "UnsafeFile",
    "UnsupportedVersion",
    "UpkeepSettings",
    "Value",
    "World",
    "WrongReply",
    "bencode",
    "distance",
    "id_from_bytes",
    "id_from_hex",
    "id_to_bytes",
    "id_to_hex",
    "key_of_name",
    "messages",
    "node_id_of",
    "parse_address",
    "parse_reference",
    "write_atomically",
]
