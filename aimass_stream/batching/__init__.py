"""Batching: which waiting records ride together, and how large a batch may be.

Pure: no Kafka, no model library, no event loop; time is handed in.
"""

from aimass_stream.batching.buckets import bucket
from aimass_stream.batching.policy import Answered, BatchPolicy, Budget, Demand
from aimass_stream.batching.queue import BatchQueue, Entry

__all__ = ["Answered", "BatchPolicy", "BatchQueue", "Budget", "Demand", "Entry", "bucket"]
