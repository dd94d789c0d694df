"""From the sound to the mouth parameters that it asks for."""
