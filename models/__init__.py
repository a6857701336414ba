"""What scores it: one declaration per file."""
