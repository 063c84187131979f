"""NAT-PMP's bytes, against the pictures of RFC 6886, and against nonsense."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from kadtwisted.nat.mapping import Grant, OuterAddress, Refused, Wish
from kadtwisted.nat.natpmp import address_request, map_request, read


class RequestTests(unittest.SynchronousTestCase):
    def test_address(self) -> None:
        self.assertEqual(address_request(), b"\0\0")

    def test_map(self) -> None:
        wish = Wish("10.0.1.2", 8000, 8001, 7200)
        self.assertEqual(map_request(wish).hex(), "000100001f401f4100001c20")

    def test_an_end_names_no_outer_port(self) -> None:
        self.assertEqual(
            map_request(Wish("10.0.1.2", 8000, 8001, 0)).hex(), "000100001f40" + "00" * 6
        )


class AnswerTests(unittest.SynchronousTestCase):
    def test_address(self) -> None:
        answer = bytes.fromhex("008000000000002ac6336407")
        self.assertEqual(read(answer, 8000), OuterAddress("198.51.100.7"))

    def test_map(self) -> None:
        answer = bytes.fromhex("008100000000002a1f401f4100000e10")
        self.assertEqual(read(answer, 8000), Grant(None, 8001, 3600))
        self.assertIsNone(read(answer, 8002))

    def test_refusals(self) -> None:
        for code, said, speaks_not in ((1, "does not speak", True), (2, "allow", False),
                                       (4, "room", False), (9, "code 9", False)):  # fmt: skip
            found = read(bytes((0, 129, 0, code, 0, 0, 0, 1)), 8000)
            assert isinstance(found, Refused)
            self.assertIn(said, found.reason)
            self.assertEqual(found.speaks_not, speaks_not)

    def test_a_late_answer_in_pcp_is_nothing(self) -> None:
        self.assertIsNone(read(bytes.fromhex("0281000100000000" + "00" * 16), 8000))

    def test_requests_and_short_ones_are_nothing(self) -> None:
        wish = map_request(Wish("10.0.1.2", 8000, 8001, 7200))
        for datagram in (b"", b"\0", wish, bytes.fromhex("0080000000000001"),
                         bytes.fromhex("00810000000000011f40")):  # fmt: skip
            self.assertIsNone(read(datagram, 8000))

    @given(st.binary(max_size=40), st.integers(0, 65535))
    def test_nonsense_is_read_without_an_error(self, datagram: bytes, port: int) -> None:
        read(datagram, port)
