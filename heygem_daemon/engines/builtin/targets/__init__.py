"""From predicted mouth parameters to this person's mouth in every output frame."""
