"""The face detector and the face mesh, as torch modules."""
