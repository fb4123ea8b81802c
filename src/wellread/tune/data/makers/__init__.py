"""Documents, questions and facts come in; checked examples that name the chunks they came from go out."""
