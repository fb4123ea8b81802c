"""Two answers of one way to a question come in; which of them people, rules or a model found better goes out."""
