"""The engine for checkpoints of the Wav2Lip family that users bring."""
