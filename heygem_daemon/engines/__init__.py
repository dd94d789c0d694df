"""Turns pictures, face tracks and sound into mouth pixels; one folder per engine."""
