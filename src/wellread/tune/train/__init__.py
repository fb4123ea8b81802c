"""Examples and a model with trainable weights come in; checkpoints, the best weights and their outcome go out."""
