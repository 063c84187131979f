"""How records lie in an LMDB file."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import DiskFull, StorageError
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey
from kadtwisted.storage.lmdb.records import MAX_SUB, decode_where, encode_moment, encode_where
from kadtwisted.storage.timeline import Anchor, Timeline
from kadtwisted.testing.contracts.storage import stored
from tests.storage.lmdb.harness import LMDBCase, full_disk
from tests.storage.outcomes import error_of

KEYS = st.builds(
    StorageKey,
    st.integers(0, 255),
    st.integers(0, 2**160 - 1).map(NodeID),
    st.binary(max_size=MAX_SUB),
)
MOMENTS = st.floats(-1e12, 1e12)


class TestLayout(SynchronousTestCase):
    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(KEYS, KEYS)
    def test_order_of_places(self, one: StorageKey, other: StorageKey) -> None:
        self.assertEqual(encode_where(one) < encode_where(other), one < other)
        self.assertEqual(decode_where(encode_where(one)), one)

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(MOMENTS, MOMENTS)
    def test_order_of_moments(self, one: float, other: float) -> None:
        timeline = Timeline(lambda: 5.0, lambda: 1e9)
        first, second = sorted((one, other))
        self.assertLessEqual(encode_moment(first, timeline), encode_moment(second, timeline))

    def test_moments_far_away(self) -> None:
        timeline = Timeline(lambda: 0.0, lambda: 0.0)
        timeline.resume(Anchor(0.0, 0.0))
        self.assertEqual(encode_moment(float("-inf"), timeline), bytes(8))
        self.assertEqual(encode_moment(float("inf"), timeline), b"\xff" * 8)
        self.assertEqual(encode_moment(1.5, timeline), (1_500_000).to_bytes(8, "big"))


class TestWrites(LMDBCase):
    async def test_places_without_a_key(self) -> None:
        storage = await self.opened()
        longest = stored(5, sub=b"\xff" * MAX_SUB)
        await storage.put(longest, 0.0)
        self.assertEqual((await storage.page(None, 5))[0].where, longest.where)
        self.assertEqual(await storage.page(longest.where, 5), [])
        for record in (stored(5, sub=bytes(MAX_SUB + 1)), stored(5, kind=256)):
            self.assertIn("not 256", await error_of(StorageError, storage.put(record, 0.0)))
            await error_of(StorageError, storage.remove(record.where))
        await error_of(StorageError, storage.get(256, NodeID(5), 0.0))

    async def test_no_room_on_the_disk(self) -> None:
        storage = await self.opened()
        await storage.put(stored(1), 0.0)
        with full_disk():
            sentence = await error_of(DiskFull, storage.put(stored(2), 0.0))
        self.assertIn("no room left on the disk", sentence)
        self.assertEqual((await storage.usage()).records, 1)
        await storage.put(stored(2), 0.0)
        await storage.close()
        self.assertEqual((await (await self.opened()).usage()).records, 2)
