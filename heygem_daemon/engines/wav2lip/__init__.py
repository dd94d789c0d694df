"""The engine for users' checkpoints of the Wav2Lip family."""
