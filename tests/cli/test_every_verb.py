"""Each verb of ``kad`` is played hostile texts, as an argument and as what a node says."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from unittest import mock

from kadtwisted.cli.arguments import make_parser
from kadtwisted.errors import ErrorReply, Unavailable
from tests.cli.harness import Kad
from tests.cli.hostile import VIA, HarmlessTestCase
from tests.daemon.fakes import FakeNode

Play = Callable[[str], tuple[str, ...]]
"""A command line with a text of somebody else in it."""

PLAYS: dict[str, tuple[Play, ...]] = {
    "bootstrap": (lambda text: ("--interface", text), lambda text: ("--bootstrap", text)),
    "join": (lambda text: ("--bootstrap", text), lambda text: (*VIA, "--interface", text)),
    "store": (
        lambda text: (*VIA, "--key", text, "--value", "v"),
        lambda text: (*VIA, "--key", "k", "--value", "v", "--lifetime", text),
        lambda text: (*VIA, "--mutable", "--key-file", f"/proc/{text}", "v"),
        lambda text: (*VIA, "--mutable", "--key-file", "f", "--cas", text, "v"),
        lambda text: (*VIA, f"kad:{text}", "v"),
        lambda text: (*VIA, "--from", f"/nowhere/{text[:50]}"),
        lambda text: (*VIA, "--from", "-", "--resume", f"/nowhere/{text[:50]}"),
    ),
    "put": (lambda text: (*VIA, text, "v"), lambda text: (*VIA, "k", "v", text)),
    "set": (lambda text: (*VIA, "k", "v", f"--{text}"),),
    "del": (lambda text: (*VIA, text),),
    "rm": (lambda text: (*VIA, text, text),),
    "get": (
        lambda text: (*VIA, "--key", text),
        lambda text: (*VIA, f"kad:{text}"),
        lambda text: (*VIA, "--from", f"/nowhere/{text[:50]}"),
        lambda text: (*VIA, "--key", "k", text),
    ),
    "delete": (lambda text: (*VIA, "--key", text), lambda text: ("--bootstrap", text)),
    "watch": (
        lambda text: (*VIA, "--count", "1", "--key", text),
        lambda text: (*VIA, "k", "--kind", text),
        lambda text: (*VIA, "k", "--count", text),
    ),
    "pin": (lambda text: ("--key", text), lambda text: ("k", "--holders", text)),
    "unpin": (lambda text: (text,), lambda text: ("--state-dir", f"/nowhere/{text[:50]}", "k")),
    "announce": (
        lambda text: (text,),
        lambda text: ("k", "--attributes", text),
        lambda text: ("k", "--attributes", f"@/nowhere/{text[:50]}"),
        lambda text: ("k", "--port", text),
    ),
    "withdraw": (lambda text: (text,),),
    "providers": (lambda text: (*VIA, text), lambda text: (*VIA, "k", "--limit", text)),
    "ping": (lambda text: (text,), lambda text: ("192.0.2.7:8000", "--allow", text)),
    "path": (lambda text: (*VIA, text), lambda text: (*VIA, f"{text}@192.0.2.7:8000")),
    "find-node": (lambda text: (*VIA, text), lambda text: (*VIA, "--key", text)),
    "top": (lambda text: ("--every", text), lambda text: ("--token-file", text)),
    "doctor": (
        lambda text: (text,),
        lambda text: ("--node", "http://localhost", "--token-file", f"/nonexistent/{text}"),
    ),
    "status": (
        lambda text: ("--state-dir", f"/nowhere/{text[:50]}"),
        lambda text: ("--port", text),
    ),
    "key": (
        lambda text: (text, "/proc/file"),
        lambda text: ("new", f"/proc/{text}"),
        lambda text: ("show", f"/proc/{text}"),
    ),
    "own": (lambda text: ("--state-dir", f"/nowhere/{text[:50]}"),),
    "routing": (lambda text: ("--state-dir", f"/nowhere/{text[:50]}"),),
    "wait": (lambda text: ("--for", text), lambda text: (text,)),
    "config": (lambda text: (text,), lambda text: ("check", "--config", f"/nowhere/{text}")),
    "export": (
        lambda text: ("--storage", text, "-"),
        lambda text: ("--storage", "memory", f"/nowhere/{text}"),
    ),
    "import": (
        lambda text: ("--storage", text, "-"),
        lambda text: ("--storage", "memory", f"/nowhere/{text}"),
    ),
    "init": (
        lambda text: ("--open", "--interface", text, "/proc/there"),
        lambda text: (f"/proc/{text}",),
    ),
    "secret": (lambda text: (text,), lambda text: ("new", f"/proc/{text}")),
    "completion": (lambda text: (text,),),
    "plugins": (lambda text: (text,),),
    "demo": (lambda text: ("--seed", text), lambda text: ("--nodes", text)),
    "simulate": (lambda text: (text,), lambda text: ("--set", text), lambda text: ("--seed", text)),
}


class EveryVerbTests(HarmlessTestCase):
    def run_kad(self, text: str, *argv: str) -> str:
        """All that ``kad`` writes, with a node whose every answer is an error with this text."""
        asked = "ping", "find_node", "open_path", "get", "put", "delete"
        errors = dict.fromkeys(asked, ErrorReply(3, text))
        silent = Unavailable(f"nobody: {text}", {text: text})
        kad = Kad(FakeNode(bootstrap=silent, **errors))
        with (
            mock.patch.object(sys, "stderr", io.StringIO()) as stderr,
            mock.patch.object(sys, "stdout", io.StringIO()) as stdout,
        ):
            kad(*argv)
        return kad.printed.decode() + kad.said + stderr.getvalue() + stdout.getvalue()

    def test_every_verb_has_a_play(self) -> None:
        (verbs,) = (
            each.choices
            for each in make_parser()._actions
            if isinstance(each, argparse._SubParsersAction)
        )
        self.assertEqual(set(PLAYS), set(verbs))

    def test_arguments(self) -> None:
        for verb, plays in PLAYS.items():
            for play in plays:
                for mode in ((), ("--json",)):
                    self.assert_harmless(
                        lambda text, argv=(*mode, verb), play=play: self.run_kad(
                            "harmless", *argv, *play(text)
                        )
                    )

    def test_what_nodes_say(self) -> None:
        for argv in (
            ("store", *VIA, "--key", "k", "--value", "v"),
            ("get", *VIA, "--key", "k"),
            ("get", "--first", "--trace", *VIA, "--key", "k"),
            ("delete", *VIA, "--key", "k"),
            ("ping", "192.0.2.7:8000"),
            ("find-node", *VIA, "--key", "k"),
            ("path", *VIA, "ab" * 32),
        ):
            for mode in ((), ("--json",)):
                self.assert_harmless(lambda text, argv=(*mode, *argv): self.run_kad(text, *argv))
