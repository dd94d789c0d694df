"""Turns sound into features: mel spectrograms, Whisper encoder states, speech activity."""
