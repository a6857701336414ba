"""Proving delivery: an oracle that reads nothing but topics."""
