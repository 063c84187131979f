"""The attackers' datagrams are those of the vectors, and broken ones open nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.identity.keys import NodeKey
from kadtwisted.testing.attacks.datagrams import (
    HELLO,
    REPLY,
    SHOW_KEY,
    Identity,
    Plain,
    Sealed,
    contacts_of,
    identities_near,
    network_key,
    node_id_of,
    packed,
    value_record,
    version_of,
)

VECTORS = Path(__file__).parents[2] / "vectors"
FORMS = ("REQUEST", "REPLY", "HELLO", "HELLO_ANSWER", "COOKIE")


def constant(random: bytes) -> Callable[[int], bytes]:
    return lambda size: random[:size]


class DatagramTests(SynchronousTestCase):
    def setUp(self) -> None:
        told = json.loads((VECTORS / "sealing.json").read_text())
        self.sealed, self.plain = told["sealed"], told["plain"]

    def test_vectors(self) -> None:
        """What the page's vectors say is made, and is opened again by whom it is for."""
        for kind, vectors in ((Sealed, self.sealed), (Plain, self.plain)):
            for vector in vectors:
                raw = {n: bytes.fromhex(v) for n, v in vector.items() if is_hex(v)}
                number = FORMS.index(vector["form"])
                seed = raw.get("sender_seed", b"")
                sender = Identity.of(seed) if seed else Identity(raw["sender_public_key"])
                recipient = Identity.of(raw.get("recipient_seed", bytes(32)))
                network = network_key(vector["network_name"], raw.get("network_secret", b""))
                random, token = constant(raw.get("random", b"")), raw["token"]
                made = kind(sender, network, random).seal(
                    number, raw["body"], recipient.public, token
                )
                self.assertEqual(made.hex(), vector["datagram"])
                opened = kind(recipient, network, random).open(made, [sender.public])
                assert opened is not None
                self.assertEqual((opened.form, opened.body), (number, raw["body"]))
                if number in SHOW_KEY:
                    self.assertEqual(opened.key, sender.public)

    def test_others_open_nothing(self) -> None:
        one, other = (Identity.of(bytes([each]) * 32) for each in (1, 2))
        made = Sealed(one, network_key(), bytes).seal(REPLY, b"body", other.public)
        self.assertIsNotNone(Sealed(other, network_key(), bytes).open(made, [one.public]))
        self.assertIsNone(Sealed(other, network_key(), bytes).open(made, [other.public]))
        self.assertIsNone(Sealed(other, network_key("dak"), bytes).open(made, [one.public]))
        self.assertIsNone(Sealed(one, network_key(), bytes).open(made, [one.public]))
        for changed in (b"", made[:40], made[:-1], b"d" + made[1:]):
            self.assertIsNone(Sealed(other, network_key(), bytes).open(changed, [one.public]))
        plain = Plain(one, network_key(), bytes)
        self.assertIsNone(plain.open(b"\x9f" + plain.seal(HELLO, b"")[1:]))
        self.assertIsNone(plain.open(Plain(one, network_key("dak"), bytes).seal(HELLO, b"")))


class PartTests(SynchronousTestCase):
    def test_ids(self) -> None:
        key = NodeKey.from_seed(bytes(32))
        self.assertEqual(Identity.of(bytes(32)).public, key.public_key)
        self.assertEqual(node_id_of(key.public_key), key.node_id)

    def test_near_a_target(self) -> None:
        drawn = iter(range(100))
        found = identities_near(0, 3, 100, lambda size: next(drawn).to_bytes(size, "big"))
        everybody = sorted(node_id_of(each.to_bytes(32, "big")) for each in range(100))
        self.assertEqual([each.node_id for each in found], everybody[:3])

    def test_contacts(self) -> None:
        told = [(bytes([n]) * 32, (f"192.0.2.{n}", 8000 + n)) for n in (1, 2)]
        data = b"".join(key + packed(address) for key, address in told)
        self.assertEqual(contacts_of(data), told)
        six = (bytes(32), ("2001:db8::1", 1))
        self.assertEqual(contacts_of(six[0] + packed(six[1]), 16), [six])

    def test_records(self) -> None:
        for each in json.loads((VECTORS / "records.json").read_text())["records"]:
            record = bytes.fromhex(each["record"])
            text = None if record[29] else record[30:]
            published = int.from_bytes(record[21:29], "big")
            self.assertEqual(value_record(record[1:21], published, text), record)
            self.assertEqual(version_of(record).hex(), each["version"])


def is_hex(value: object) -> bool:
    return isinstance(value, str) and not set(value) - set("0123456789abcdef")
