"""The route of verbs: who may do what, and how errors are told."""

from __future__ import annotations

from kadtwisted.api import describe_status
from kadtwisted.errors import NotFound
from kadtwisted.web.verbs import READING
from tests.daemon.fakes import a_status
from tests.web.serving import READER, GatewayCase


class VerbsTests(GatewayCase):
    def test_a_verb_gives_what_the_control_socket_gives(self) -> None:
        answer = self.ask("POST", "/v1/verbs/status", token=READER)
        self.assertEqual(answer.json, describe_status.of_status(a_status()))

    def test_arguments_stand_in_the_body(self) -> None:
        self.ask("POST", "/v1/verbs/find-node", {"key": "name"}, token=READER)
        self.assertEqual([call[0] for call in self.node.calls], ["find_node"])

    def test_what_changes_something_needs_a_writer(self) -> None:
        for verb in ("put", "delete", "announce", "withdraw", "pin", "unpin", "put-record", "ping",
                     "open-path", "no-such-verb"):  # fmt: skip
            self.assertNotIn(verb, READING)
            answer = self.ask("POST", f"/v1/verbs/{verb}", {}, token=READER)
            self.refused(answer, 403, f"the verb '{verb}' needs a token of the role write")
            self.refused(self.ask("POST", f"/v1/verbs/{verb}", {}, token=""), 401, "role write")
        self.assertEqual(self.node.calls, [])

    def test_a_writer_may(self) -> None:
        answer = self.ask("POST", "/v1/verbs/put", {"key": "a", "value_base64": "Yg=="})
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.node.calls[0][:3], ("put", "a", b"b"))

    def test_an_error_is_told_with_its_type(self) -> None:
        self.node.answers["get"] = NotFound("nothing is there")
        answer = self.ask("POST", "/v1/verbs/get", {"key": "a"}, token=READER)
        self.refused(answer, 404, "nothing is there")
        self.assertEqual(answer.json["error"], "NotFound")

    def test_verbs_that_are_not_there_and_streams_are_refused(self) -> None:
        for verb, words in (("no-such-verb", "verb"), ("watch", "stream")):
            answer = self.ask("POST", f"/v1/verbs/{verb}", {"key": "a"})
            self.refused(answer, 400, words)
