"""References: what to look for, as one text that notices when it is mistyped.

A reference names the key of a plain value, the hash of an immutable value, or the public key (and
the salt) of a mutable one.  Whoever has it can check what they find: nobody can put another value
under the hash of one, or under the key of somebody else.

Its text is ``kad:`` and letters of Bech32m: the alphabet and the coding of BIP 173, the checksum of
BIP 350, with ``kad`` as the human-readable part and a colon as the separator.  The first letter is
the kind of record, as the version of an address is in BIP 173, then come the bytes.  The checksum
notices up to three mistyped letters anywhere, up to four in a text of at most 90 letters (so in
each without a salt), and others but for one in 2^30.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kadtwisted.constants import SALT_LIMIT
from kadtwisted.errors import InvalidReference, InvalidSalt
from kadtwisted.model.ids import ID_BYTES, NodeID, id_from_bytes, id_to_bytes, key_of_bytes
from kadtwisted.model.printable import described, printable
from kadtwisted.model.record import Immutable, Kind, Mutable, Value

PREFIX: Final = "kad:"
"""What the text of each reference begins with."""
PUBLIC_KEY_BYTES: Final = 32
"""An Ed25519 public key (RFC 8032)."""

_HRP: Final = "kad"
_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32M: Final = 0x2BC830A3
_CHECKSUM: Final = 6
"""Letters of the checksum (BIP 173)."""
_LONGEST: Final = len(PREFIX) + 1 + -(-8 * (PUBLIC_KEY_BYTES + SALT_LIMIT) // 5) + _CHECKSUM


_SIZES: Final = (
    (Kind.VALUE, ID_BYTES),
    (Kind.IMMUTABLE, ID_BYTES),
    (Kind.MUTABLE, PUBLIC_KEY_BYTES),
)


@dataclass(frozen=True, slots=True)
class Reference:
    """What to look for; ``str`` gives its text, and :func:`parse_reference` reads it.

    ``name`` is a key or a hash of 20 bytes, or a public key of 32; only beside a public key there
    may be a ``salt``.  :class:`~kadtwisted.errors.InvalidReference` and
    :class:`~kadtwisted.errors.InvalidSalt` for anything else.
    """

    kind: int
    name: bytes
    salt: bytes = b""

    def __post_init__(self) -> None:
        if not isinstance(self.name, bytes) or (self.kind, len(self.name)) not in _SIZES:
            raise InvalidReference(
                f"a reference is a key of {ID_BYTES} bytes or a public key of {PUBLIC_KEY_BYTES}, "
                f"not {described(self.name)} of the kind {described(self.kind)}"
            )
        check_salt(self.salt)
        if self.salt and self.kind != Kind.MUTABLE:
            raise InvalidSalt("only a mutable value has a salt")

    def __str__(self) -> str:
        letters = [int(self.kind), *_in_fives(self.name + self.salt)]
        return PREFIX + "".join(_ALPHABET[each] for each in (*letters, *checksum(_HRP, letters)))

    @property
    def key(self) -> NodeID:
        """Where the record is stored: the key or the hash, or SHA-1 of public key and salt."""
        if self.kind != Kind.MUTABLE:
            return id_from_bytes(self.name)
        return key_of_bytes(self.name + self.salt)


def reference_of(record: Any) -> Reference | None:
    """What a record is found by; ``None`` for a kind that no reference names."""
    if isinstance(record, Value):
        return Reference(Kind.VALUE, id_to_bytes(record.key))
    if isinstance(record, Immutable):
        return Reference(Kind.IMMUTABLE, id_to_bytes(record.key))
    if isinstance(record, Mutable):
        return Reference(Kind.MUTABLE, record.public_key, record.salt)
    return None


def check_salt(salt: bytes) -> bytes:
    """A salt that a caller handed in; :class:`~kadtwisted.errors.InvalidSalt` for anything else."""
    if not isinstance(salt, bytes):
        raise InvalidSalt(f"a salt is bytes, not {described(salt)}")
    if len(salt) > SALT_LIMIT:
        raise InvalidSalt(f"a salt has at most {SALT_LIMIT} bytes, this one has {len(salt)}")
    return salt


def is_reference(text: str) -> bool:
    """Whether a text looks like a reference, well typed or not."""
    return text[: len(PREFIX)].lower() == PREFIX


def parse_reference(text: str) -> Reference:
    """The reference with this text, in small or in capital letters; space around it, as it comes
    with a pasted one, does not count.

    :class:`~kadtwisted.errors.InvalidReference` for anything else.
    """
    if not isinstance(text, str):
        raise InvalidReference(f"a reference is a text, not {described(text)}")
    letters = _letters(text.strip())
    if letters is None:
        raise InvalidReference(
            f"the reference {printable(text, 2 * _LONGEST)} is mistyped or not complete: "
            "its checksum does not fit; copy it again"
        )
    kind, *fives = letters[:-_CHECKSUM]
    found = _from_fives(fives) or b""
    size = PUBLIC_KEY_BYTES if kind == Kind.MUTABLE else ID_BYTES
    name, salt = found[:size], found[size:]
    if (kind, len(name)) in _SIZES and (not salt or kind == Kind.MUTABLE):
        return Reference(kind, name, salt)
    raise InvalidReference(
        f"the reference {printable(text, 2 * _LONGEST)} is of a kind that this version does not "
        "know"
    )


def _letters(text: str) -> list[int] | None:
    """What the letters behind the prefix stand for, the checksum among them, if it fits."""
    small = text.lower()
    if not is_reference(text) or len(text) > _LONGEST or text not in (small, text.upper()):
        return None
    letters = [_ALPHABET.find(each) for each in small[len(PREFIX) :]]
    if len(letters) <= _CHECKSUM or min(letters) < 0 or not is_bech32m(_HRP, letters):
        return None
    return letters


# --- Bech32m -----------------------------------------------------------------------------------


def is_bech32m(hrp: str, letters: Sequence[int]) -> bool:
    """Whether these values of 5 bits end with the checksum that BIP 350 gives them."""
    return _remainder([*_expanded(hrp), *letters]) == _BECH32M


def checksum(hrp: str, letters: Sequence[int]) -> list[int]:
    """The checksum of BIP 350: six values of 5 bits."""
    left = _remainder([*_expanded(hrp), *letters, *([0] * _CHECKSUM)]) ^ _BECH32M
    return [left >> 5 * (_CHECKSUM - 1 - place) & 31 for place in range(_CHECKSUM)]


def _expanded(hrp: str) -> list[int]:
    codes = [ord(each) for each in hrp]
    return [*(each >> 5 for each in codes), 0, *(each & 31 for each in codes)]


def _remainder(values: Iterable[int]) -> int:
    left = 1
    for value in values:
        top = left >> 25
        left = (left & 0x1FFFFFF) << 5 ^ value
        for place, each in enumerate(_GENERATOR):
            left ^= each if top >> place & 1 else 0
    return left


def _in_fives(data: bytes) -> list[int]:
    """The bits in groups of five, the last one filled up with zeros."""
    count = -(-8 * len(data) // 5)
    whole = int.from_bytes(data, "big") << 5 * count - 8 * len(data)
    return [whole >> 5 * (count - 1 - place) & 31 for place in range(count)]


def _from_fives(fives: Sequence[int]) -> bytes | None:
    """The bytes in groups of five bits, if only zeros fill the last group up."""
    size, spare = divmod(5 * len(fives), 8)
    whole = 0
    for each in fives:
        whole = whole << 5 | each
    if spare > 4 or whole & (1 << spare) - 1:
        return None
    return (whole >> spare).to_bytes(size, "big")
