"""Shows that ``docs/protocol.md`` suffices: a second node's few lines, written from it alone.

:class:`Page` reads the page's tables and the hexadecimal blocks of its worked example.  The
functions below it derive keys and open datagrams as the page says, with nothing but BLAKE2b, SHA,
libsodium's primitives and a CBOR library.  Only the last two cases look at the program: its numbers
are those of the page's tables, and it makes and reads just the example's bytes.  So neither page
nor program can change alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from enum import IntEnum
from hashlib import blake2b, sha1, sha512
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from cbor2 import dumps, loads
from nacl.bindings import (
    crypto_scalarmult,
    crypto_secretbox,
    crypto_secretbox_open,
    crypto_sign,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import CryptoError
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted import constants
from kadtwisted.dialects.native import native_dialect
from kadtwisted.errors import InvalidRecord, InvalidReference
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import ErrorCode, FindNode, Method, Ping, Request
from kadtwisted.model.record import Kind
from kadtwisted.model.reference import Reference, parse_reference, reference_of
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.records import value
from kadtwisted.records.announcement import announcements
from kadtwisted.records.kinds import MUTABLE, NATIVE_KINDS, VALUE
from kadtwisted.records.version import version_of
from kadtwisted.sealing.forms import SEALED_MARK, Form

PAGE = Path(__file__).parent.parent / "docs" / "protocol.md"
VECTORS = Path(__file__).parent / "vectors"
FORMS = ("REQUEST", "REPLY", "HELLO", "HELLO_ANSWER", "COOKIE")
HELLO_KEYS = {"HELLO": b"kad/1 hello", "COOKIE": b"kad/1 cookie"}
STEPS = (
    ("hello", "HELLO", "A", "B"),
    ("answer", "HELLO_ANSWER", "B", "A"),
    ("request", "REQUEST", "A", "B"),
    ("reply", "REPLY", "B", "A"),
)
"""The datagrams of the worked example: name, form, sender, recipient."""


# --- The page --------------------------------------------------------------------------------


class Page:
    """The tables of the page, and the named byte strings of its worked example."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        example = text.partition("\n## Worked example\n")[2]
        blocks = re.findall(r"^```text\n(.*?)^```", example, re.MULTILINE | re.DOTALL)
        self.values: dict[str, bytes] = {}
        for name, digits in re.findall(r"^([a-zA-Z0-9 ]+):([0-9a-f\s]+)$", "".join(blocks), re.M):
            if name in self.values:
                raise ValueError(f"the example gives {name!r} twice")
            self.values[name] = bytes.fromhex(digits)

    def __getitem__(self, name: str) -> bytes:
        return self.values[name]

    def table(self, *head: str) -> list[list[str]]:
        """The rows of the one table whose head starts with these cells."""
        starts = [n for n, line in enumerate(self._lines) if cells(line)[: len(head)] == [*head]]
        if len(starts) != 1:
            raise ValueError(f"{len(starts)} tables have the head {head}")
        rows = []
        for line in self._lines[starts[0] + 2 :]:
            if not line.startswith("|"):
                break
            rows.append(cells(line))
        return rows


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []


# --- A second node, as the page describes it -------------------------------------------------


def blake(size: int, data: bytes, key: bytes = b"", person: bytes = b"") -> bytes:
    return blake2b(data, digest_size=size // 8, key=key, person=person).digest()


def network_key(name: str, secret: bytes = b"") -> bytes:
    digest = blake(256, name.encode(), person=b"kad/1 name")
    return blake(256, digest + secret, person=b"kad/1 network")


def public_key(seed: bytes) -> bytes:
    return crypto_sign_seed_keypair(seed)[0]


def agree(seed: bytes, other: bytes) -> bytes:
    """X25519 with the holder of the Ed25519 key ``other``."""
    prime = 2**255 - 19
    y = int.from_bytes(other, "little") & (2**255 - 1)
    u = (1 + y) * pow(1 - y, -1, prime) % prime
    return crypto_scalarmult(sha512(seed).digest()[:32], u.to_bytes(32, "little"))


def tag_key_of(network: bytes, form: str, recipient: bytes) -> bytes:
    return blake(256, b"" if form in HELLO_KEYS else recipient, network, b"kad/1 tag")


def box_key_of(network: bytes, form: str, secret: bytes, sender: bytes, recipient: bytes) -> bytes:
    if form in HELLO_KEYS:
        return blake(256, b"", network, HELLO_KEYS[form])
    return blake(256, secret + sender + recipient, network, b"kad/1 box")


class Opened:
    """A datagram taken apart by its recipient, the holder of ``seed``.

    ``expected`` is the sender's key where the form does not show it.
    """

    def __init__(self, datagram: bytes, network: bytes, seed: bytes, expected: bytes = b"") -> None:
        self.form = form = FORMS[datagram[0] - 0x88]
        self.random, self.tag = datagram[1:17], datagram[17:25]
        shows_key = form in ("REQUEST", "HELLO", "HELLO_ANSWER")
        shows_token = form in ("REQUEST", "HELLO")
        end = 25 + 32 * shows_key + 8 * shows_token
        self.key = datagram[25:57] if shows_key else expected
        self.token = datagram[57:65] if shows_token else b""
        me = public_key(seed)
        self.tag_key = tag_key_of(network, form, me)
        covered = datagram[:17] + datagram[25:end]
        if blake(64, covered, self.tag_key) != self.tag:
            raise ValueError("wrong tag")
        self.box_key = box_key_of(network, form, agree(seed, self.key), self.key, me)
        self.body = crypto_secretbox_open(datagram[end:], datagram[1:25], self.box_key)
        self.overhead = len(datagram) - len(self.body)
        self.items = loads(self.body)


def bitmap(*numbers: int) -> bytes:
    """The bitmap of some numbers, as PONG has them."""
    bits = sum(1 << 255 - number for number in numbers)
    return bits.to_bytes(32, "big").rstrip(b"\0")


def numbers(packed: bytes) -> list[int]:
    """The numbers in a bitmap."""
    return [i for i in range(8 * len(packed)) if packed[i // 8] & 0x80 >> i % 8]


def contacts(four: bytes, six: bytes) -> list[tuple[bytes, str, int]]:
    """Key, address and port of each contact in a list, IPv4 first."""
    found = []
    for packed, size in ((four, 38), (six, 50)):
        for at in range(0, len(packed), size):
            each = packed[at : at + size]
            found.append(
                (each[:32], str(ip_address(each[32:-2])), int.from_bytes(each[-2:], "big"))
            )
    return found


def floor(record: bytes) -> tuple[int, bytes]:
    """What a holder remembers of a Value: another one is taken only if its own is not lower."""
    return int.from_bytes(record[21:29], "big"), blake(256, record)


def seal(form: str, body: bytes, random: bytes, shown: bytes, keys: tuple[bytes, bytes]) -> bytes:
    """A datagram; ``keys`` are those of tag and box."""
    first = bytes([0x88 + FORMS.index(form)])
    tag = blake(64, first + random + shown, keys[0])
    return first + random + tag + shown + crypto_secretbox(body, random + tag, keys[1])


# --- The tests -------------------------------------------------------------------------------


class DocumentTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.page = Page(PAGE.read_text("utf-8"))
        self.seeds = {who: self.page[f"seed of {who}"] for who in "AB"}
        self.keys = {who: public_key(seed) for who, seed in self.seeds.items()}

    def opened(self, name: str) -> Opened:
        _, form, sender, recipient = next(step for step in STEPS if step[0] == name)
        expected = self.keys[sender] if form == "REPLY" else b""
        seed = self.seeds[recipient]
        return Opened(self.page[f"{name} datagram"], network_key("kad"), seed, expected)


class WorkedExample(DocumentTestCase):
    """Every byte string of the example follows from the ones before it."""

    def test_keys_and_ids(self) -> None:
        for who in "AB":
            self.assertEqual(self.page[f"public key of {who}"], self.keys[who])
            node_id = blake(160, self.keys[who], person=b"kad/1 node id")
            self.assertEqual(self.page[f"node ID of {who}"], node_id)
        self.assertEqual(self.page["network key"], network_key("kad"))
        secret = self.page["X25519 secret of A and B"]
        self.assertEqual(secret, agree(self.seeds["A"], self.keys["B"]))
        self.assertEqual(secret, agree(self.seeds["B"], self.keys["A"]))

    def test_every_datagram_opens(self) -> None:
        for name, form, sender, _ in STEPS:
            opened = self.opened(name)
            self.assertEqual((opened.form, opened.key), (form, self.keys[sender]))
            for part in ("random", "tag_key", "tag", "box_key", "body"):
                told = self.page[f"{name} {part.replace('_', ' ')}"]
                self.assertEqual(getattr(opened, part), told, f"{name} {part}")

    def test_every_datagram_can_be_made(self) -> None:
        for name, form, _, _ in STEPS:
            opened = self.opened(name)
            shown = b"" if form == "REPLY" else opened.key + opened.token
            made = seal(form, opened.body, opened.random, shown, (opened.tag_key, opened.box_key))
            self.assertEqual(made.hex(), self.page[f"{name} datagram"].hex())
            self.assertEqual(dumps(opened.items), opened.body)

    def test_a_changed_bit_anywhere_is_refused(self) -> None:
        datagram = self.page["request datagram"]
        for at in range(1, len(datagram)):
            changed = datagram[:at] + bytes([datagram[at] ^ 1]) + datagram[at + 1 :]
            with self.assertRaises((ValueError, CryptoError)):
                Opened(changed, network_key("kad"), self.seeds["B"])

    def test_the_tag_binds_the_header_to_the_box(self) -> None:
        """Whoever knows the network key can compute the tag of another header, but not its box."""
        opened, datagram = self.opened("request"), self.page["request datagram"]
        header = datagram[:17] + opened.key + bytes(8)
        tag = blake(64, header, opened.tag_key)
        forged = header[:17] + tag + header[17:] + datagram[65:]
        with self.assertRaises(CryptoError):
            Opened(forged, network_key("kad"), self.seeds["B"])

    def test_other_networks_and_recipients_are_refused(self) -> None:
        datagram = self.page["request datagram"]
        for network, who in ((network_key("dak"), "B"), (network_key("kad"), "A")):
            with self.assertRaises(ValueError):
                Opened(datagram, network, self.seeds[who])

    def test_hello(self) -> None:
        hello, answer = self.opened("hello"), self.opened("answer")
        transaction_id = hello.items[1]
        self.assertEqual(hello.token, bytes(8))
        self.assertEqual(len(self.page["hello datagram"]), 216)
        padding = (1_700_000_000).to_bytes(8, "big") + bytes(112)
        self.assertEqual(hello.items, [1, transaction_id, 0, padding, b""])
        self.assertEqual(len(self.page["answer datagram"]), 120)
        observed = bytes([198, 51, 100, 7]) + (50000).to_bytes(2, "big")
        token = self.opened("request").token
        pong = [-1, transaction_id, token, observed, b"\x01", 0, 1_700_000_000, None]
        own = bytes([203, 0, 113, 9]) + (8000).to_bytes(2, "big")
        self.assertEqual(answer.items, [*pong, bitmap(1, 2, 3, 4, 5), bitmap(1), own])

    def test_find_value(self) -> None:
        request, reply = self.opened("request"), self.opened("reply")
        transaction_id, key = request.items[1], self.page["key"]
        self.assertEqual(request.items, [3, transaction_id, 0, b"", key, 1, b"", b"", 0])
        contact = public_key(bytes(32)) + bytes([192, 0, 2, 1]) + (4001).to_bytes(2, "big")
        found = [[self.page["record"], 86400]]
        self.assertEqual(reply.items[:2], [-3, transaction_id])
        self.assertEqual(reply.items[4:], [found, b"", contact, b"", False])

    def test_the_record(self) -> None:
        record = self.page["record"]
        self.assertEqual(self.page["key"], sha1(b"greeting").digest())
        published = int.from_bytes(record[21:29], "big")
        self.assertEqual((record[0], published, record[29]), (1, 1_700_000_000_000_000, 0))
        self.assertEqual((record[1:21], record[30:]), (self.page["key"], b"5:hello"))
        self.assertEqual(self.page["hash"], blake(256, record))
        self.assertEqual(self.page["version"], blake(64, record, person=b"kad/1 version"))


class Tables(DocumentTestCase):
    """What the page's tables say is what the program does."""

    def check_enum(self, enum: type[IntEnum], rows: list[list[str]]) -> None:
        self.assertEqual({int(row[0]): row[1] for row in rows}, {m.value: m.name for m in enum})

    def test_methods_errors_and_kinds(self) -> None:
        self.check_enum(Method, self.page.table("number", "method"))
        self.check_enum(ErrorCode, self.page.table("code", "error"))
        self.check_enum(Kind, self.page.table("kind", "record"))

    def test_forms(self) -> None:
        rows = self.page.table("form", "name")
        self.check_enum(Form, rows)
        for row in rows:
            self.assertEqual(bytes.fromhex(row[2]), bytes([SEALED_MARK | int(row[0])]))
        told = {row[1]: int(row[4]) for row in rows}
        for name, form, _, _ in STEPS:
            self.assertEqual(self.opened(name).overhead, told[form])

    def test_numbers(self) -> None:
        defaults = Parameters()
        rows = self.page.table("name", "value")
        self.assertGreater(len(rows), 10)
        for name, told, _ in rows:
            actual = getattr(defaults, name, None) or getattr(constants, name.upper())
            self.assertEqual(float(told), actual, name)


class VectorTests(DocumentTestCase):
    """The published vectors, read by the page alone."""

    def vectors(self, body: str) -> Iterator[tuple[list[Any], dict[str, Any]]]:
        """The items of each message of this sort, and what it says."""
        published = json.loads((VECTORS / "messages.json").read_text("utf-8"))
        for each in published["messages"] + published["from_newer_programs"]:
            if each["inputs"]["body"] == body:
                yield loads(bytes.fromhex(each["encoded"])), each["inputs"]

    def test_hellos_name_their_recipient_and_show_a_clock(self) -> None:
        hellos = [e for e in self.vectors("Ping") if e[1]["recipient"] is not None]
        self.assertGreaterEqual(len(hellos), 2)
        for items, inputs in hellos:
            self.assertIn(len(items[4]), (0, 32))
            self.assertEqual(items[4].hex(), inputs["recipient"])
            self.assertEqual(int.from_bytes(items[3][:8], "big"), inputs["time"])
            self.assertEqual(items[3][8:].strip(b"\0"), b"")

    def test_pongs_tell_methods_and_kinds(self) -> None:
        pongs = list(self.vectors("Pong"))
        spoken = {1 in items[4] for items, _ in pongs}
        self.assertEqual(spoken, {True, False}, "some are of versions that we do not speak")
        usual = [items for items, _ in pongs if len(items) == 11 and items[8] == b"\x7c"]
        self.assertGreater(len(usual), 2)
        for items in usual:
            self.assertEqual((numbers(items[8]), numbers(items[9])), ([1, 2, 3, 4, 5], [1]))
        for items, inputs in pongs:
            for at, name in ((8, "methods"), (9, "kinds")):
                told = items[at] if len(items) > at else b""
                self.assertEqual(told.hex(), inputs[name])
                self.assertEqual(bitmap(*numbers(told)), told.rstrip(b"\0"))

    def test_an_unknown_kind_names_contacts(self) -> None:
        codes = {row[1]: int(row[0]) for row in self.page.table("code", "error")}
        told = [e for e in self.vectors("Error") if e[0][4] == codes["UNKNOWN_KIND"]]
        self.assertEqual({bool(inputs["contacts"]) for _, inputs in told}, {True, False})
        for items, inputs in told:
            named = contacts(*items[7:9]) if len(items) > 8 else []
            expected = [(bytes.fromhex(e["key"]), *e["endpoint"]) for e in inputs["contacts"]]
            self.assertEqual(named, expected)

    def test_listeners_say_what_for_and_how_long(self) -> None:
        asked = list(self.vectors("Listen"))
        self.assertGreaterEqual(len(asked), 3)
        limit = next(int(row[1]) for row in self.page.table("name", "value") if "listen" in row[0])
        for items, inputs in asked:
            self.assertEqual((items[4].hex(), items[5]), (inputs["key"], inputs["kind"]))
            self.assertIn(len(items[6]), (0, 8))
            self.assertEqual(items[6].hex(), inputs["known_version"])
            self.assertEqual(items[7], inputs["seconds"])
            self.assertLessEqual(inputs["seconds"], limit)
        for items, inputs in self.vectors("Listening"):
            self.assertEqual((items[4], items[5].hex()), (inputs["seconds"], inputs["version"]))

    def test_a_change_has_a_record_or_names_it_or_says_that_there_are_several(self) -> None:
        told = list(self.vectors("Changed"))
        shapes = {(bool(items[6]), bool(items[7])) for items, _ in told}
        self.assertEqual(shapes, {(True, True), (True, False), (False, False)})
        for items, inputs in told:
            self.assertEqual((items[4].hex(), items[5]), (inputs["key"], inputs["kind"]))
            self.assertEqual(
                (items[6].hex(), items[7].hex()), (inputs["version"], inputs["record"])
            )
            self.assertEqual(items[8], inputs["remaining"])
        answers = [(items[0], items[4]) for items, _ in self.vectors("Noted")]
        self.assertEqual({*answers}, {(-10, True), (-10, False)})

    def test_a_floor_keeps_out_what_loses(self) -> None:
        orders = json.loads((VECTORS / "records.json").read_text("utf-8"))["orders"]
        for order in orders:
            records = [bytes.fromhex(each) for each in order["ascending"]]
            for older, newer in pairwise(records):
                self.assertLess(floor(older), floor(newer))
                self.assertFalse(VALUE.holds_against(older, VALUE.floor(newer)))
                self.assertTrue(VALUE.holds_against(newer, VALUE.floor(older)))
                self.assertTrue(VALUE.holds_against(newer, VALUE.floor(newer)))


class SignedVectors(SynchronousTestCase):
    """Records of kinds 2 and 3, made and checked by the page alone, and then by the program."""

    published: ClassVar[dict[str, Any]] = json.loads((VECTORS / "signed.json").read_text("utf-8"))

    def test_immutables_are_made_as_the_page_says(self) -> None:
        for each in self.published["immutables"]:
            v = bytes.fromhex(each["v"])
            record = b"\2" + v
            self.assertEqual(record.hex(), each["record"], each["about"])
            self.assertEqual(sha1(v).hexdigest(), each["key"])
            self.assertEqual(blake(64, record, person=b"kad/1 version").hex(), each["version"])

    def test_mutables_are_made_as_the_page_says(self) -> None:
        for each in self.published["mutables"]:
            key, salt, v = (bytes.fromhex(each[name]) for name in ("public_key", "salt", "v"))
            salted = b"4:salt%d:%b" % (len(salt), salt) if salt else b""
            signed = b"%b3:seqi%de1:v%b" % (salted, each["seq"], v)
            self.assertEqual(signed.hex(), each["signed"], each["about"])
            signature = bytes.fromhex(each["signature"])
            if each["seed"] is not None:
                made, secret = crypto_sign_seed_keypair(bytes.fromhex(each["seed"]))
                self.assertEqual((made, crypto_sign(signed, secret)[:64]), (key, signature))
            record = b"\3" + key + each["seq"].to_bytes(8, "big") + signature
            record += bytes([len(salt)]) + salt + v
            self.assertEqual(record.hex(), each["record"])
            self.assertEqual(sha1(key + salt).hexdigest(), each["key"])
            self.assertEqual(blake(64, record, person=b"kad/1 version").hex(), each["version"])
            self.assertEqual(v == b"de", each["deleted"])

    def test_the_program_reads_them(self) -> None:
        for name in ("immutables", "mutables"):
            for each in self.published[name]:
                record = bytes.fromhex(each["record"])
                rules, where = NATIVE_KINDS.identify(record)
                told = rules.decode(record)
                self.assertEqual((f"{where.key:040x}", where.sub), (each["key"], b""))
                self.assertEqual(told.v.hex(), each["v"])
                self.assertEqual(told.facts().get("seq"), each.get("seq"))
                self.assertEqual(str(reference_of(told)), each["reference"])
                self.assertEqual(parse_reference(each["reference"]).key, where.key)

    def test_what_is_invalid_is_refused(self) -> None:
        for each in self.published["invalid"]:
            record = bytes.fromhex(each["record"])
            error = self.assertRaises(InvalidRecord, NATIVE_KINDS.identify, record)
            self.assertEqual(error.reason, each["reason"], each["about"])

    def test_which_wins(self) -> None:
        for order in self.published["orders"]:
            records = [bytes.fromhex(each) for each in order["ascending"]]
            for older, newer in pairwise(records):
                by_page = [(int.from_bytes(e[33:41], "big"), blake(256, e)) for e in (older, newer)]
                self.assertLess(*by_page)
                self.assertTrue(MUTABLE.supersedes(newer, older))
                self.assertFalse(MUTABLE.holds_against(older, MUTABLE.floor(newer)))

    def test_references(self) -> None:
        for each in self.published["references"]:
            name, salt = bytes.fromhex(each["name"]), bytes.fromhex(each["salt"])
            self.assertEqual(str(Reference(each["kind"], name, salt)), each["text"])
        for text in self.published["mistyped"]:
            self.assertRaises(InvalidReference, parse_reference, text)


class AnnouncementVectors(SynchronousTestCase):
    """Announcements, made and checked by the page alone, and then by the program."""

    published: ClassVar[dict[str, Any]] = json.loads(
        (VECTORS / "announcements.json").read_text("utf-8")
    )

    def test_they_are_made_as_the_page_says(self) -> None:
        for each in self.published["announcements"]:
            seed = bytes.fromhex(each["seed"])
            flags = (each["family"] == 6) + 2 * each["own_port"]
            told = b"\4" + bytes.fromhex(each["key"]) + public_key(seed)
            told += each["sequence"].to_bytes(8, "big") + each["lifetime"].to_bytes(2, "big")
            told += bytes([flags])
            if each["lifetime"]:
                told += ip_address(each["address"]).packed + each["port"].to_bytes(2, "big")
                told += bytes.fromhex(each["attributes"])
            name = blake(256, each["network"].encode(), person=b"kad/1 name")
            signed = b"kad/1 announcement" + name + told
            self.assertEqual(signed.hex(), each["signed"])
            signature = crypto_sign(signed, crypto_sign_seed_keypair(seed)[1])[:64]
            self.assertEqual((told + signature).hex(), each["record"], each["about"])
            version = blake(64, told + signature, person=b"kad/1 version")
            self.assertEqual(version.hex(), each["version"])

    def test_the_program_reads_them(self) -> None:
        for each in self.published["announcements"]:
            record = bytes.fromhex(each["record"])
            kind = announcements(each["network"], bytes(32))
            place, told = kind.identify(record), kind.decode(record)
            family = b"\1" if each["family"] == 6 else b"\0"
            self.assertEqual(place.sub, public_key(bytes.fromhex(each["seed"])) + family)
            at = None if each["address"] is None else (each["address"], each["port"])
            self.assertEqual((told.sequence, told.endpoint), (each["sequence"], at))
            self.assertEqual((told.lifetime, told.own_port), (each["lifetime"], each["own_port"]))
            self.assertEqual(told.attributes.hex(), each["attributes"])

    def test_what_is_invalid_is_refused(self) -> None:
        kind = announcements("kad", bytes(32))
        for each in self.published["invalid"]:
            record = bytes.fromhex(each["record"])
            error = self.assertRaises(InvalidRecord, kind.identify, record)
            self.assertEqual(error.reason, each["reason"], each["about"])

    def test_which_wins(self) -> None:
        kind = announcements("kad", bytes(32))
        for order in self.published["orders"]:
            records = [bytes.fromhex(each) for each in order["ascending"]]
            self.assertEqual(len({kind.identify(each) for each in records}), 1)
            for lesser, greater in pairwise(records):
                self.assertTrue(kind.supersedes(greater, lesser), order["about"])
                numbers_of = [int.from_bytes(each[53:61], "big") for each in (lesser, greater)]
                hashes = [blake(256, each) for each in (lesser, greater)]
                self.assertLess((numbers_of[0], hashes[0]), (numbers_of[1], hashes[1]))


class TheProgram(DocumentTestCase):
    """The program reads the example as the page does, and would have sent the same bytes."""

    def test_datagrams(self) -> None:
        for name, form, sender, recipient in STEPS:
            dialects = {
                who: native_dialect(
                    NodeKey.from_seed(self.seeds[who]), NodeSettings(), self.source(name)
                )
                for who in "AB"
            }
            datagram, body = self.page[f"{name} datagram"], self.page[f"{name} body"]
            sealer = dialects[recipient].sealer
            header = sealer.inspect(datagram)
            self.assertEqual(sealer.open(datagram, header, self.keys[sender], True), body)
            number, to = FORMS.index(form), self.keys[recipient]
            sealed = dialects[sender].sealer.seal(number, body, to, header.token, 0)
            self.assertEqual(sealed.hex(), datagram.hex())

    def source(self, name: str) -> Callable[[int], bytes]:
        random = self.page[f"{name} random"]
        return lambda size: random * (size // len(random))

    def test_messages(self) -> None:
        dialect = native_dialect(NodeKey.from_seed(bytes(32)), NodeSettings(), bytes)
        codec = dialect.serializer
        for name, _, _, _ in STEPS:
            body = self.page[f"{name} body"]
            message = codec.decode(body)
            if isinstance(message, Request):
                again = codec.encode_request(message, len(body))
            else:
                again = codec.encode_reply(message, len(body))
            self.assertEqual(again.hex(), body.hex())
        text = PAGE.read_text("utf-8")
        self.assertIn(
            f"datagram of **{dialect.answer_length(FindNode(NodeID(0))):,}** bytes for", text
        )
        self.assertIn(f"of **{dialect.answer_length(Ping())}** for everything", text)

    def test_the_record(self) -> None:
        record = self.page["record"]
        self.assertEqual(value.encode(value.decode(record)), record)
        self.assertEqual(version_of(record), self.page["version"])
