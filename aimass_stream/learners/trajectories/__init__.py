"""How and where people move and stay, and what is unusual in it: the declaration, and its state."""

from aimass_stream.learners.trajectories.declaration import Fence, TrajectoryDetector

__all__ = ["Fence", "TrajectoryDetector"]
