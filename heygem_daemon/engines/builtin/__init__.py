"""The built-in engine: moves the person's own mouth, with weights that ship with the program."""
