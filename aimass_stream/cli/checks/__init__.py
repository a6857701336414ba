"""What `aimass doctor` looks at, a file for each part of the surroundings."""
