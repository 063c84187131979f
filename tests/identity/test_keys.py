"""Keys, the IDs that follow from them, and the vectors that pin both down."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import IdentityError
from kadtwisted.identity.keys import NodeKey, node_id_of
from kadtwisted.model.ids import id_to_hex, key_of_name

VECTORS = Path(__file__).parent.parent / "vectors" / "ids.json"

# RFC 8032, section 7.1, test 1.
RFC_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
RFC_PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


class Vectors(SynchronousTestCase):
    def setUp(self) -> None:
        self.vectors = json.loads(VECTORS.read_text("utf-8"))

    def test_nodes(self) -> None:
        self.assertGreaterEqual(len(self.vectors["nodes"]), 3)
        for each in self.vectors["nodes"]:
            key = NodeKey.from_seed(bytes.fromhex(each["seed"]))
            self.assertEqual(key.public_key.hex(), each["public_key"])
            self.assertEqual(id_to_hex(key.node_id), each["node_id"])

    def test_names(self) -> None:
        self.assertGreaterEqual(len(self.vectors["names"]), 3)
        for each in self.vectors["names"]:
            self.assertEqual(id_to_hex(key_of_name(each["name"])), each["key"])


class Keys(SynchronousTestCase):
    def test_the_public_key_is_ed25519(self) -> None:
        key = NodeKey.from_seed(RFC_SEED)
        self.assertEqual((key.seed, key.public_key), (RFC_SEED, RFC_PUBLIC))

    def test_the_id_follows_from_the_public_key(self) -> None:
        self.assertEqual(NodeKey.from_seed(RFC_SEED).node_id, node_id_of(RFC_PUBLIC))
        self.assertNotEqual(node_id_of(RFC_PUBLIC), node_id_of(RFC_SEED))
        self.assertLess(node_id_of(RFC_PUBLIC), 2**160)

    def test_a_new_key_takes_its_secret_from_the_source(self) -> None:
        key = NodeKey.generate(lambda size: RFC_SEED[:size])
        self.assertEqual(key, NodeKey.from_seed(RFC_SEED))

    def test_a_damaged_seed(self) -> None:
        for seed in (b"", RFC_SEED[:31], RFC_SEED + b"\n"):
            error = self.assertRaises(IdentityError, NodeKey.from_seed, seed)
            self.assertIn(f"this has {len(seed)}", str(error))

    def test_a_seed_that_is_no_bytes(self) -> None:
        text: Any = "x" * 32
        error = self.assertRaises(IdentityError, NodeKey.from_seed, text)
        self.assertEqual(str(error), "an identity key is bytes, not a str")

    def test_it_does_not_show_its_secret(self) -> None:
        key = NodeKey.from_seed(RFC_SEED)
        self.assertNotIn(repr(RFC_SEED), repr(key))
        self.assertIn(RFC_PUBLIC.hex(), repr(key))

    def test_it_does_not_change(self) -> None:
        key = NodeKey.from_seed(RFC_SEED)
        with self.assertRaises(FrozenInstanceError):
            key.seed = bytes(32)  # type: ignore[misc]
