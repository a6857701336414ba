"""Sending a folder to a topic: what is the same for every modality, and a file for each of them.

`items` is the seam. A modality makes items; everything else (pacing, journal, progress, the
broker) moves items and knows nothing of what is in them.
"""
