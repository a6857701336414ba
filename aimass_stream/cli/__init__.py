"""The commands of `aimass`: each reads its settings, calls one room, and says what happened."""
