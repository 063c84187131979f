"""Immutable and mutable values on a network: written, read, replaced, deleted and refused."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import (
    CasConflict,
    InvalidInput,
    InvalidKey,
    InvalidRecord,
    InvalidSalt,
    KadtwistedError,
    NotConditional,
    NotFound,
    RecordTooLarge,
    Superseded,
)
from kadtwisted.identity.signing import SigningKey
from kadtwisted.model.ids import id_to_bytes
from kadtwisted.model.record import Immutable, Kind, Mutable, StorageKey
from kadtwisted.model.reference import Reference, parse_reference
from kadtwisted.parameters import Parameters
from kadtwisted.records import mutable
from kadtwisted.testing.inspect import records_of, storage_of
from kadtwisted.testing.nodes import EPOCH, Swarm, seeded_key

K = 4
SIZE = 8
KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(32))
END = 2**63


def record(seq: int, value: bytes = b"5:value", salt: bytes = b"", key: SigningKey = KEY) -> bytes:
    return mutable.write(mutable.Draft(key.public_key, key.sign, salt, value), seq)


class SignedCase(SynchronousTestCase):
    parameters = Parameters(k=K)

    def setUp(self) -> None:
        self.swarm = Swarm(SIZE, sealer="plain", parameters=self.parameters)
        self.addCleanup(self.swarm.stop)
        self.writer, self.reader = self.swarm.nodes[0], self.swarm.nodes[-1]

    def held(self) -> set[bytes]:
        """All records of all nodes."""
        return {each.data for node in self.swarm.nodes for each in records_of(node)}

    def read(self, what: Reference) -> bytes | None:
        return self.swarm.wait(self.reader.get(what)).value

    def put(self, value: bytes, **how: Any) -> Any:
        return self.swarm.wait(self.writer.put_mutable(KEY, value, **how))

    def refused(self, kind: type[KadtwistedError], value: bytes, **how: Any) -> str:
        """A put fails, and changes nothing."""
        before = self.held()
        error = self.assertRaises(kind, self.put, value, **how)
        self.assertEqual(self.held(), before)
        return str(error)


class ImmutableTests(SignedCase):
    def test_a_value_under_its_hash(self) -> None:
        receipt = self.swarm.wait(self.writer.put_immutable(b"Hello World!", lifetime=600.0))
        self.assertEqual(f"{receipt.key:040x}", "e5f96f6f38320f0f33959cb4d3d656452117aadb")
        self.assertEqual(receipt.record, Immutable(b"12:Hello World!"))
        found = self.swarm.wait(self.reader.get(parse_reference(str(receipt.reference))))
        self.assertEqual((found.value, found.record), (b"Hello World!", receipt.record))
        again = self.swarm.wait(self.reader.put_immutable(b"Hello World!"))
        self.assertEqual(again.reference, receipt.reference)
        self.assertEqual(len(self.held()), 1)

    def test_it_is_found_at_the_first_holder(self) -> None:
        receipt = self.swarm.wait(self.writer.put_immutable(b"value"))
        asked = [
            len(self.swarm.wait(self.swarm.nodes[5].get(receipt.reference, mode=mode)).trace.steps)
            for mode in (None, "latest")
        ]
        self.assertLess(asked[0], asked[1])

    def test_what_is_no_value_of_it(self) -> None:
        for value, kind in ((bytes(997), RecordTooLarge), ("text", InvalidInput)):
            wrong: Any = value
            self.failureResultOf(self.writer.put_immutable(wrong), kind)
        self.assertEqual(self.held(), set())

    def test_it_cannot_be_replaced_on_a_condition(self) -> None:
        putting = self.writer.put_record(b"\x025:value", cas=0)
        self.assertRaises(NotConditional, self.swarm.wait, putting)
        self.assertRaises(InvalidRecord, self.swarm.wait, self.writer.put_record(b"\x02de"))
        self.assertEqual(self.held(), set())


class MutableTests(SignedCase):
    def test_only_who_holds_the_key_replaces_it(self) -> None:
        first = self.put(b"first", lifetime=600.0)
        self.assertEqual(first.record.seq, int(EPOCH))
        self.assertEqual(first.reference, KEY.reference())
        self.swarm.wait(self.reader.put_mutable(OTHER, b"of somebody else"))
        self.assertEqual(self.read(KEY.reference()), b"first")
        second = self.put(b"second")
        self.assertEqual(second.record.seq, first.record.seq + 1)
        found = self.swarm.wait(self.reader.get(KEY.reference()))
        self.assertEqual((found.value, found.record), (b"second", second.record))
        self.assertGreaterEqual(found.holders, K)

    def test_salts_tell_values_of_one_key_apart(self) -> None:
        for salt in (b"", b"a", b"b" * 64):
            self.put(b"under " + salt, salt=salt)
        for salt in (b"", b"a", b"b" * 64):
            self.assertEqual(self.read(KEY.reference(salt)), b"under " + salt)
        self.assertRaises(NotFound, self.read, KEY.reference(b"c"))

    def test_a_name_of_the_same_key_is_another_place(self) -> None:
        self.put(b"value")
        raw = id_to_bytes(KEY.reference().key)
        self.assertRaises(NotFound, self.swarm.wait, self.reader.get(raw))

    def test_a_device_may_sign(self) -> None:
        class Device:
            public_key = KEY.public_key
            sign = staticmethod(KEY.sign)

        self.swarm.wait(self.writer.put_mutable(Device(), b"value"))
        self.assertEqual(self.read(KEY.reference()), b"value")

    def test_a_signature_that_is_none_stores_nothing(self) -> None:
        class Broken:
            public_key = KEY.public_key
            sign = staticmethod(OTHER.sign)

        for key, numbers in ((Broken(), {}), (Broken(), {"seq": 5}), (Broken(), {"cas": 5})):
            putting = self.writer.put_mutable(key, b"value", **numbers)
            error = self.assertRaises(InvalidRecord, self.swarm.wait, putting)
            self.assertEqual(error.reason, "bad-signature")
        self.assertEqual(self.held(), set())

    def test_bad_input_is_refused_before_anything_is_sent(self) -> None:
        for kind, key, value, how in (
            (InvalidInput, seeded_key(1), b"v", {}),  # a node's identity signs nothing
            (InvalidInput, None, b"v", {}),
            (InvalidInput, SigningKey, b"v", {}),
            (InvalidInput, KEY, "text", {}),
            (InvalidSalt, KEY, b"v", {"salt": bytes(65)}),
            (InvalidSalt, KEY, b"v", {"salt": "text"}),
            (RecordTooLarge, KEY, bytes(997), {}),
            (RecordTooLarge, KEY, bytes(990), {"salt": bytes(7)}),
            (InvalidInput, KEY, b"v", {"seq": -1}),
            (InvalidInput, KEY, b"v", {"seq": END}),
            (InvalidInput, KEY, b"v", {"seq": 2**64}),
            (InvalidInput, KEY, b"v", {"seq": True}),
            (InvalidInput, KEY, b"v", {"cas": -1}),
            (InvalidInput, KEY, b"v", {"cas": END - 1}),
            (InvalidInput, KEY, b"v", {"cas": 5, "seq": 5}),
            (InvalidInput, KEY, b"v", {"keep": 1}),
        ):
            wrong: Any = key
            self.failureResultOf(self.writer.put_mutable(wrong, value, **how), kind)  # type: ignore[arg-type]
        unknown: Any = 5
        self.failureResultOf(self.writer.get(unknown), InvalidKey)
        self.failureResultOf(self.writer.delete_mutable(KEY, salt=bytes(65)), InvalidSalt)
        self.assertEqual(self.held(), set())


class DeletionTests(SignedCase):
    parameters = Parameters(
        k=K, replication_period=300.0, default_lifetime=1000.0, max_remaining=1200.0
    )

    def test_a_deleted_value_is_gone_and_can_be_written_anew(self) -> None:
        first = self.put(b"value")
        receipt = self.swarm.wait(self.writer.delete_mutable(KEY))
        self.assertTrue(receipt.record.deleted)
        self.assertEqual(receipt.record.seq, first.record.seq + 1)
        self.assertEqual({each.remaining for each in receipt.acknowledged}, {1200})
        error = self.assertRaises(NotFound, self.read, KEY.reference())
        self.assertEqual(str(error), f"{KEY.reference()} was deleted")
        self.assertEqual(self.put(b"again").record.seq, first.record.seq + 2)
        self.assertEqual(self.read(KEY.reference()), b"again")

    def test_it_stays_deleted_although_an_old_holder_returns(self) -> None:
        self.put(b"value")
        near = sorted(self.swarm.nodes[1:], key=lambda each: each.node_id ^ KEY.reference().key)
        old = near[0]
        host = self.swarm.host_of(old)
        self.swarm.network.partition([host])
        self.swarm.wait(self.writer.delete_mutable(KEY))
        self.swarm.network.heal()
        for _ in range(2):
            self.assertRaises(NotFound, self.read, KEY.reference())
            self.swarm.clock.advance(400.0)
        self.assertEqual([mutable.decode(each).deleted for each in self.held()], [True])
        self.assertRaises(Superseded, self.swarm.wait, old.put_record(record(1)))

    def test_its_owner_keeps_the_tombstone_published(self) -> None:
        self.put(b"value", keep=True)
        self.swarm.wait(self.writer.delete_mutable(KEY))
        self.assertEqual(self.writer.status().own_records, 1)
        self.swarm.clock.advance(1500.0)
        self.assertEqual([mutable.decode(each).deleted for each in self.held()], [True])
        self.swarm.wait(self.writer.delete_mutable(KEY, keep=False))
        self.assertEqual(self.writer.status().own_records, 0)


class AbsenceTests(SignedCase):
    parameters = Parameters(
        k=K, replication_period=200.0, default_lifetime=1000.0, max_remaining=1200.0
    )

    def test_it_outlives_its_publisher_and_its_first_holders_for_its_time(self) -> None:
        """Holders pass on what was signed; nobody needs the key."""
        self.put(b"value", lifetime=1200.0)
        ends = self.swarm.clock.seconds() + 1200.0
        first = {node for node in self.swarm.nodes if records_of(node)}
        leaving = [self.writer, *(node for node in first if node is not self.writer)][:K]
        for node in leaving:
            if node is not self.reader:
                self.swarm.wait(node.stop())
                self.swarm.nodes.remove(node)
                self.swarm.clock.advance(250.0)
        self.assertEqual(self.read(KEY.reference()), b"value")
        self.assertTrue({node for node in self.swarm.nodes if records_of(node)} - first)
        self.swarm.clock.advance(ends - self.swarm.clock.seconds() - 5.0)
        self.assertEqual(self.read(KEY.reference()), b"value")
        self.swarm.clock.advance(10.0)
        self.assertRaises(NotFound, self.read, KEY.reference())


class NumberTests(SignedCase):
    """Sequence numbers and conditions: RELIABILITY.md's table, row by row."""

    def test_without_a_condition(self) -> None:
        self.put(b"five", seq=5)
        for seq, value, kind in (
            (4, b"lower", Superseded),
            (0, b"lower", Superseded),
            (5, b"another value", Superseded),
            (5, b"xanother value", Superseded),  # of these two one has the larger hash
            (5, b"yanother value", Superseded),
            (-1, b"v", InvalidInput),
            (END, b"v", InvalidInput),
            (2 * END, b"v", InvalidInput),
        ):
            self.refused(kind, value, seq=seq)
        self.put(b"five", seq=5)  # the same record only begins its time again
        self.put(b"six", seq=6)
        self.put(b"the last", seq=END - 1)
        self.refused(Superseded, b"after the last")
        self.assertEqual(self.read(KEY.reference()), b"the last")

    def test_with_a_condition(self) -> None:
        said = self.refused(CasConflict, b"v", cas=5)  # nothing is there
        self.assertIn("no record was found", said)
        self.put(b"five", seq=5)
        self.assertIn("is 5, not 4", self.refused(CasConflict, b"v", cas=4))
        self.assertIn("read what is there", self.refused(CasConflict, b"v", cas=4))
        self.assertIn("is 5, not 6", self.refused(CasConflict, b"v", cas=6))
        self.refused(CasConflict, b"v", cas=0)
        self.refused(CasConflict, b"v", cas=END - 2)
        receipt = self.put(b"six", cas=5)
        self.assertEqual((receipt.record.seq, receipt.remote_acks), (6, K))
        self.put(b"ten", cas=6, seq=10)
        self.assertEqual(self.put(b"eleven", cas=10).record.seq, 11)
        self.assertEqual(self.read(KEY.reference()), b"eleven")

    def test_the_same_conditional_record_twice(self) -> None:
        self.put(b"five", seq=5)
        self.put(b"six", cas=5)
        again = self.swarm.wait(self.writer.put_record(record(6, b"3:six"), cas=5))
        self.assertEqual(again.remote_acks, K)
        other = self.reader.put_record(record(6, b"3:six"), cas=5)
        self.assertRaises(CasConflict, self.swarm.wait, other)

    def test_of_two_who_write_the_very_same_one_is_told_that_it_lost(self) -> None:
        self.put(b"0", seq=5)
        writing = [node.put_mutable(KEY, b"1", cas=5) for node in self.swarm.nodes[:3]]
        outcomes: list[Any] = []
        for each in writing:
            each.addBoth(outcomes.append)
        self.swarm.clock.advance(30.0)
        lost = [each for each in outcomes if hasattr(each, "value")]
        self.assertGreaterEqual(len(lost), 2)
        for each in lost:
            self.assertIsInstance(each.value, CasConflict)

    def test_of_writers_at_the_same_time_one_wins_and_all_others_are_told(self) -> None:
        self.put(b"five", seq=5)
        writing = [
            node.put_mutable(KEY, b"by %d" % number, cas=5)
            for number, node in enumerate(self.swarm.nodes)
        ]
        outcomes: list[Any] = []
        for each in writing:
            each.addBoth(outcomes.append)
        self.swarm.clock.advance(60.0)
        self.assertEqual(len(outcomes), SIZE)
        won = [each.record.v for each in outcomes if not hasattr(each, "value")]
        lost = [each.value for each in outcomes if hasattr(each, "value")]
        self.assertLessEqual(len(won), 1)
        for each in lost:
            self.assertIsInstance(each, CasConflict)
        found = self.swarm.wait(self.reader.get(KEY.reference()))
        self.assertEqual(found.record.seq, 6)
        if won:
            self.assertEqual([found.raw], won)

    def test_of_writers_at_one_node_exactly_one_wins(self) -> None:
        for how, kind in (({"seq": 1}, Superseded), ({"cas": 1}, CasConflict)):
            writing = [
                self.writer.put_mutable(KEY, b"%d of %s" % (number, str(how).encode()), **how)
                for number in range(9)
            ]
            outcomes: list[Any] = []
            for each in writing:
                each.addBoth(outcomes.append)
            self.swarm.clock.advance(60.0)
            won = [each.record.v for each in outcomes if not hasattr(each, "value")]
            lost = [each.value for each in outcomes if hasattr(each, "value")]
            self.assertEqual((len(won), len(lost)), (1, 8))
            for each in lost:
                self.assertIsInstance(each, kind)
            self.assertEqual([self.swarm.wait(self.reader.get(KEY.reference())).raw], won)

    def test_holders_that_lack_the_record_get_it_first(self) -> None:
        self.put(b"five", seq=5)
        near = sorted(self.swarm.nodes, key=lambda each: each.node_id ^ KEY.reference().key)
        for node in near[:3]:
            where = StorageKey(Kind.MUTABLE, KEY.reference().key)
            self.successResultOf(storage_of(node).remove(where))
        receipt = self.put(b"six", cas=5)
        self.assertGreaterEqual(receipt.remote_acks, K - 1)
        self.assertEqual(self.held(), {record(6, b"3:six")})


class AloneTests(SynchronousTestCase):
    def test_a_network_of_one(self) -> None:
        swarm = Swarm(1, sealer="plain")
        self.addCleanup(swarm.stop)
        (node,) = swarm.nodes
        swarm.wait(node.put_mutable(KEY, b"one", seq=1))
        self.assertRaises(CasConflict, swarm.wait, node.put_mutable(KEY, b"x", cas=0))
        swarm.wait(node.put_mutable(KEY, b"two", cas=1))
        self.assertEqual(swarm.wait(node.get(KEY.reference())).value, b"two")
        receipt = swarm.wait(node.put_immutable(b"value"))
        self.assertEqual(swarm.wait(node.get(receipt.reference)).value, b"value")

    def test_the_decoded_record_is_public(self) -> None:
        self.assertIsInstance(mutable.decode(record(1)), Mutable)
