"""Models: ``kind:name`` as in ``wellread.toml`` comes in, something that chats, embeds or reranks goes out."""
