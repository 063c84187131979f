"""The page at ``/``, its scripts and its style: files of this package, as they are.

The files hold nothing of the node, so everybody may have them; what the page shows it asks for
afterwards, as any other client does.  A browser runs the scripts of these files and no others, asks
nobody but this gateway, and lets no other page frame this one (:data:`POLICY`).
"""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType

from kadtwisted.web.access import Role
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.problems import Refused
from kadtwisted.web.routing import BINARY, Gives, Route

HTML = "text/html; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
STYLE = "text/css; charset=utf-8"
PICTURE = "image/svg+xml"

INDEX_FILE = "index.html"
FILES = MappingProxyType(
    {
        "app.js": SCRIPT,
        "box.js": SCRIPT,
        "dom.js": SCRIPT,
        "format.js": SCRIPT,
        "icon.svg": PICTURE,
        "lookups.js": SCRIPT,
        "node.js": SCRIPT,
        "overview.js": SCRIPT,
        "records.js": SCRIPT,
        "routing.js": SCRIPT,
        "style.css": STYLE,
        "traffic.js": SCRIPT,
        "uplot/uPlot.esm.js": SCRIPT,
        "uplot/uPlot.min.css": STYLE,
    }
)
"""All files that the page asks for, and what they are."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # text never becomes HTML
    )
)
"""What a browser lets the page do (Content Security Policy Level 3, Trusted Types)."""


class Dashboard:
    """The routes of the page."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[bytes, str]] = {}  # at most one entry a file of the page

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        kept = ("If-None-Match",)
        of_files = dict.fromkeys((each.partition(";")[0] for each in FILES.values()), BINARY)
        return (
            Route(
                "GET", "/", Role.NONE, "The dashboard, for people.", self.index,
                gives=Gives((200, 304), {"text/html": BINARY}), conditions=kept,
            ),
            Route(
                "GET", "/dashboard/{file}", Role.NONE, "Its scripts and its style.", self.file,
                gives=Gives((200, 304), of_files), conditions=kept,
            ),
        )  # fmt: skip

    def index(self, call: Call) -> Answer:
        """The page."""
        return self._file(INDEX_FILE, HTML, call)

    def file(self, call: Call) -> Answer:
        """One of its files."""
        wanted = call.path["file"]
        for name, content_type in FILES.items():
            if name.rpartition("/")[2] == wanted:
                return self._file(name, content_type, call)
        raise Refused(404, "the dashboard has no such file; open / itself")

    def _file(self, name: str, content_type: str, call: Call) -> Answer:
        body, tag = self._loaded(name)
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
        known = call.header("if-none-match").split(",")
        # A proxy that packs what it passes on makes a tag weak.
        if tag in (each.strip().removeprefix("W/") for each in known):
            return Answer(None, 304, content_type, headers)
        return Answer(body, 200, content_type, headers)

    def _loaded(self, name: str) -> tuple[bytes, str]:
        """The bytes of a file, and its tag: read when it is asked for first."""
        found = self._read.get(name)
        if found is None:
            body = files("kadtwisted.web.dashboard").joinpath("page", name).read_bytes()
            found = self._read[name] = body, f'"{sha256(body).hexdigest()[:32]}"'
        return found
