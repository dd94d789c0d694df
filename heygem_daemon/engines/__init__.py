"""What turns pictures, face tracks and sound into mouth pixels; one folder an engine."""
