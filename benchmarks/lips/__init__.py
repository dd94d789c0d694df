"""The parts of the lip-sync benchmark: material, renders, figures, costs and tables."""
