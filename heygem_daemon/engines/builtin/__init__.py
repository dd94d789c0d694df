"""The engine that ships with its weights: the person's own mouth, moved."""
