"""Finds faces, reads their landmarks and tracks them, in torch."""
