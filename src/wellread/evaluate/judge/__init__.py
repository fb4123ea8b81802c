"""Answers come in; a chat model's verdicts go out, never without its agreement with people."""
