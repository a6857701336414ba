"""Reads handwritten digits. `aimass demo` trains it; point it at a model of your own."""

from aimass_stream.adapters.transformers import Transformers

image_classifier = Transformers("image-classification", "models://digits-resnet", latency_ms=50)
