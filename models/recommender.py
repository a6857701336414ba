"""Learns what users turn to next; one state that all partitions share."""

from aimass_stream.learners import Recommender

recommender = Recommender("recommender", block_rows=1)
