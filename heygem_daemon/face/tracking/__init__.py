"""Follows faces over the pictures of a video and chooses the one that speaks."""
