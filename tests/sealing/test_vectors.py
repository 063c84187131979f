"""The published vectors: every derived value from its description, every datagram both ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b, sha512
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nacl.bindings import crypto_scalarmult, crypto_secretbox
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.sealing.box import BoxSealer, network_key
from kadtwisted.sealing.forms import FORMS, Form
from kadtwisted.sealing.plain import PlainSealer

VECTORS = Path(__file__).parent.parent / "vectors" / "sealing.json"
PRIME = 2**255 - 19


def vector_of(entry: dict[str, Any]) -> SimpleNamespace:
    """One entry of the file, its hexadecimal fields as bytes."""
    fields = entry | entry["derived"]
    texts = {"form": Form[fields.pop("form")], "network_name": fields.pop("network_name")}
    del fields["derived"]
    hexadecimal = {
        name: None if value is None else bytes.fromhex(value) for name, value in fields.items()
    }
    return SimpleNamespace(**texts, **hexadecimal)


def random_from(part: bytes) -> Callable[[int], bytes]:
    """A source that gives the same 16 bytes for ever."""
    return lambda size: (part * (size // len(part) + 1))[:size]


def keyed(data: bytes, key: bytes, person: bytes, size: int = 32) -> bytes:
    return blake2b(data, digest_size=size, key=key, person=person).digest()


class VectorsTestCase(SynchronousTestCase):
    section: str

    def setUp(self) -> None:
        entries = json.loads(VECTORS.read_text("utf-8"))[self.section]
        self.vectors = [vector_of(entry) for entry in entries]

    def check_common(self) -> None:
        """What both sections have in common: every form is there, and the network keys."""
        self.assertEqual({vector.form for vector in self.vectors}, set(FORMS))
        for vector in self.vectors:
            key = network_key(vector.network_name, vector.network_secret)
            self.assertEqual(key, vector.network_key)


class Sealed(VectorsTestCase):
    section = "sealed"

    def test_forms_and_network_keys(self) -> None:
        self.check_common()

    def test_sealing(self) -> None:
        for vector in self.vectors:
            sealer = BoxSealer(
                vector.sender_seed, [vector.network_key], random_from(vector.random), 1
            )
            self.assertEqual(sealer.public_key, vector.sender_public_key)
            datagram = sealer.seal(
                vector.form, vector.body, vector.recipient_public_key, vector.token, 0
            )
            self.assertEqual(datagram.hex(), vector.datagram.hex())

    def test_opening(self) -> None:
        for vector in self.vectors:
            sealer = BoxSealer(
                vector.recipient_seed, [bytes(32), vector.network_key], random_from(b"r" * 16), 1
            )
            header = sealer.inspect(vector.datagram)
            self.assertEqual((header.form, header.network), (vector.form, 1))
            body = sealer.open(vector.datagram, header, vector.sender_public_key, False)
            self.assertEqual(body, vector.body)

    def test_the_description(self) -> None:
        """What the file's ``about`` says, step by step, without the package's code."""
        for vector in self.vectors:
            network, sender = vector.network_key, vector.sender_public_key
            recipient = vector.recipient_public_key
            if vector.form in (Form.HELLO, Form.COOKIE):
                tag_key = keyed(b"", network, b"kad/1 tag")
                person = b"kad/1 hello" if vector.form == Form.HELLO else b"kad/1 cookie"
                box_key = keyed(b"", network, person)
            else:
                y = int.from_bytes(sender, "little") % 2**255
                point = ((1 + y) * pow(1 - y, -1, PRIME) % PRIME).to_bytes(32, "little")
                shared = crypto_scalarmult(sha512(vector.recipient_seed).digest()[:32], point)
                self.assertEqual(shared, vector.shared_secret)
                tag_key = keyed(recipient, network, b"kad/1 tag")
                box_key = keyed(shared + sender + recipient, network, b"kad/1 box")
            shown = {
                Form.REQUEST: sender + vector.token,
                Form.HELLO: sender + vector.token,
                Form.HELLO_ANSWER: sender,
            }.get(vector.form, b"")
            first = bytes((0x88 | vector.form,))
            tag = keyed(first + vector.random + shown, tag_key, b"", 8)
            box = crypto_secretbox(vector.body, vector.random + tag, box_key)
            self.assertEqual((vector.tag_key, vector.tag, vector.box_key), (tag_key, tag, box_key))
            self.assertEqual(vector.datagram, first + vector.random + tag + shown + box)


class Plain(VectorsTestCase):
    section = "plain"

    def test_forms_and_network_keys(self) -> None:
        self.check_common()

    def test_wrapping(self) -> None:
        for vector in self.vectors:
            sealer = PlainSealer(vector.sender_public_key, [vector.network_key])
            datagram = sealer.seal(vector.form, vector.body, b"", vector.token, 0)
            self.assertEqual(datagram.hex(), vector.datagram.hex())

    def test_unwrapping(self) -> None:
        for vector in self.vectors:
            sealer = PlainSealer(b"R" * 32, [bytes(32), vector.network_key])
            header = sealer.inspect(vector.datagram)
            self.assertEqual((header.form, header.network), (vector.form, 1))
            body = sealer.open(vector.datagram, header, vector.sender_public_key, False)
            self.assertEqual(body, vector.body)
            self.assertEqual(vector.datagram[1:9], vector.network_tag)
