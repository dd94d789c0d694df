"""From audio to predicted mouth parameters."""
