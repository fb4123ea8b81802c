"""Parts of a word processor's document (WordprocessingML) come in; text, numbers of lists and tables go out."""
