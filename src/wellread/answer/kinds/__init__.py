"""Ways of answering without a model, one file for each kind of question, behind one contract (``case``)."""
