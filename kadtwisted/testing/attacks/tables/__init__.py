"""Attacks on whom a node knows: addresses, contacts and contact lists."""
