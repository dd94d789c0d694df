"""Sound to features: mel spectrograms, the Whisper encoder, speech activity."""
