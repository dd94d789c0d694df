"""Face detection, face mesh and tracking in torch."""
