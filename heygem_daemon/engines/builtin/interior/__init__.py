"""The inside of the mouth: donor frames, the mouth bank and the painted cavity."""
