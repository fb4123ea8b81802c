"""A model's name and settings come in; a chat, embedding or reranking model goes out, one file a provider."""
