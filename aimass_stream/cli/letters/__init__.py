"""Dead letters at the terminal: picked, listed, shown whole, and replayed."""
