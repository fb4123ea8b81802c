"""A model and a few batches come in; which blocks are worth training goes out."""
