"""Models trained on a part of real data and scored on the rest, through the topics."""
