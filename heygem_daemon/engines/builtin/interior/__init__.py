"""The inside of the mouth: donor frames, the mouth bank and the shipped inside of real mouths."""
