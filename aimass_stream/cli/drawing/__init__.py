"""What `aimass draw` does: answers about images, drawn on the images that they are about."""
