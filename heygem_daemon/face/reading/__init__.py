"""Reading one picture: find a face, place the crop, read its landmarks and pose."""
