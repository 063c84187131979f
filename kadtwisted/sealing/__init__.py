"""Bytes to datagrams and back: sealed for one recipient (``box``), or in the clear (``plain``)."""
