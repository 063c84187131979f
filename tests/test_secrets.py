"""No secret is shown by the ``repr`` of what holds it, so none reaches a log or a traceback."""

from __future__ import annotations

import gc
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.api.operations import Operations
from kadtwisted.application.service import NodeService
from kadtwisted.daemon import logs
from kadtwisted.daemon.tap import Options, make_daemon
from kadtwisted.dialects.native import native_dialect
from kadtwisted.errors import IdentityError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.identity.signing import SigningKey
from kadtwisted.parameters import NodeSettings
from kadtwisted.sealing.box import BoxSealer
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.state.directory import StateDirectory
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.nodes import EPOCH, Swarm
from tests.cli.harness import Kad

SECRET = b"a secret of a private network..."
SEED = bytes(range(32))
KEY = NodeKey.from_seed(SEED)
SIGNING = SigningKey(SEED)
SETTINGS = NodeSettings(network_secrets=(SECRET,))


def forms(secret: bytes) -> Iterator[str]:
    """How a secret could stand in a text."""
    yield repr(secret)[2:-1]
    yield secret.hex()
    yield secret.hex().upper()
    yield str(list(secret))[1:-1]


class SecretTests(SynchronousTestCase):
    def assert_hidden(self, shown: str, what: str, *more: bytes) -> None:
        for secret in (SECRET, SEED, *more):
            for form in forms(secret):
                self.assertNotIn(form, shown, what)

    def assert_silent(self, *holders: object) -> None:
        for each in holders:
            inside = repr(getattr(each, "__dict__", None))  # as vars() in a debugger
            for shown in (repr(each), str(each), f"{each}", repr([each]), inside):
                self.assert_hidden(shown, type(each).__name__)


class ReprTests(SecretTests):
    def test_settings_keys_and_dialects(self) -> None:
        dialect = native_dialect(KEY, SETTINGS, bytes)
        self.assert_silent(SETTINGS, DaemonSettings(node=SETTINGS), KEY, SIGNING)
        self.assert_silent(dialect, dialect.doors(1, lambda: 0.0)[0])

    def test_services(self) -> None:
        clock = HeapClock()
        self.assert_silent(
            NodeService(clock, SETTINGS, key=KEY),
            make_daemon(clock, DaemonSettings(node=SETTINGS)),
        )

    def test_everything_that_a_running_node_is_made_of(self) -> None:
        """Whatever of ours can be reached from a node, and the keys that it has derived, too."""
        swarm = Swarm(2, sealer="box", network_secrets=(SECRET,))
        self.addCleanup(swarm.stop)
        swarm.wait(swarm.nodes[0].put("name", b"value"))
        swarm.wait(swarm.nodes[0].put_mutable(SIGNING, b"value", keep=True))
        swarm.wait(swarm.nodes[0].put_mutable(SIGNING, b"next", cas=int(EPOCH), keep=True))
        swarm.wait(swarm.nodes[0].delete_mutable(SIGNING))
        ours = [
            each
            for each in reachable(swarm.nodes[0])
            if type(each).__module__.startswith("kadtwisted.")
        ]
        sealers = [each for each in ours if isinstance(each, BoxSealer)]
        pairs = [keys for each in sealers for keys in each._secrets.young.values()]
        derived = {keys[at : at + 32] for keys in pairs for at in range(0, len(keys), 32)}
        self.assertGreater(len(derived), 3)
        for each in ours:
            self.assert_hidden(repr(each), type(each).__name__, *derived)
            if not type(each).__module__.startswith("kadtwisted.sealing."):  # they hold the keys
                inside = repr(getattr(each, "__dict__", None))
                self.assert_hidden(inside, f"vars of {type(each).__name__}", *derived)
        kinds = {type(each).__name__ for each in ours}
        self.assertLessEqual({"BoxSealer", "NodeSettings", "Generations", "NativeDoor"}, kinds)
        self.assertNotIn("SigningKey", kinds, "a node keeps what was signed, and not the key")


class FileTests(SecretTests):
    """What the command line, the log and the control socket say where secrets are near."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        self.secret_file = self.path / "network.secret"
        self.secret_file.write_bytes(SECRET)
        self.secret_file.chmod(0o600)

    def test_what_kad_shows_of_a_configuration(self) -> None:
        file = self.path / "node.toml"
        file.write_text(f'network_secret_file = "{self.secret_file}"\n')
        for mode in ((), ("--json",)):
            for verb in (("config", "check", "--config", str(file)), ("config", "show")):
                kad = Kad()
                self.assertEqual(kad(*mode, *verb), 0, kad.said)
                self.assert_hidden(kad.printed.decode() + kad.said, str(verb))

    def test_a_damaged_key(self) -> None:
        """The sentence shows nothing of what is in the file."""
        directory = StateDirectory(self.path / "state")
        directory.open()
        self.addCleanup(directory.close)
        directory.identity(lambda _: SEED)
        whole = directory.key_path.read_bytes()
        self.assertIn(SEED.hex().encode(), whole)
        directory.key_path.write_bytes(whole[:-3])
        error = self.assertRaises(IdentityError, directory.identity, bytes)
        self.assert_silent(error, directory)

    def test_options_of_twistd(self) -> None:
        options = Options()
        options.parseOptions(
            ["--state-dir", "/nowhere", "--network-secret-file", str(self.secret_file)]
        )
        self.assertEqual(options.settings.node.network_secrets, (SECRET,))
        self.assert_silent(options, options.settings, options.configuration)

    def test_status_and_tracebacks(self) -> None:
        swarm = Swarm(1, network_secrets=(SECRET,))
        self.addCleanup(swarm.stop)
        for verb in ("status", "routing"):
            described = self.successResultOf(Operations(swarm.nodes[0]).perform(verb, {}))
            self.assert_hidden(json.dumps(described), verb)
        found: list[Any] = []
        logger = Logger(namespace="kadtwisted.x", observer=found.append)  # type: ignore[arg-type]
        try:
            _fails_with_secrets_at_hand(SETTINGS, KEY, SECRET)
        except ZeroDivisionError:
            logger.failure("it failed with {settings} and {key}", settings=SETTINGS, key=KEY)
        for lines_of in logs.FORMATS.values():
            written = "\n".join(lines_of(dict(found[0])))
            self.assertIn("ZeroDivisionError", written)
            self.assert_hidden(written, "a traceback")
        out = io.StringIO()
        Failure(ValueError(SETTINGS, KEY)).printDetailedTraceback(out)
        self.assert_hidden(out.getvalue(), "an error about settings")


def _fails_with_secrets_at_hand(settings: NodeSettings, key: NodeKey, secret: bytes) -> float:
    return len(secret) / 0


def reachable(start: object, most: int = 200_000) -> list[Any]:
    """What can be reached from an object, but not through modules, classes and globals."""
    seen: dict[int, Any] = {id(start): start}
    left = [start]
    while left and len(seen) < most:
        each = left.pop()
        within: Any = each.__closure__ or () if isinstance(each, FunctionType) else (each,)
        for found in gc.get_referents(*within):
            if id(found) not in seen and not isinstance(found, type | ModuleType):
                seen[id(found)] = found
                left.append(found)
    return list(seen.values())
