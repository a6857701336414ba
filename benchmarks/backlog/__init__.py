"""A worker before a backlog that its model is too slow for: memory, and the lag it tells."""
