"""Questions and ways of answering them come in; scores with intervals, a comparison and a recommendation go out."""
