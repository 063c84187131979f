"""At which holders a watch listens: near and far ones, replaced when they go."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.lookup.posts import (
    BEYOND,
    NEAREST,
    PASSED_OVER,
    POSTS,
    RENEW_AFTER,
    SHORTEST,
    SILENT,
    Posts,
)
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID

K = 20
CLOSEST = [Contact.at(NodeID(n), Endpoint(f"192.0.2.{n}", 8000)) for n in range(1, K + 1)]


class PostsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.posts = Posts(random.Random(1))

    def stand(self, closest: list[Contact] = CLOSEST, now: float = 0.0) -> list[Contact]:
        """A lookup found these, and all whom the posts ask grant five minutes."""
        self.posts.settle(closest, K, now)
        asked = self.posts.to_ask(now)
        for each in asked:
            self.assertTrue(self.posts.granted(each, 300.0, now))
        return asked

    def test_the_nearest_and_others_by_chance(self) -> None:
        chosen = [{*Posts(random.Random(seed)).settle(CLOSEST, K, 0.0)} for seed in range(3)]
        self.assertEqual(chosen, [set()] * 3)
        seen: dict[Contact, int] = {}
        for seed in range(300):
            posts = Posts(random.Random(seed))
            posts.settle(CLOSEST, K, 0.0)
            asked = posts.to_ask(0.0)
            self.assertEqual((len(asked), asked[:NEAREST]), (POSTS, CLOSEST[:NEAREST]))
            for each in asked:
                seen[each] = seen.get(each, 0) + 1
        shares = [seen[each] for each in CLOSEST[NEAREST:]]
        self.assertEqual(len(shares), K - NEAREST)
        self.assertGreater(min(shares), 300 * (POSTS - NEAREST) / (K - NEAREST) / 2)

    def test_nobody_is_asked_twice_at_the_same_time(self) -> None:
        self.posts.settle(CLOSEST, K, 0.0)
        self.assertEqual(len(self.posts.to_ask(0.0)), POSTS)
        self.assertEqual(self.posts.to_ask(0.0), [])
        self.assertIsNone(self.posts.wakes_at())

    def test_each_is_asked_again_before_its_time_is_over(self) -> None:
        asked = self.stand()
        self.assertEqual((len(self.posts), self.posts.wakes_at()), (POSTS, RENEW_AFTER * 300))
        self.assertEqual(self.posts.to_ask(RENEW_AFTER * 300 - 1), [])
        self.assertEqual(self.posts.to_ask(RENEW_AFTER * 300), asked)
        self.assertEqual(len(self.posts), POSTS, "they still tell")

    def test_a_grant_of_no_time_is_no_reason_to_hurry(self) -> None:
        self.posts.settle(CLOSEST[:1], K, 0.0)
        self.posts.to_ask(0.0)
        self.posts.granted(CLOSEST[0], 0.001, 5.0)
        self.assertEqual(self.posts.wakes_at(), 5.0 + SHORTEST)

    def test_who_is_lost_is_replaced(self) -> None:
        gone = self.stand()[0]
        self.posts.lost(gone, 1.0, refused=False)
        (other,) = self.posts.to_ask(1.0)
        self.assertNotIn(other, (gone, *CLOSEST[:NEAREST]))
        self.assertFalse(self.posts.lacks_candidates())

    def test_who_was_not_asked_grants_nothing(self) -> None:
        self.assertFalse(self.posts.granted(CLOSEST[0], 300.0, 0.0))
        self.assertEqual(len(self.posts), 0)

    def test_who_refuses_is_passed_over_for_an_hour_and_who_is_silent_for_less(self) -> None:
        for refused, seconds in ((True, PASSED_OVER), (False, SILENT)):
            self.setUp()
            self.stand(CLOSEST[:POSTS])
            self.posts.lost(CLOSEST[2], 10.0, refused=refused)
            self.posts.settle(CLOSEST[:POSTS], K, 9.0 + seconds)
            self.assertNotIn(CLOSEST[2], self.posts.to_ask(9.0 + seconds))
            self.posts.settle(CLOSEST[:POSTS], K, 10.0 + seconds)
            self.assertIn(CLOSEST[2], self.posts.to_ask(10.0 + seconds))

    def test_when_nobody_is_left_to_ask_a_lookup_is_needed(self) -> None:
        self.stand(CLOSEST[: POSTS + 1])
        self.assertFalse(self.posts.lacks_candidates())
        first, second = self.posts.all()[:2]
        self.posts.lost(first, 1.0, refused=False)
        self.assertFalse(self.posts.lacks_candidates())
        self.assertEqual(len(self.posts.to_ask(1.0)), 1)
        self.assertFalse(self.posts.lacks_candidates())
        self.posts.lost(second, 1.0, refused=False)
        self.assertEqual(self.posts.to_ask(1.0), [])
        self.assertTrue(self.posts.lacks_candidates())

    def test_some_are_drawn_from_beyond_the_k_closest(self) -> None:
        for seed in range(50):
            posts = Posts(random.Random(seed))
            posts.settle(CLOSEST, 10, 0.0)
            asked = posts.to_ask(0.0)
            self.assertEqual(len(asked), POSTS)
            self.assertEqual(len([each for each in asked if each in CLOSEST[10:]]), BEYOND)

    def test_a_new_lookup_keeps_those_that_stand_and_lets_nearer_ones_in(self) -> None:
        before = self.stand(CLOSEST[4:])
        given_up = self.posts.settle(CLOSEST, K, 1.0)
        asked = self.posts.to_ask(1.0)
        self.assertEqual(asked, CLOSEST[:4])
        self.assertEqual(len(given_up), 4)
        self.assertLess({*given_up}, {*before})
        self.assertEqual(len(self.posts.all()), POSTS)

    def test_who_is_no_holder_any_more_is_given_up(self) -> None:
        before = self.stand(CLOSEST[:8])
        given_up = self.posts.settle(CLOSEST[8:], K, 1.0)
        self.assertEqual({*given_up}, {*before})
        self.assertEqual(len(self.posts), 0)
