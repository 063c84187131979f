"""The addresses that a node binds."""

from __future__ import annotations

from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import ConfigurationError, InvalidAddress
from kadtwisted.settings import interfaces

KEY = "ab" * 32


class CheckTests(unittest.SynchronousTestCase):
    def assert_refused(self, *given: str) -> str:
        error = self.assertRaises(
            (ConfigurationError, InvalidAddress), interfaces.check_interfaces, given
        )
        self.assertNotIn("\n", str(error))
        return str(error)

    def test_addresses_of_one_link(self) -> None:
        for given in ("fe80::1%eth0", "[fe80::1%eth0]", "fe80::1"):
            error = self.assertRaises(InvalidAddress, interfaces.check_interfaces, (given,))
            self.assertIn("link-local addresses", str(error))

    def test_at_most_one_in_a_family(self) -> None:
        check = interfaces.check_interfaces
        self.assertEqual(check(["[::0]", "0.0.0.0"]), ("0.0.0.0", "::"))
        self.assertEqual(check(["::1", "0:0::1"]), ("::1",))
        self.assertIn("at most one", self.assert_refused("::1", "::2"))
        self.assertIn("needs an interface", self.assert_refused())
        self.assertIn("'eth0'", self.assert_refused("eth0"))


class FamilyTests(unittest.SynchronousTestCase):
    def towards(self, *addresses: str, ipv6: bool = True) -> tuple[str, ...]:
        with mock.patch.object(interfaces, "ipv6_works", return_value=ipv6):
            return interfaces.interfaces_towards(addresses)

    def test_follow_from_the_addresses(self) -> None:
        self.assertEqual(self.towards(), ("0.0.0.0",))
        self.assertEqual(self.towards("127.0.0.1:1"), ("0.0.0.0",))
        self.assertEqual(self.towards("[::1]:1"), ("::",))
        self.assertEqual(self.towards("host.example:1"), ("0.0.0.0", "::"))
        self.assertEqual(self.towards("[::1]:1", f"{KEY}@127.0.0.1:2"), ("0.0.0.0", "::"))

    def test_a_name_needs_no_ipv6_where_there_is_none(self) -> None:
        self.assertEqual(self.towards("host.example:1", ipv6=False), ("0.0.0.0",))
        self.assertEqual(self.towards("[::1]:1", ipv6=False), ("::",))

    def test_asks_the_system(self) -> None:
        with mock.patch.object(interfaces.socket, "socket") as made:
            self.assertTrue(interfaces.ipv6_works())
            made.return_value.__enter__.return_value.bind.assert_called_once_with(("::1", 0))
        with mock.patch.object(interfaces.socket, "socket", side_effect=OSError(97, "no family")):
            self.assertFalse(interfaces.ipv6_works())
