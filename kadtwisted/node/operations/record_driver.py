"""Drives a search for records: asks for them, has the answers judged, and reads on by cursor.

Most kinds have one record under a key.  Then each request names the best version found so far, and
a holder of that version need not send it again.

Some kinds have many records under a key.  Then a holder sends as many as fit into one answer, and a
cursor; of some kinds a random sample first, and behind its cursor all.  It is asked for more until
it has no more, or until it has sent as many as a holder keeps under one key.  A holder is not asked
again after an invalid record, after a page without a record that it has not sent yet, and after
:data:`READING_TIME`: so a liar with ever new cursors holds up nobody for long.  At most alpha
holders are asked for more at the same time.
The search is over when the lookup is over and all holders have been read.

A node that does not know the kind names contacts all the same.  It lives, but is passed over: the
records are kept by the closest nodes that know their kind.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import NamedTuple

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from kadtwisted.errors import ErrorReply, KadtwistedError, NodeStopped
from kadtwisted.lookup.iterative import PASSED_OVER
from kadtwisted.lookup.records import RecordSearch
from kadtwisted.model.contact import Contact
from kadtwisted.model.messages import (
    ErrorCode,
    FindNode,
    FindValue,
    Nodes,
    Records,
    RequestBody,
)
from kadtwisted.model.observed import RECORDS
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.lookup_driver import LookupDriver
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.requests import Answer
from kadtwisted.records.findings import Finding, Findings

READING_TIME = 30.0
"""MAGIC: seconds for which pages of one holder are read.  A full key of 512 announcements without
attributes is about 80 pages: enough for round trips of a third of a second."""


class NextPage(NamedTuple):
    """More records that a holder has: the cursor it gave, how many more it may send until when, and
    the records that its pages have brought."""

    holder: Contact
    cursor: bytes
    left: int
    until: float
    seen: set[bytes]


class RecordDriver(LookupDriver):
    """Runs a search for the records of one kind under one key; ``findings`` judges them.

    ``pages_at_once`` is how many holders are asked for their next page at the same time; with 0
    only the first page of each is read.
    """

    lookup: RecordSearch
    wanted = RECORDS

    def __init__(
        self,
        context: NodeContext,
        link: Link,
        search: RecordSearch,
        findings: Findings,
        pages_at_once: int = 0,
        *,
        gently: bool = False,
    ) -> None:
        super().__init__(context, link, search, gently=gently)
        self._pages_at_once = pages_at_once
        self._findings = findings
        self._unix_time = context.clock.network_time
        self._named: dict[Contact, bytes] = {}
        self._waiting: deque[NextPage] = deque()
        self._reading: dict[Contact, NextPage] = {}

    @property
    def unread(self) -> bool:
        """Whether a holder said that it has more, and was not asked for it."""
        return bool(self._waiting)

    def winners(self) -> tuple[Finding, ...]:
        """The record that wins at each place, and who holds it."""
        search = self.lookup
        return self._findings.winners(
            search.holders, search.closest(), ended_early=search.satisfied
        )

    def _body(self, contact: Contact) -> RequestBody:
        """Ask for the records; a holder of the best one found so far sends contacts only.  A search
        that ends with the first one has no use for contacts beside it."""
        known = self._findings.known_version()
        if known:
            self._named[contact] = known
        search = self.lookup
        return FindValue(search.target, self._findings.rules.number, known, alone=search.alone)

    def _take(self, answer: Answer) -> None:
        body, contact = answer.reply.body, answer.contact
        if not isinstance(body, Records):
            super()._take(answer)
            return
        contacts = self._usable(answer.contact, body.contacts)
        held, outcome = self._held(contact, body), "unchanged" if body.unchanged else "record"
        self.lookup.holds(contact, held)
        if body.items and not body.contacts and not self.lookup.satisfied:
            self._ask_for_contacts(contact, held)
        else:
            self._settle(contact, held, contacts, outcome)
        self._read_on()

    def _held(self, contact: Contact, body: Records) -> list[bytes]:
        """The versions that a contact turns out to hold by its answer."""
        if not body.unchanged:
            return self._judge(contact, body)
        named = self._named.get(contact)
        return [named] if named is not None else []

    def _versions(self, answer: Answer) -> list[bytes]:
        body = answer.reply.body
        return self._held(answer.contact, body) if isinstance(body, Records) else []

    def _settle(
        self, contact: Contact, held: list[bytes], contacts: list[Contact], outcome: str = "record"
    ) -> None:
        """A contact has answered to the end."""
        if held:
            self.lookup.found(contact, held, contacts, self._now(), outcome)
        else:
            self.lookup.replied(contact, contacts, self._now())

    def _ask_for_contacts(self, contact: Contact, held: list[bytes]) -> None:
        """The record left no room for contacts, or it was wanted alone and does not count.  Without
        contacts the search might end here."""

        def take(answer: Answer) -> None:
            body = answer.reply.body
            named = body.contacts if isinstance(body, Nodes) else ()
            self._settle(contact, held, self._usable(contact, named))

        def lose(failure: Failure, _: Contact) -> None:
            if failure.check(NodeStopped) or not failure.check(KadtwistedError, CancelledError):
                self._finish(failure)
            elif not self._over:
                self._settle(contact, held, [])

        asking = self._link.ask(contact, FindNode(self.lookup.target), known=True)
        self._watch(asking, take, lose, contact)

    def _lose(self, failure: Failure, contact: Contact) -> None:
        error = failure.value
        if isinstance(error, ErrorReply) and error.code == ErrorCode.UNKNOWN_KIND:
            self._link.refused_kind(contact, self._findings.rules.number)
            if self._over:
                return
            contacts = self._usable(contact, error.contacts)
            self.lookup.replied(contact, contacts, self._now(), PASSED_OVER)
        else:
            super()._lose(failure, contact)

    def _judge(self, holder: Contact, body: Records, page: NextPage | None = None) -> list[bytes]:
        """The versions of the records that count; also notes the holder's next page, if any.

        Records without time left and invalid ones are passed over.  No further page is read of a
        holder that sent an invalid one.  ``page`` is what it was asked for, if not the first one.
        """
        rules = self._findings.rules
        held: list[bytes] = []
        is_honest = True
        for item in body.items:
            if not item.remaining:
                continue
            judged = self._findings.take(item, holder, self._unix_time())
            if judged is None:
                is_honest = False
            elif judged.doubtful:
                self.lookup.claims(holder, judged.version)
            else:
                held.append(judged.version)
        if rules.many and is_honest and body.cursor:
            self._note_next(holder, body, page)
        return held

    # --- Page after page ---------------------------------------------------------------------

    def _note_next(self, holder: Contact, body: Records, page: NextPage | None) -> None:
        """The holder says that it has more: note what to ask it for, unless it has had its share.

        A random sample comes again among the pages behind it, and may be of nothing that lives.
        """
        rules = self._findings.rules
        is_sample = page is None and rules.sampled
        page = page or NextPage(holder, b"", rules.most, self._now() + READING_TIME, set())
        if is_sample:
            self._waiting.append(page._replace(cursor=body.cursor))
            return
        new = {each.record for each in body.items} - page.seen
        left = page.left - len(body.items)
        if new and left > 0 and self._now() < page.until:
            page.seen.update(new)
            self._waiting.append(page._replace(cursor=body.cursor, left=left))

    def _is_done(self) -> bool:
        return super()._is_done() and not self._reading

    def _read_on(self) -> None:
        """Ask holders for their next pages, as many as may be asked at the same time."""
        if self.lookup.satisfied:
            self._waiting.clear()
        while self._waiting and len(self._reading) < self._pages_at_once:
            page = self._waiting.popleft()
            self._reading[page.holder] = page
            rules = self._findings.rules
            body = FindValue(self.lookup.target, rules.number, b"", page.cursor)
            asking = self._link.ask(page.holder, body, known=True)
            self._watch(asking, partial(self._take_page, page), self._lose_page, page.holder)

    def _take_page(self, page: NextPage, answer: Answer) -> None:
        body, holder = answer.reply.body, page.holder
        del self._reading[holder]
        if isinstance(body, Records):
            self.lookup.holds(holder, self._judge(holder, body, page))
        self._read_on()

    def _lose_page(self, failure: Failure, holder: Contact) -> None:
        """The holder did not answer: its other records stay unread."""
        self._reading.pop(holder, None)
        if failure.check(NodeStopped) or not failure.check(KadtwistedError, CancelledError):
            self._finish(failure)
        elif not self._over:  # a search that was cancelled asks nobody more
            self._read_on()
