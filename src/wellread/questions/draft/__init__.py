"""Documents come in; draft questions with their answers and evidence, and why others were dropped, go out."""
