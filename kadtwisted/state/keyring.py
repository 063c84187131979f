"""The keys that sign values for others: each under a name, in files of the state directory.

A key is made here and stays here: whoever may write through the node has values signed with it, and
nobody is told the key.  The files are those of ``kad key new``, so a backup of the directory is one
of the keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from kadtwisted.errors import InvalidInput, SigningKeyError, TooManyRequests, reason_of
from kadtwisted.identity.signing import SigningKey
from kadtwisted.state.signing_key_file import load_signing_key, make_signing_key_file
from kadtwisted.storage.files import make_directory

KEYS_DIRECTORY = "signing-keys"
MOST_KEYS = 256
"""MAGIC: keys of one node; each may sign any number of values, under salts."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class NoSuchKey(InvalidInput):
    """There is no key of this name."""


class KeyExists(InvalidInput):
    """There is a key of this name already."""


class KeyRing:
    """The signing keys in one directory, which is made with the first of them."""

    def __init__(self, path: Path, secure_random: Callable[[int], bytes]) -> None:
        self._path = path
        self._secure_random = secure_random
        self._keys: dict[str, SigningKey] = {}

    def names(self) -> list[str]:
        """The names of all keys, in order."""
        try:
            found = sorted(each.name for each in self._path.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SigningKeyError(f"cannot read {self._path}: {reason_of(error)}") from error
        return [each for each in found if _NAME.fullmatch(each)][:MOST_KEYS]

    def key(self, name: str) -> SigningKey:
        """The key of this name; :class:`NoSuchKey`, or
        :class:`~kadtwisted.errors.SigningKeyError` for a file that cannot be used."""
        _check(name)
        if name not in self._keys:
            if not (self._path / name).exists():
                raise NoSuchKey(
                    f"there is no key {name!r}; an admin makes it: POST /v1/keys/{name}"
                )
            self._keys[name] = load_signing_key(self._path / name)
        return self._keys[name]

    def make(self, name: str) -> SigningKey:
        """A new key; :class:`KeyExists` if there is one of this name."""
        _check(name)
        if (self._path / name).exists():
            raise KeyExists(f"there is a key {name!r} already, and it stays as it is")
        if len(self.names()) >= MOST_KEYS:
            raise TooManyRequests(f"there are {MOST_KEYS} keys, as many as may be")
        key = SigningKey.generate(self._secure_random)
        try:
            make_directory(self._path)
        except OSError as error:
            raise SigningKeyError(f"cannot make {self._path}: {reason_of(error)}") from error
        make_signing_key_file(self._path / name, key)
        self._keys[name] = key
        return key


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "the name of a key has at most 63 letters, digits, dots, dashes and underscores, and "
            "begins with a letter or a digit"
        )
