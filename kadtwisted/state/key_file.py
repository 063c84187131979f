"""The file with a node's identity key: one line, of mode 0600.

::

    kad-identity-1 <seed, 64 hexadecimal digits> <public key, 64 hexadecimal digits>

The public key repeats what the seed implies, so a single wrong bit anywhere is noticed.  With the
seed alone, such a bit would silently give another identity.
"""

from __future__ import annotations

from pathlib import Path

from kadtwisted.errors import IdentityError, UnsupportedVersion, reason_of
from kadtwisted.identity.keys import NodeKey
from kadtwisted.storage.files import write_atomically
from kadtwisted.storage.guard import OWN, UnsafeFile, owner_of_directory, read_file

FORMAT = b"kad-identity-1"
"""The first word; a newer program that writes another layout changes the digit."""
FORMAT_STEM = b"kad-identity-"
KEY_FILE_BYTES = len(FORMAT) + 2 * (1 + 64) + 1
"""Three words (format, seed and public key in hexadecimal), two spaces, a line feed."""


def load_key(path: Path) -> NodeKey:
    """The key in a file.

    Fails with :class:`~kadtwisted.errors.IdentityError` if the file cannot be read, is damaged, is
    open to other users or belongs to a stranger, and with
    :class:`~kadtwisted.errors.UnsupportedVersion` if a newer program wrote it.
    """
    try:
        line = read_file(path, KEY_FILE_BYTES, OWN, "the identity key", owner_of_directory(path))
    except OSError as error:
        raise IdentityError(f"cannot read the identity key {path}: {reason_of(error)}") from error
    except UnsafeFile as error:
        raise IdentityError(str(error)) from None
    return _parse(line, path)


def save_key(path: Path, key: NodeKey) -> None:
    """Write a key file so that a crash leaves all of it or nothing;
    :class:`~kadtwisted.errors.StorageError`."""
    write_atomically(path, _line(key))


def _parse(line: bytes, path: Path) -> NodeKey:
    word, _, rest = line.partition(b" ")
    if word.startswith(FORMAT_STEM) and word != FORMAT and word[-1:].isdigit():
        raise UnsupportedVersion(
            f"the identity key {path} was written by a newer version of this program"
        )
    try:
        key = NodeKey.from_seed(bytes.fromhex(rest[:64].decode("ascii")))
    except (ValueError, IdentityError):
        key = None
    if key is None or line != _line(key):
        raise IdentityError(
            f"the identity key {path} is damaged ({len(line)} bytes read, {KEY_FILE_BYTES} needed "
            "in the right form); restore it from a backup, or move it away to get a new identity"
        )
    return key


def _line(key: NodeKey) -> bytes:
    words = (FORMAT, key.seed.hex().encode(), key.public_key.hex().encode())
    return b" ".join(words) + b"\n"
