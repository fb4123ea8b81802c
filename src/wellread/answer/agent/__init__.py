"""Answering in steps: a chat model thinks, acts with tools, reads what they give, and its answer is checked."""
