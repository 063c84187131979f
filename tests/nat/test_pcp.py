"""PCP's bytes, against the pictures of RFC 6887, and against nonsense."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from kadtwisted.nat.mapping import Grant, Refused, Wish
from kadtwisted.nat.pcp import map_request, read

NONCE = bytes(range(12))
V4 = "00" * 10 + "ffff"


def answer(result: int = 0, port: str = "1f40", nonce: bytes = NONCE) -> bytes:
    head = f"028100{result:02x}00000e100000002a" + "00" * 12
    return bytes.fromhex(head + nonce.hex() + "11000000" + port + "1f41" + V4 + "c6336407")


class RequestTests(unittest.SynchronousTestCase):
    def test_map(self) -> None:
        made = map_request(Wish("10.0.1.2", 8000, 8001, 7200), NONCE)
        head = "0201000000001c20" + V4 + "0a000102"
        self.assertEqual(made.hex(), head + NONCE.hex() + "11000000" + "1f401f41" + V4 + "00000000")
        self.assertEqual(len(made), 60)

    def test_ipv6(self) -> None:
        made = map_request(Wish("fd00::2", 8000, 8000, 1), NONCE)
        self.assertEqual(made[8:24].hex(), "fd00" + "00" * 13 + "02")
        self.assertEqual(made[44:60], bytes(16))

    def test_an_end_names_no_outer_port(self) -> None:
        made = map_request(Wish("10.0.1.2", 8000, 8001, 0), NONCE)
        self.assertEqual(made[40:44].hex(), "1f400000")


class AnswerTests(unittest.SynchronousTestCase):
    def test_map(self) -> None:
        self.assertEqual(read(answer(), 8000, NONCE), Grant("198.51.100.7", 8001, 3600))

    def test_of_somebody_else(self) -> None:
        self.assertIsNone(read(answer(nonce=bytes(12)), 8000, NONCE))
        self.assertIsNone(read(answer(port="1f42"), 8000, NONCE))

    def test_refusals(self) -> None:
        for code, said in ((2, "allow"), (8, "room"), (12, "translator"), (77, "code 77")):
            found = read(answer(code), 8000, NONCE)
            assert isinstance(found, Refused)
            self.assertIn(said, found.reason)
            self.assertFalse(found.speaks_not)

    def test_a_gateway_with_natpmp_alone(self) -> None:
        found = read(bytes.fromhex("0081000100000001"), 8000, NONCE)
        self.assertEqual(found, Refused("it does not speak PCP", speaks_not=True))
        self.assertEqual(read(answer(1), 8000, NONCE), found)

    def test_a_late_answer_in_natpmp_is_nothing(self) -> None:
        self.assertIsNone(read(bytes.fromhex("008100000000002a1f401f4100000e10"), 8000, NONCE))

    @given(st.binary(max_size=80))
    def test_nonsense_is_read_without_an_error(self, datagram: bytes) -> None:
        read(datagram, 8000, NONCE)
        read(b"\x02\x81" + datagram, 8000, NONCE)
