"""Whether processes stay as large as they are, over a million records."""
