"""Files, documents, questions and logs come in; a checked, split and frozen data set goes out."""
