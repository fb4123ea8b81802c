"""Settings and a data set come in; what a run will cost, better settings, or a folder to run elsewhere go out."""
