"""From predicted mouth parameters to what this person does in every output frame."""
