"""What `aimass verify` does beside the suite: reads the inputs, shows the run, prints the end."""
