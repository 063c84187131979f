"""The ledger knows which answers are right, wrong, or possible."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import NodeID
from kadtwisted.records import value
from kadtwisted.testing.processes.ledger import LONG, SHORT, Held, Ledger, Verdict, Write

PUBLISHED = 1_800_000_000_000_000


class LedgerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = Ledger(Random(1), 1, PUBLISHED)
        self.first = self.write(100.0)
        self.key = self.first.key
        self.ledger.acknowledged(self.first, 100.5)

    def write(self, now: float) -> Write:
        """The next write; all are under one key, because there is at most one."""
        return self.ledger.next(now)

    def judge(self, record: bytes | None, remaining: float = LONG - 100, at: float = 200.0) -> str:
        held = None if record is None else Held(record, remaining)
        verdict = self.ledger.judge(self.key, held, at, at + 0.1)
        assert verdict is not None
        return verdict.name

    def test_what_was_acknowledged(self) -> None:
        self.assertEqual(self.judge(self.first.record), "RIGHT")
        self.assertEqual(self.ledger.wrong, [])

    def test_nothing(self) -> None:
        self.assertEqual(self.judge(None), "MISSING")
        self.assertIn("missing", self.ledger.wrong[0])

    def test_an_older_one(self) -> None:
        second = self.write(101.0)
        self.assertEqual((second.key, second.serial), (self.key, 2))
        self.ledger.acknowledged(second, 101.5)
        self.assertEqual(self.judge(self.first.record), "OLDER")
        self.assertEqual(self.judge(second.record), "RIGHT")

    def test_a_newer_one_that_was_not_acknowledged(self) -> None:
        second = self.write(101.0)
        self.assertEqual(self.judge(second.record), "NEWER")
        self.ledger.doubtful(second)
        self.assertEqual(self.judge(second.record), "NEWER")
        self.assertEqual(self.judge(self.first.record), "RIGHT")

    def test_what_nobody_wrote(self) -> None:
        other = value.value_of(self.key, b"other", PUBLISHED + 99)
        self.assertEqual(self.judge(value.encode(other)), "FOREIGN")

    def test_ends_within_a_second(self) -> None:
        # Sent at 100, acknowledged at 100.5: it ends between LONG + 100 and LONG + 100.5.
        for remaining, verdict in (
            (LONG - 100 + 1.4, "RIGHT"),
            (LONG - 100 + 1.6, "LATE"),
            (LONG - 100 - 2.05, "RIGHT"),  # whole seconds are rounded down
            (LONG - 100 - 2.15, "EARLY"),
        ):
            self.assertEqual(self.judge(self.first.record, remaining), verdict, remaining)

    def test_what_outlives_its_time(self) -> None:
        self.assertEqual(self.judge(self.first.record, 0, LONG + 101.6), "LATE")

    def test_gone_in_its_time(self) -> None:
        self.assertEqual(self.judge(None, 0, LONG + 100.0), "EXPIRED")
        self.assertEqual(self.ledger.all(), [])
        self.assertIsNone(self.ledger.judge(self.key, None, 0.0, 1.0))
        self.assertNotEqual(self.write(LONG + 200.0).key, self.key)

    def test_counts_every_verdict(self) -> None:
        self.judge(self.first.record)
        self.judge(None)
        self.judge(None)
        self.assertEqual(self.ledger.verdicts, {Verdict.RIGHT: 1, Verdict.MISSING: 2})


class DrawingTests(SynchronousTestCase):
    def play(self, seed: int) -> list[tuple[NodeID, int]]:
        ledger = Ledger(Random(seed), 50, PUBLISHED)
        drawn = []
        for number in range(400):
            write = ledger.next(float(number))
            drawn.append((write.key, write.lifetime))
            ledger.acknowledged(write, float(number))
        return drawn

    def test_a_seed_repeats_it(self) -> None:
        self.assertEqual(self.play(1), self.play(1))
        self.assertNotEqual(self.play(1), self.play(2))

    def test_fresh_keys_and_old_ones_long_lives_and_short_ones(self) -> None:
        drawn = self.play(1)
        self.assertEqual(len({key for key, _ in drawn}), 50)
        self.assertEqual(len(set(drawn)), 50)  # a key's lifetime never changes
        short = [lifetime for _, lifetime in drawn if lifetime != LONG]
        self.assertTrue(short)
        self.assertTrue(all(SHORT[0] <= lifetime < SHORT[1] for lifetime in short))

    def test_a_key_is_written_by_one_at_a_time(self) -> None:
        ledger = Ledger(Random(1), 4, PUBLISHED)
        self.assertEqual(len({ledger.next(0.0).key for _ in range(30)}), 30)

    def test_recent_ones(self) -> None:
        ledger = Ledger(Random(1), 1000, PUBLISHED)
        keys = []
        for number in range(5):
            ledger.round = number
            write = ledger.next(0.0)
            ledger.acknowledged(write, 0.0)
            keys.append(write.key)
        self.assertLessEqual(set(ledger.recent(2)), set(keys[3:]))
        self.assertLessEqual(set(ledger.sample(10)), set(ledger.all()))
