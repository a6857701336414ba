"""Watches how right all that say what messages want are, each version apart."""

from aimass_stream.learners import QualityWatch
from models.intent_head import intent_head

intent_quality = QualityWatch("intent-quality", intent_head.labels, part="intent")
