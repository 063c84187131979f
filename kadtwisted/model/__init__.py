"""The vocabulary: ids, contacts, messages, records.  No bytes here but bencode's."""
