"""``kad --node URL``: verbs through the HTTP gateway of a node, and the token for it."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.settings.loading import Configuration
from tests.cli.harness import Kad

URL = "http://192.0.2.1:8480"


class GatewayTests(SynchronousTestCase):
    """The fake node answers at every URL, and no other one is there."""

    def setUp(self) -> None:
        super().setUp()
        self.kad = Kad()

    def file(self, text: str, mode: int = 0o600) -> str:
        path = Path(self.mktemp())
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def test_a_verb_goes_to_the_gateway(self) -> None:
        for given in (("--node", URL, "status"), ("status", "--node", URL)):
            self.assertEqual(self.kad(*given), os.EX_OK)
        self.assertIn(b"Network", self.kad.printed)
        self.assertEqual(self.kad.gateways, [(URL, None)] * 2)

    def test_the_token_of_the_environment(self) -> None:
        self.kad.environ["KADTWISTED_HTTP_TOKEN"] = "a-token"
        self.kad("status", "--node", URL)
        self.assertEqual(self.kad.gateways, [(URL, "a-token")])

    def test_the_token_of_a_file_alone_or_as_the_gateway_keeps_it(self) -> None:
        self.kad.environ["KADTWISTED_HTTP_TOKEN"] = "another"
        for text in ("a-token\n", "# ours\nread a-token\n"):
            self.kad("status", "--node", URL, "--token-file", self.file(text))
        self.assertEqual(self.kad.gateways, [(URL, "a-token")] * 2)

    def test_a_file_that_will_not_do(self) -> None:
        for path, words in (
            ("/nonexistent", "cannot read the token"),
            (self.file(""), "has one token"),
            (self.file("one\ntwo\n"), "has one token"),
            (self.file("a-token", 0o644), "chmod 600"),
        ):
            self.assertNotEqual(self.kad("status", "--node", URL, "--token-file", path), os.EX_OK)
            self.assertIn(words, self.kad.said.splitlines()[-1])
        self.assertEqual(self.kad.gateways, [])

    def test_a_second_node_is_refused(self) -> None:
        for more in (
            ("--bootstrap", "192.0.2.7:8000"),
            ("--state-dir", "/tmp"),
            ("--port", "8000"),
            ("--network", "kad"),
        ):
            self.assertEqual(self.kad("get", "a", "--node", URL, *more), os.EX_USAGE)
            self.assertIn(f"so does {more[0]}: leave out one", self.kad.said)

    def test_verbs_that_use_no_node_say_so(self) -> None:
        self.assertEqual(self.kad("plugins", "--node", URL), os.EX_USAGE)
        self.assertIn("kad plugins uses no running node", self.kad.said)

    def test_a_token_without_a_gateway_is_a_mistake(self) -> None:
        given = ("status", "--token-file", self.file("a-token"))
        self.assertEqual(self.kad(*given), os.EX_USAGE)
        self.assertIn("--token-file is for --node", self.kad.said)

    def test_kad_wait_asks_the_gateway_too(self) -> None:
        self.assertEqual(self.kad("wait", "--node", URL), os.EX_OK)
        self.assertEqual(self.kad.gateways, [(URL, None)])

    def test_the_variable_is_no_setting_of_a_node(self) -> None:
        environ = {"KADTWISTED_HTTP_TOKEN": "a-token", "XDG_CONFIG_HOME": "/nonexistent"}
        self.assertEqual(Configuration(environ).load().given, {})
