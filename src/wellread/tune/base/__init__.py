"""A base model's name comes in; a model that can be trained, its tokenizer, template and weight files go out."""
