"""When this machine is somewhere else."""

from __future__ import annotations

from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.upkeep.addresses import (
    A_SLEEP,
    FIRST_PAUSE,
    LAST_PAUSE,
    LOOK_EVERY,
    LOOK_WHILE_GONE,
    LOOKS,
    OwnAddress,
    Whereabouts,
)

HOME = Whereabouts("192.168.1.7", "192.168.1.1 by wlan0")
CAFE = Whereabouts("10.9.0.3", "10.9.0.1 by wlan0")
NOWHERE = Whereabouts(None)


class OwnAddressTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.own = OwnAddress()
        self.now = 100.0

    def looks(self, *seen: Whereabouts) -> list[str]:
        """What these looks show, one each five seconds, in the words of changes."""
        found = []
        for each in seen:
            found.append(self.own.looked(each, self.now).name)
            self.now += LOOK_EVERY
        return found

    def test_the_first_address_is_no_change(self) -> None:
        self.assertEqual(self.looks(HOME, HOME), ["NONE", "NONE"])

    def test_another_address(self) -> None:
        self.assertEqual(self.looks(HOME, CAFE, CAFE), ["NONE", "MOVED", "NONE"])
        self.assertEqual(self.own.here, CAFE)

    def test_the_same_address_behind_another_gateway_or_interface(self) -> None:
        for way in ("192.168.1.254 by wlan0", "192.168.1.1 by eth0"):
            self.own = OwnAddress()
            self.assertEqual(self.looks(HOME, HOME._replace(way=way)), ["NONE", "MOVED"])

    def test_a_way_that_is_not_told_is_no_change(self) -> None:
        untold = HOME._replace(way="")
        self.assertEqual(self.looks(HOME, untold, HOME), ["NONE"] * 3)

    def test_one_look_without_an_address_is_forgiven(self) -> None:
        self.assertEqual(self.looks(HOME, NOWHERE, HOME), ["NONE"] * 3)
        self.assertFalse(self.own.is_gone)

    def test_gone_and_back(self) -> None:
        shown = self.looks(HOME, *[NOWHERE] * (LOOKS + 2), HOME, HOME)
        self.assertEqual(shown, ["NONE", "NONE", "GONE", "NONE", "NONE", "MOVED", "NONE"])
        self.assertEqual(self.own.gone_at, 105.0)

    def test_an_address_that_comes_late_is_a_move(self) -> None:
        self.assertEqual(self.looks(NOWHERE, NOWHERE, HOME), ["NONE", "GONE", "MOVED"])

    def test_who_slept_has_moved(self) -> None:
        self.looks(HOME)
        self.now += A_SLEEP
        self.assertEqual(self.looks(HOME, HOME), ["MOVED", "NONE"])

    def test_a_late_look_is_no_sleep(self) -> None:
        self.looks(HOME)
        self.now += A_SLEEP - LOOK_EVERY - 1
        self.assertEqual(self.looks(HOME), ["NONE"])

    def test_another_direction_begins_anew(self) -> None:
        self.looks(HOME)
        self.own.look_elsewhere()
        self.assertEqual(self.looks(CAFE, HOME), ["NONE", "MOVED"])

    def test_looks_are_frequent_while_something_is_wrong(self) -> None:
        self.assertEqual(self.own.pause, LOOK_EVERY)
        self.looks(HOME, NOWHERE)
        self.assertEqual(self.own.pause, LOOK_WHILE_GONE)
        self.looks(HOME)
        self.assertEqual(self.own.pause, LOOK_EVERY)


class AskingAgainTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.own = OwnAddress()
        self.own.looked(HOME, 0.0)

    def asked(self, until: float) -> list[float]:
        """When others are asked again, while none answers."""
        moments = [each / 2 for each in range(20, int(2 * until))]
        return [each for each in moments if self.own.ask_again(False, each)]

    def test_nobody_is_asked_again_without_a_move(self) -> None:
        self.assertEqual(self.asked(100.0), [])

    def test_later_and_later(self) -> None:
        self.own.looked(CAFE, 10.0)
        asked = self.asked(200.0)
        self.assertEqual(asked[:4], [12.0, 16.0, 24.0, 40.0])
        gaps = {later - sooner for sooner, later in pairwise(asked[3:])}
        self.assertEqual(gaps, {LAST_PAUSE})
        self.assertEqual(self.own.pause, LOOK_WHILE_GONE)

    def test_until_somebody_answers(self) -> None:
        self.own.looked(CAFE, 10.0)
        self.assertFalse(self.own.ask_again(True, 10.0 + FIRST_PAUSE))
        self.assertEqual(self.asked(100.0), [])
        self.assertEqual(self.own.pause, LOOK_EVERY)

    def test_not_without_an_address(self) -> None:
        self.own.looked(CAFE, 10.0)
        for number in range(LOOKS):
            self.own.looked(NOWHERE, 11.0 + number)
        self.assertEqual(self.asked(100.0), [])
