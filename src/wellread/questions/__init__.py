"""Files of questions come in; checked, split and frozen sets, with the evidence found in the documents, go out."""
