"""Marks results as synthetic media, and reads the marks of any file back."""
