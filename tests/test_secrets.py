"""No secret is shown by the ``repr`` of what holds it, so none reaches a log or a traceback."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.dialects.native import native_dialect
from kadtwisted.identity.keys import NodeKey
from kadtwisted.parameters import NodeSettings
from kadtwisted.settings.daemon_settings import DaemonSettings

SECRET = b"a secret of a private network..."
SEED = bytes(range(32))


class ReprTests(SynchronousTestCase):
    def test_settings_keys_and_dialects(self) -> None:
        settings = NodeSettings(network_secrets=(SECRET,))
        key = NodeKey.from_seed(SEED)
        holders = (settings, DaemonSettings(node=settings), key)
        dialect = native_dialect(key, settings, bytes)
        for each in (*holders, dialect, dialect.doors(1, lambda: 0.0)[0]):
            for secret in (SECRET, SEED):
                for shown in (repr(secret)[2:-1], secret.hex()):
                    self.assertNotIn(shown, repr(each), type(each).__name__)
