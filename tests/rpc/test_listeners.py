"""Who may listen, who gives way, and when a place is told again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey
from kadtwisted.rpc.listeners import (
    A_BLOCK,
    A_HOST,
    ROUND_SECONDS,
    SEVERAL,
    SWEEP_SECONDS,
    Asker,
    Listeners,
    Place,
)

KEY, OTHER = NodeID(1), NodeID(2)
PLACE: Place = (1, KEY)
V1, V2 = b"version1", b"version2"


def asker(
    number: int = 1, *, place: Place = PLACE, host: str = "192.0.2.1", port: int = 8000
) -> Asker:
    return Asker(Endpoint(host, port), b"%032d" % number, place)


def far(number: int, **how: object) -> Asker:
    """One of a /16 of its own."""
    host = f"{20 + number % 70}.{number // 70}.1.1"
    return asker(number, host=host, **how)  # type: ignore[arg-type]


class ListeningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.listeners = Listeners(8192, fair=True)

    def listen(self, who: Asker, seconds: float = 300.0, now: float = 0.0) -> float:
        return self.listeners.listen(who, V1, seconds, now)

    def test_it_lasts_five_minutes_at_most(self) -> None:
        self.assertEqual(self.listen(asker(), 4e9), 300.0)
        self.assertEqual(self.listen(asker(2), 7.0), 7.0)
        self.listeners.expire(7.0)
        self.assertEqual(len(self.listeners), 1)
        self.listeners.expire(300.0)
        self.assertEqual(len(self.listeners), 0)
        self.assertIsNone(self.listeners.audience(PLACE))

    def test_it_is_renewed_and_not_doubled(self) -> None:
        self.listen(asker())
        self.listeners.listen(asker(), V2, 300.0, 200.0)
        self.assertEqual(len(self.listeners), 1)
        (listener,) = self.listeners.audience(PLACE).listeners  # type: ignore[union-attr]
        self.assertEqual((listener.until, listener.known), (500.0, V2))

    def test_who_it_is_are_endpoint_key_and_place(self) -> None:
        others = (asker(2), asker(port=9), asker(host="192.0.2.2"), asker(place=(2, KEY)))
        for each in (asker(), *others, asker(place=(1, OTHER))):
            self.listen(each)
        self.assertEqual(len(self.listeners), 6)
        self.listeners.stop(asker())
        self.listeners.stop(asker())
        self.listeners.stop(asker(99))
        self.assertEqual(len(self.listeners), 5)

    def test_all_at_a_lost_endpoint_are_forgotten(self) -> None:
        for number in range(3):
            self.listen(asker(number))
        self.listen(asker(place=(1, OTHER)))
        self.listen(asker(port=9))
        self.assertEqual(self.listeners.lose(asker().endpoint), 4)
        self.assertEqual(self.listeners.lose(asker().endpoint), 0)
        self.assertEqual(len(self.listeners), 1)


class BoundTests(SynchronousTestCase):
    def granted(self, listeners: Listeners, askers: list[Asker], now: float = 0.0) -> int:
        return sum(listeners.listen(each, V1, 300.0, now) > 0 for each in askers)

    def places(self, count: int) -> list[Place]:
        return [(1, NodeID(number)) for number in range(count)]

    def test_there_are_at_most_so_many(self) -> None:
        listeners = Listeners(80, fair=False)
        askers = [far(n, place=place) for n, place in enumerate(self.places(200))]
        self.assertEqual(self.granted(listeners, askers), 80)
        self.assertEqual(len(listeners), 80)

    def test_an_eighth_of_them_of_one_place(self) -> None:
        listeners = Listeners(80, fair=False)
        self.assertEqual(self.granted(listeners, [far(n) for n in range(30)]), 10)
        self.assertEqual(self.granted(listeners, [far(1, place=(2, KEY))]), 1)

    def test_a_source_has_its_shares(self) -> None:
        places = self.places(5000)
        for most, askers in (
            (A_HOST, [asker(n, place=place) for n, place in enumerate(places)]),
            (
                A_BLOCK,
                [asker(n, place=p, host=f"192.0.2.{n % 250}") for n, p in enumerate(places)],
            ),
            (
                1024,
                [asker(n, place=p, host=f"30.1.{n // 20}.{n % 20}") for n, p in enumerate(places)],
            ),
            (128, [asker(n, host=f"30.1.{n // 20}.{n % 20}") for n in range(5000)]),
            (
                A_BLOCK,
                [
                    asker(n, place=p, host=f"2001:db8:1:{n % 900:x}::1")
                    for n, p in enumerate(places)
                ],
            ),
        ):
            listeners = Listeners(8192, fair=True)
            self.assertEqual(self.granted(listeners, askers), most)
            self.assertEqual(self.granted(listeners, [far(70 * 99, place=places[0])]), 1)

    def test_a_private_network_and_this_machine_have_no_shares(self) -> None:
        askers = [asker(n, place=place) for n, place in enumerate(self.places(300))]
        self.assertEqual(self.granted(Listeners(8192, fair=False), askers), 300)
        for host in ("127.0.0.1", "::1"):
            ours = [asker(n, place=p, host=host) for n, p in enumerate(self.places(300))]
            self.assertEqual(self.granted(Listeners(8192, fair=True), ours), 300)

    def test_a_site_has_shares_for_each_host(self) -> None:
        listeners = Listeners(8192, fair=True)
        askers = [
            asker(n, place=place, host=f"10.0.0.{n % 10}")
            for n, place in enumerate(self.places(3000))
        ]
        self.assertEqual(self.granted(listeners, askers), 10 * A_HOST)

    def test_where_all_is_taken_the_largest_give_way(self) -> None:
        """Eight providers hold everything; each newcomer of another one still finds a place."""
        listeners = Listeners(64, fair=True)
        crowd = [asker(n, place=(n, KEY), host=f"{30 + n % 8}.1.{n}.1") for n in range(64)]
        self.assertEqual(self.granted(listeners, crowd), 64)
        honest = [far(n, place=(100 + n, KEY)) for n in range(14)]
        self.assertEqual(self.granted(listeners, honest), 14)
        self.assertEqual(len(listeners), 64)
        self.assertEqual(self.granted(listeners, honest, now=100.0), 14)
        self.assertIsNone(listeners.audience((0, KEY)), "the first that came were not renewed")

    def test_the_same_at_one_place(self) -> None:
        listeners = Listeners(128, fair=True)
        crowd = [asker(n, host=f"{30 + n % 8}.1.{n}.1") for n in range(16)]
        self.assertEqual(self.granted(listeners, crowd), 16)
        self.assertEqual(self.granted(listeners, [far(n) for n in range(5)]), 5)
        self.assertEqual(len(listeners.audience(PLACE).listeners), 16)  # type: ignore[union-attr]

    def test_who_has_as_many_gets_nothing(self) -> None:
        listeners = Listeners(64, fair=True)
        everybody = [far(n, place=(n, KEY)) for n in range(64)]
        self.assertEqual(self.granted(listeners, everybody), 64)
        self.assertEqual(self.granted(listeners, [far(65, place=(65, KEY))]), 0)

    def test_those_whose_time_is_over_make_room(self) -> None:
        listeners = Listeners(64, fair=True)
        everybody = [far(n, place=(n, KEY)) for n in range(64)]
        self.granted(listeners, everybody)
        late = [far(n, place=(n, KEY)) for n in range(100, 110)]
        self.assertEqual(self.granted(listeners, late, now=299.0), 0)
        self.assertEqual(self.granted(listeners, late, now=299.0 + SWEEP_SECONDS), 10)
        self.assertEqual(len(listeners), 10)

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 5))))
    def test_whatever_happens_the_books_are_right(self, steps: list[tuple[int, int, int]]) -> None:
        """Against a plain count: after all have gone, nothing is left anywhere."""
        listeners = Listeners(16, fair=True)
        for now, (what, number, place) in enumerate(steps):
            who = asker(number, place=(place, KEY), host=f"{30 + number % 3}.1.1.{number % 9}")
            if what == 0:
                listeners.stop(who)
            elif what == 1:
                listeners.lose(who.endpoint)
            else:
                listeners.listen(who, V1, 20.0, float(now))
            audiences = [listeners.audience((each, KEY)) for each in range(6)]
            held = [e for audience in audiences if audience for e in audience.listeners]
            self.assertEqual(len(held), len(listeners))
            self.assertLessEqual(len(held), 16)
        listeners.expire(1e9)
        left = [value for value in vars(listeners).values() if isinstance(value, dict)]
        self.assertFalse(any(left), left)
        fresh = vars(Listeners(16, fair=True)._crowd)
        self.assertEqual(vars(listeners._crowd), fresh)


class RoundTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.listeners = Listeners(64, fair=True)
        self.listeners.listen(asker(), V1, 300.0, 0.0)

    def changed(self, sub: bytes = b"", now: float = 0.0, key: NodeID = KEY) -> float | None:
        return self.listeners.changed(StorageKey(1, key, sub), now)

    def test_where_nobody_listens_there_is_nothing_to_do(self) -> None:
        self.assertIsNone(self.changed(key=OTHER))
        self.assertEqual(self.listeners.begin_round((1, OTHER), 0.0), [])

    def test_the_first_change_begins_a_round_at_once(self) -> None:
        self.assertEqual(self.changed(now=5.0), 5.0)
        self.assertIsNone(self.changed(now=5.1))
        self.assertEqual(self.listeners.begin_round(PLACE, 5.2), [b""])
        self.assertEqual(self.listeners.begin_round(PLACE, 5.2), [])

    def test_the_next_round_comes_a_second_later(self) -> None:
        self.changed(now=5.0)
        self.listeners.begin_round(PLACE, 5.0)
        self.assertEqual(self.changed(now=5.3), 5.0 + ROUND_SECONDS)
        self.assertIsNone(self.changed(now=5.9))
        self.listeners.begin_round(PLACE, 6.0)
        self.assertEqual(self.changed(now=60.0), 60.0)

    def test_which_of_many_has_changed_is_remembered_up_to_a_bound(self) -> None:
        self.changed(b"a")
        self.changed(b"a")
        self.assertEqual(self.listeners.begin_round(PLACE, 0.0), [b"a"])
        for number in range(50):
            self.changed(b"%d" % number)
        self.assertEqual(len(self.listeners.begin_round(PLACE, 1.0)), SEVERAL)
