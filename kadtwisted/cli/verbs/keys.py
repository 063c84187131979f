"""``kad key``: makes and shows the keys that sign values."""

from __future__ import annotations

import os
from pathlib import Path

from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import Described


async def key(session: Session) -> int:
    """Make a key, or show what is public of one."""
    from kadtwisted.identity.signing import SigningKey
    from kadtwisted.state.signing_key_file import load_signing_key, make_signing_key_file

    path = Path(session.arguments.file)
    if session.arguments.action == "new":
        made = SigningKey.generate(session.world.secure_random)
        make_signing_key_file(path, made)
        session.output.report(_described(path, made), _made_text)
    else:
        session.output.result(_described(path, load_signing_key(path)), _key_text)
    return os.EX_OK


def _described(path: Path, found: object) -> Described:
    from kadtwisted.identity.signing import SigningKey

    assert isinstance(found, SigningKey)
    return {
        "file": str(path),
        "public_key": found.public_key.hex(),
        "reference": str(found.reference()),
    }


def _made_text(made: Described) -> str:
    return f"kad: made {made['file']}; without a salt, its value is found by {made['reference']}"


def _key_text(shown: Described) -> str:
    return f"reference: {shown['reference']}\npublic key: {shown['public_key']}"
