"""`aimass demo`: a stream with known truth, the real worker, and a report that adds up."""
