"""Following faces over the pictures of a video, and choosing the one that speaks."""
