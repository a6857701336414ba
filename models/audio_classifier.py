"""Tells tones, chirps, knocks, speech and hum apart. Point it at a model of your own."""

from aimass_stream.adapters.transformers import Transformers

audio_classifier = Transformers("audio-classification", "models://sounds-whisper", latency_ms=100)
