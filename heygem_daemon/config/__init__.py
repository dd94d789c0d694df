"""Configuration: the operator's settings, and the users' job options and sidecars."""
