"""Signed values: written with keys that the node holds, so that nobody else can replace them.

A key is made by an admin and never given out; who may write has values signed with it.  A program
that holds a key of its own signs by itself, and stores the record: :mod:`.raw`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.api import describe
from kadtwisted.api.answers import InvalidRequest
from kadtwisted.api.arguments import SEQUENCE_END
from kadtwisted.api.operations import Operations
from kadtwisted.errors import InvalidInput, SigningKeyError, Superseded
from kadtwisted.identity.signing import SigningKey
from kadtwisted.interfaces import INode
from kadtwisted.state.keyring import KeyExists, KeyRing, NoSuchKey
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.forms import (
    A_RECEIPT,
    A_VALUE,
    KEEP,
    MODE,
    SINCE,
    WAIT,
    WRITING,
    body_of,
    condition,
    receipt,
)
from kadtwisted.web.live.polling import Polls
from kadtwisted.web.parameters import whole
from kadtwisted.web.problems import Refused
from kadtwisted.web.records.values import KEPT, read
from kadtwisted.web.routing import VALUE_BODY, Gives, Route

SEQ = whole("seq", "Its sequence number; by default the next.", 0, SEQUENCE_END - 1)
CONDITIONS = ("If-Match", "If-None-Match")


class Signed:
    """The routes of keys and of what they sign; without ``keys``, as where there is no state
    directory, each says so."""

    def __init__(
        self, node: INode, operations: Operations, polls: Polls, keys: KeyRing | None
    ) -> None:
        self._node = node
        self._operations = operations
        self._polls = polls
        self._keyring = keys

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        key, read_role = "/v1/keys/{name}", Role.READ
        routes = [
            Route("GET", "/v1/keys", read_role, "The keys that sign values.", self.keys),
            Route("GET", key, read_role, "The public key of one.", self.key),
            Route(
                "POST", key, Role.ADMIN, "Make a key; it stays with the node.", self.make_key,
                gives=Gives((201,)),
            ),
        ]  # fmt: skip
        for path, what in (
            ("/v1/signed/{name}", "of a key"),
            ("/v1/signed/{name}/{salt}", "of a key under a salt"),
        ):
            routes += [
                Route(
                    "GET", path, read_role, f"Read the value {what}, or wait for another one.",
                    self.get, (MODE, *SINCE), gives=A_VALUE, conditions=KEPT,
                ),
                Route(
                    "PUT", path, Role.WRITE, f"Sign a value and store it as that {what}.", self.put,
                    (*WRITING, SEQ), VALUE_BODY, A_RECEIPT, CONDITIONS,
                ),
                Route(
                    "DELETE", path, Role.WRITE, f"Replace the value {what} by a tombstone.",
                    self.delete, (KEEP, WAIT),
                ),
            ]  # fmt: skip
        return tuple(routes)

    def keys(self, _: Call) -> Answer:
        """All keys; those whose files cannot be used are named apart."""
        ring = self._ring()
        keys, unusable = [], []
        for name in ring.names():
            try:
                keys.append(_described(name, ring.key(name)))
            except SigningKeyError:
                unusable.append(name)
        return Answer({"keys": keys, **({"unusable": unusable} if unusable else {})})

    def key(self, call: Call) -> Answer:
        """One of them."""
        name = call.path["name"]
        return Answer(_described(name, self._key(call)))

    def make_key(self, call: Call) -> Answer:
        """Make one."""
        name = call.path["name"]
        try:
            return Answer(_described(name, self._ring().make(name)), 201)
        except KeyExists as error:
            raise Refused(409, str(error)) from None

    def get(self, call: Call) -> Deferred[Answer | None]:
        """The value."""
        place = {"reference": str(self._key(call).reference(_salt(call)))}
        return read(self._operations, self._polls, place, call)

    def put(self, call: Call) -> Deferred[Answer | None]:
        """Sign the body and store it: the next version, or with ``If-Match`` the one after it."""
        key, salt = self._key(call), _salt(call)
        cas, asked = condition(call), dict(call.asked)
        new = call.header("if-none-match").strip()
        if new:
            if new != "*" or cas is not None or "seq" in asked:
                raise InvalidRequest(
                    "If-None-Match: * alone says that there must be no value yet; to replace one, "
                    "send If-Match with its ETag"
                )
            asked["seq"] = 1
        putting: Deferred[Any] = self._node.put_mutable(
            key, body_of(call), salt=salt, cas=cas, **asked
        )
        if new:
            putting.addErrback(_there_is_one)
        return putting.addCallback(describe.of_receipt).addCallback(receipt)

    def delete(self, call: Call) -> Deferred[Answer | None]:
        """Replace it by a tombstone."""
        if call.header("if-match") or call.header("if-none-match"):
            raise InvalidRequest("a value is deleted whatever it is; If-Match is for PUT")
        deleting = self._node.delete_mutable(self._key(call), salt=_salt(call), **call.asked)
        return deleting.addCallback(describe.of_receipt).addCallback(Answer)

    def _ring(self) -> KeyRing:
        if self._keyring is None:
            raise InvalidInput("a node without a state directory holds no keys; see --state-dir")
        return self._keyring

    def _key(self, call: Call) -> SigningKey:
        try:
            return self._ring().key(call.path["name"])
        except NoSuchKey as error:
            raise Refused(404, str(error)) from None


def _salt(call: Call) -> bytes:
    return call.path.get("salt", "").encode()


def _described(name: str, key: SigningKey) -> dict[str, str]:
    return {
        "name": name,
        "public_key": key.public_key.hex(),
        "reference": str(key.reference()),
    }


def _there_is_one(failure: Failure) -> None:
    failure.trap(Superseded)
    raise Refused(412, "there is a value already, or its tombstone; read it, and send If-Match")
