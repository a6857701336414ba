"""Finds orders, products, cities, dates and amounts in a message. `aimass demo` trains it."""

from aimass_stream.adapters.transformers import Transformers

entity_finder = Transformers("token-classification", "models://messages-entities", latency_ms=50)
