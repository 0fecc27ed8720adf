"""Two-point boundary value problems, one per cell, on the mesh that the data have."""
