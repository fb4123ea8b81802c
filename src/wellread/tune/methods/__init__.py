"""A base model comes in; the same model goes out with what is to be learned attached. One file is one method."""
