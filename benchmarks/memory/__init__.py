"""Whether processes stay as large as they are, over two million records."""
