"""The file with a key that signs values: one line, of mode 0600.

::

    kad-signing-1 <seed, 64 hexadecimal digits> <public key, 64 hexadecimal digits>

It is laid out as a node's identity key, with another first word, so that neither is taken for the
other: a node's key never signs a value, and a copied signing key is no node's identity.
"""

from __future__ import annotations

from pathlib import Path

from kadtwisted.errors import SigningKeyError, reason_of
from kadtwisted.identity.signing import SigningKey
from kadtwisted.state.key_file import FORMAT_STEM as IDENTITY_STEM
from kadtwisted.storage.files import make_file
from kadtwisted.storage.guard import OWN, UnsafeFile, read_file

FORMAT = b"kad-signing-1"
"""The first word; a newer program that writes another layout changes the digit."""
FORMAT_STEM = b"kad-signing-"
SIGNING_KEY_FILE_BYTES = len(FORMAT) + 2 * (1 + 64) + 1
"""Three words (format, seed and public key in hexadecimal), two spaces, a line feed."""


def load_signing_key(path: Path) -> SigningKey:
    """The key in a file.

    Fails with :class:`~kadtwisted.errors.SigningKeyError` if the file cannot be read, is no signing
    key, is damaged, is open to other users or belongs to one of them.
    """
    try:
        line = read_file(path, SIGNING_KEY_FILE_BYTES, OWN, "the signing key")
    except OSError as error:
        raise SigningKeyError(f"cannot read the signing key {path}: {reason_of(error)}") from error
    except UnsafeFile as error:
        raise SigningKeyError(str(error)) from None
    return _parse(line, path)


def make_signing_key_file(path: Path, key: SigningKey) -> None:
    """Write a key to a new file; :class:`~kadtwisted.errors.StorageError` if there is one."""
    make_file(path, _line(key))


def _parse(line: bytes, path: Path) -> SigningKey:
    word, _, rest = line.partition(b" ")
    if word.startswith(IDENTITY_STEM):
        raise SigningKeyError(
            f"{path} is the identity of a node, and signs no values; make a key for that: "
            "kad key new FILE"
        )
    if not word.startswith(FORMAT_STEM):
        raise SigningKeyError(f"{path} is no signing key; make one: kad key new FILE")
    if word != FORMAT and word.removeprefix(FORMAT_STEM).isdigit():
        raise SigningKeyError(f"the signing key {path} was made by a newer version of this program")
    try:
        key = SigningKey(bytes.fromhex(rest[:64].decode("ascii")))
    except (ValueError, SigningKeyError):
        key = None
    if key is None or line != _line(key):
        raise SigningKeyError(f"the signing key {path} is damaged; restore it from a backup")
    return key


def _line(key: SigningKey) -> bytes:
    words = (FORMAT, key.seed.hex().encode(), key.public_key.hex().encode())
    return b" ".join(words) + b"\n"
