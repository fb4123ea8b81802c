"""Requests over HTTP come in; cited answers, passages and pages go out, each as its caller may see them."""
