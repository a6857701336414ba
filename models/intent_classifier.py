"""Tells what a message wants. `aimass demo` trains it; point it at a model of your own."""

from aimass_stream.adapters.transformers import Transformers

intent_classifier = Transformers("text-classification", "models://messages-intent", latency_ms=50)
