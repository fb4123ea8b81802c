"""A base and questions come in; better settings, proved on questions that nothing was chosen on, go out."""
