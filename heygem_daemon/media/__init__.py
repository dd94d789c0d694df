"""Decoding and encoding through PyAV; nothing else touches it."""
