"""Running text comes in; a tokenizer and a small model trained on nothing else go out."""
