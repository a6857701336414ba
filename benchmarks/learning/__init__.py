"""What learners reach, and what they cost."""
