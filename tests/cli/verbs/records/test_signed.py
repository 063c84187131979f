"""put --mutable, put --immutable, get REFERENCE, delete --key-file."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

from twisted.trial import unittest

from kadtwisted.errors import CasConflict, NotFound, Superseded, Uncertain
from kadtwisted.identity.keys import NodeKey
from kadtwisted.identity.signing import SigningKey
from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.model.record import Immutable, Mutable, StorageKey
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import Collection, FoundRecord
from kadtwisted.records import immutable, mutable
from kadtwisted.state.key_file import save_key
from kadtwisted.state.signing_key_file import make_signing_key_file
from tests.cli.harness import FakeClient, Kad
from tests.daemon.fakes import TRACE, FakeNode, a_get, a_receipt

VIA = ("--bootstrap", "192.0.2.7:8000")
KEY = SigningKey(bytes(range(32)))
NOW = 1_000_000
"""By the clock of the tests."""


def record(seq: int, v: bytes = b"5:value", salt: bytes = b"") -> bytes:
    return mutable.write(mutable.Draft(KEY.public_key, KEY.sign, salt, v), seq)


def found(*records: bytes) -> Collection:
    """What a node has found."""
    key = KEY.reference().key
    return Collection(
        3,
        key,
        tuple(FoundRecord(StorageKey(3, key), e, mutable.decode(e), 60, 1) for e in records),
        TRACE,
    )


class SignedCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.file = directory / "news.key"
        make_signing_key_file(self.file, KEY)

    def run_kad(self, *argv: str, running: bool = False, **answers: Any) -> Kad:
        """One run, at a running node or at one of its own."""
        self.node = FakeNode(**{"collect": found(), **answers})
        kad = Kad(self.node)
        if running:
            kad.connect = lambda path: FakeClient(self.node)
        self.code = kad(argv[0], *(() if running else VIA), *argv[1:])
        return kad

    def stored(self) -> list[tuple[Any, ...]]:
        """What the node was told to store: record, lifetime, keep, cas."""
        return [each[1:] for each in self.node.calls if each[0] == "put_record"]

    def put(self, *argv: str, **how: Any) -> Kad:
        return self.run_kad("put", "--mutable", "--key-file", str(self.file), *argv, **how)


class PutTests(SignedCase):
    def test_the_first_one(self) -> None:
        for running in (True, False):
            kad = self.put("value", running=running)
            self.assertEqual(self.code, 0, kad.said)
            self.assertEqual(self.stored(), [(record(NOW), None, False, None)])
            key = id_to_bytes(KEY.reference().key)
            self.assertIn(("collect", 3, key), self.node.calls)

    def test_the_next_one(self) -> None:
        self.put("value", "--salt", "s", "--lifetime", "1h", collect=found(record(7)))
        self.assertEqual(self.stored(), [(record(8, salt=b"s"), 3600.0, False, None)])

    def test_what_it_replaces(self) -> None:
        self.put("value", "--cas", "7")
        self.assertEqual(self.stored(), [(record(8), None, False, 7)])
        self.assertNotIn("collect", self.node.names())

    def test_kept_by_the_running_node(self) -> None:
        self.put("value", "--keep", running=True)
        self.assertEqual(self.stored(), [(record(NOW), None, True, None)])

    def test_another_writer_comes_between(self) -> None:
        kad = self.put(
            "value",
            collect=[found(record(7)), found(record(8)), found(record(9))],
            put_record=[Superseded("later"), Superseded("later"), a_receipt()],
        )
        self.assertEqual(self.code, 0, kad.said)
        self.assertEqual([each[0] for each in self.stored()], [record(8), record(9), record(10)])
        self.put("value", put_record=Superseded("ever later"))
        self.assertEqual((self.code, len(self.stored())), (69, 3))

    def test_the_receipt(self) -> None:
        receipt = a_receipt()._replace(
            key=KEY.reference().key, record=Mutable(KEY.public_key, b"", 8, bytes(64), b"0:")
        )
        kad = self.put("value", "--json", put_record=receipt)
        self.assertEqual(kad.json["reference"], str(KEY.reference()))
        self.assertEqual(kad.json["seq"], 8)
        kad = self.put("value", put_record=receipt)
        first = kad.said.splitlines()[0]
        self.assertEqual(first, f"stored on 1 node, under {KEY.reference()}, number 8")

    def test_immutable(self) -> None:
        data = immutable.encode(Immutable(b"5:value"))
        for running in (True, False):
            kad = self.run_kad("put", "--immutable", "value", running=running)
            self.assertEqual(self.code, 0, kad.said)
            self.assertEqual(self.stored(), [(data, None, False, None)])

    def test_no_secret_reaches_the_node(self) -> None:
        self.put("value", "--keep", running=True)
        told = repr(self.node.calls)
        self.assertNotIn(KEY.seed.hex(), told)
        self.assertNotIn(repr(KEY.seed)[2:-1], told)
        self.assertNotIn(b64encode(KEY.seed).decode(), told)


class GetTests(SignedCase):
    def test_by_reference(self) -> None:
        for reference in (KEY.reference(), KEY.reference(b"s"), Reference(2, bytes(20))):
            for text in (str(reference), str(reference).upper()):
                self.run_kad("get", text)
                self.assertIn(("get", reference, None), self.node.calls)
        self.run_kad("get", "--first", str(KEY.reference()))
        self.assertIn(("get", KEY.reference(), "first"), self.node.calls)

    def test_the_number_that_a_condition_names(self) -> None:
        mutable = a_get()._replace(record=Mutable(KEY.public_key, b"", 41, bytes(64), b"0:"))
        kad = self.run_kad("get", "--trace", str(KEY.reference()), get=mutable)
        self.assertIn("its sequence number, for --cas, is 41", kad.said)
        kad = self.run_kad("get", "--trace", "name", get=a_get())
        self.assertNotIn("sequence number, for --cas", kad.said)

    def test_nothing(self) -> None:
        kad = self.run_kad("get", str(KEY.reference()), get=NotFound(f"{KEY.reference()} was not"))
        self.assertEqual(self.code, 1)
        self.assertIn(str(KEY.reference()), kad.said)

    def test_a_name_is_no_reference(self) -> None:
        for name in ("kad", "kademlia", "kad1qqq", "x kad:"):
            self.run_kad("get", name)
            self.assertIn(("get", name, None), self.node.calls)


class DeleteTests(SignedCase):
    def test_a_tombstone_comes_next_and_a_running_node_keeps_it(self) -> None:
        for running in (True, False):
            kad = self.run_kad(
                "delete", "--key-file", str(self.file), collect=found(record(7)), running=running
            )
            self.assertEqual(self.code, 0, kad.said)
            self.assertEqual(self.stored(), [(record(8, b"de"), None, running, None)])


class MistakeTests(SignedCase):
    def refused(self, code: int, *argv: str, **answers: Any) -> str:
        kad = self.run_kad(*argv, **answers)
        self.assertEqual((self.code, len(kad.said.splitlines())), (code, 1), kad.said)
        return kad.said

    def refused_before(self, code: int, *argv: str) -> str:
        """Nothing is stored."""
        said = self.refused(code, *argv)
        self.assertEqual(self.stored(), [])
        self.assertNotIn("put", self.node.names())
        return said

    def test_references_that_are_mistyped(self) -> None:
        mistyped = str(KEY.reference()).replace("r", "z", 1)
        for argv in (("get", mistyped), ("put", mistyped, "v"), ("delete", mistyped)):
            self.assertIn("mistyped", self.refused_before(65, *argv))

    def test_files_that_are_no_signing_keys(self) -> None:
        loose, identity = self.file.with_name("loose"), self.file.with_name("identity")
        loose.write_bytes(self.file.read_bytes())
        loose.chmod(0o644)
        save_key(identity, NodeKey.from_seed(bytes(32)))
        for file in (loose, identity, self.file.with_name("nothing"), self.file.parent):
            for argv in (("put", "--mutable", "--key-file", str(file), "v"),):
                self.refused_before(78, *argv)
            self.refused_before(78, "delete", "--key-file", str(file))

    def test_values_and_salts_that_do_not_fit(self) -> None:
        signing = ("--mutable", "--key-file", str(self.file))
        self.refused_before(65, "put", *signing, "--salt", "s" * 65, "v")
        self.refused_before(65, "put", *signing, "v" * 997)
        self.refused_before(65, "put", *signing, "--salt", "salt", "v" * 995)
        self.refused_before(65, "put", "--immutable", "v" * 997)

    def test_a_race_that_was_lost_and_one_whose_end_nobody_knows(self) -> None:
        signing = ("put", "--mutable", "--key-file", str(self.file), "--cas", "7", "v")
        self.refused(69, *signing, put_record=CasConflict("another one stands there"))
        self.refused(75, *signing, put_record=Uncertain("nobody knows"))

    def test_a_signed_value_under_a_plain_key(self) -> None:
        said = self.refused_before(64, "put", str(KEY.reference()), "v")
        self.assertIn("--key-file", said)
        self.refused_before(64, "delete", str(Reference(2, bytes(20))))

    def test_a_reference_of_a_plain_key_is_as_good_as_its_name(self) -> None:
        key = id_to_bytes(key_of_name("motd"))
        self.run_kad("put", str(Reference(1, key)), "v")
        self.assertIn(("put", key, b"v", None), self.node.calls)
        self.run_kad("delete", str(Reference(1, key)))
        self.assertIn(("delete", key), self.node.calls)
