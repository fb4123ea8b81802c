"""A question's words and vector come in; ranked chunks go out, one file a way of finding."""
