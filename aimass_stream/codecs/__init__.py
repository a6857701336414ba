"""Bytes to arrays within limits, and the store for payloads too large for a message.

Decoders run in device processes; nothing here knows Kafka or a model library.
"""
