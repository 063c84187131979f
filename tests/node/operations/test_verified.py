"""Signatures are verified once for each record: when it is stored, when it is read, and from disk.

How often is counted in :func:`kadtwisted.records.mutable.identify`'s own check.
"""

from __future__ import annotations

from collections import Counter
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NotFound
from kadtwisted.identity.signing import SigningKey
from kadtwisted.model.record import Kind, StorageKey, StoredRecord
from kadtwisted.node.node import Node
from kadtwisted.parameters import Parameters
from kadtwisted.records import mutable
from kadtwisted.testing.inspect import records_of, storage_of
from kadtwisted.testing.nodes import Swarm

KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(32))
WHERE = StorageKey(Kind.MUTABLE, KEY.reference().key)
K = 4


def record(seq: int, v: bytes, key: SigningKey = KEY) -> bytes:
    return mutable.write(mutable.Draft(key.public_key, key.sign, b"", v), seq)


def forged(seq: int) -> bytes:
    """In the name of the key, signed by another one."""
    return mutable.write(mutable.Draft(KEY.public_key, OTHER.sign, b"", b"6:forged"), seq)


class VerifiedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.swarm = Swarm(8, sealer="plain", parameters=Parameters(k=K))
        self.addCleanup(self.swarm.stop)
        self.verified: Counter[bytes] = Counter()
        original = mutable.is_signed

        def counted(message: bytes, signature: bytes, public_key: bytes) -> bool:
            self.verified[signature] += 1
            return original(message, signature, public_key)

        patch = mock.patch.object(mutable, "is_signed", counted)
        patch.start()
        self.addCleanup(patch.stop)

    def holders(self) -> list[Node]:
        return [node for node in self.swarm.nodes if records_of(node)]

    def tamper(self, nodes: list[Node], data: bytes) -> None:
        """Somebody has been at the disks."""
        now = self.swarm.clock.seconds()
        for node in nodes:
            kept = StoredRecord(WHERE, data, now + 3600.0, now)
            self.successResultOf(storage_of(node).put(kept, now))

    def test_a_reader_verifies_each_version_once(self) -> None:
        self.swarm.wait(self.swarm.nodes[0].put_mutable(KEY, b"value", seq=5))
        reader = next(node for node in self.swarm.nodes if not records_of(node))
        self.verified.clear()
        found = self.swarm.wait(reader.get(KEY.reference()))
        self.assertGreaterEqual(found.holders, K - 1)
        self.assertEqual([*self.verified.values()], [1])

    def test_a_reader_that_is_a_holder_as_well(self) -> None:
        self.swarm.wait(self.swarm.nodes[0].put_mutable(KEY, b"value", seq=5))
        self.verified.clear()
        self.swarm.wait(self.holders()[0].get(KEY.reference(), mode="latest"))
        self.assertEqual([*self.verified.values()], [1])

    def test_a_writer_verifies_what_it_writes_and_each_holder_does_once(self) -> None:
        putting = self.swarm.nodes[0].put_mutable(KEY, b"value", seq=5, wait="all")
        receipt = self.swarm.wait(putting)
        asked = len(receipt.acknowledged) + len(receipt.failures)
        self.assertEqual(self.verified[receipt.record.signature], 1 + asked)

    def test_forgeries_on_disks_reach_no_reader(self) -> None:
        self.swarm.wait(self.swarm.nodes[0].put_mutable(KEY, b"value", seq=5))
        holders = self.holders()
        self.tamper(holders[:-1], forged(9))
        for node in self.swarm.nodes:
            for mode in ("first", "latest"):
                found = self.swarm.wait(node.get(KEY.reference(), mode=mode))
                self.assertEqual(found.value, b"value")
        self.tamper(holders, forged(9))
        for node in holders:
            self.assertRaises(NotFound, self.swarm.wait, node.get(KEY.reference()))

    def test_a_record_of_another_place_is_none_of_this(self) -> None:
        self.swarm.wait(self.swarm.nodes[0].put_mutable(KEY, b"value", seq=5))
        holders = self.holders()
        self.tamper(holders, record(9, b"5:other", OTHER))
        for node in holders:
            self.assertRaises(NotFound, self.swarm.wait, node.get(KEY.reference()))
