"""Decodes and encodes media files. The only package that uses PyAV."""
