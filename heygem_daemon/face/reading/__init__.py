"""Reads one picture: finds faces, places the crop, reads landmarks, colours and pose."""
