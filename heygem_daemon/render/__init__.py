"""Renders one job: timeline, template, chunks, joining, review and report."""
