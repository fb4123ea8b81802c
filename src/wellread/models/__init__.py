"""Models: a name as it stands in ``wellread.toml`` comes in (``kind:name``), something that chats, embeds or reranks goes out."""
