"""Moves the pixels of a picture so that its mouth takes another shape."""
