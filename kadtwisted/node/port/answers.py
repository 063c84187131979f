"""What an answer says of the node that gave it."""

from __future__ import annotations

from kadtwisted.model.messages import Feature, Pong
from kadtwisted.node.port.requests import Answer
from kadtwisted.routing.displaced import is_elsewhere


def says_read_only(answer: Answer) -> bool:
    """Whether a node says that it belongs in no table."""
    body = answer.reply.body
    return isinstance(body, Pong) and bool(body.features & Feature.READ_ONLY)


def says_elsewhere(answer: Answer) -> bool:
    """Whether a node says that it is not at the address at which it was asked."""
    body = answer.reply.body
    return isinstance(body, Pong) and is_elsewhere(answer.contact.endpoint, body.own)
