"""From nothing running to the first hits of a store that is already filled: each peer beside wellread.

    python -m bench.peers --environments FOLDER --stores FOLDER --static-weights FOLDER [--base FOLDER]

--environments holds one virtual environment per peer (llamaindex, langchain, haystack, txtai), --stores what each
persisted (li_li, lc_lc/x.json, lcc_lc, hs_hs.json, tx_tx: the names that the scripts of the peers give), --base a base
of wellread with the same documents. Every run is a fresh process of this file, which needs nothing of wellread:
imports, the same static embedder, the store, one question, ten hits. A peer that is not there is left out.

    ENVIRONMENT/bin/python bench/peers.py answer NAME STORE WEIGHTS     one such run
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

QUESTION = "how do I create an index"
# name: (environment, what it persisted)
PEERS = {
    "llamaindex": ("llamaindex", "li_li"),
    "langchain": ("langchain", "lc_lc/x.json"),
    "langchain-chroma": ("langchain", "lcc_lc"),
    "haystack": ("haystack", "hs_hs.json"),
    "txtai": ("txtai", "tx_tx"),
}
QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
}


def main() -> None:
    """All peers, then wellread; or one answer of one peer."""
    if sys.argv[1:2] == ["answer"]:
        name, store, weights = sys.argv[2:5]
        print(len(globals()["answer_" + name.replace("-", "_")](store, Table(Path(weights)))))
        return
    from bench.common import keep

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--stores", type=Path, required=True)
    parser.add_argument("--static-weights", type=Path, required=True)
    parser.add_argument("--base", type=Path, help="with the default embedder; made by `wellread add`")
    parser.add_argument("--runs", type=int, default=3)
    keep("start-up-peers", compare(parser.parse_args()))


def compare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Median wall and CPU seconds of each."""
    from bench.ingest import seconds, start_up

    os.environ.update(QUIET)
    figures: dict[str, Any] = {}
    for name, (environment, store) in PEERS.items():
        python, path = arguments.environments / environment / "bin" / "python", arguments.stores / store
        if not python.exists() or not path.exists():
            continue
        command = [str(python), __file__, "answer", name, str(path), str(arguments.static_weights)]
        figures[name] = seconds(command, arguments.runs)
        print(name, figures[name], flush=True)
    if arguments.base:
        figures["wellread"] = start_up(arguments.base, Path())
    return figures


class Table:
    """WordLlama's token vectors, averaged: as bench/wordllama.py, with the tokenizer that the peers install."""

    def __init__(self, folder: Path) -> None:
        import numpy as np
        from tokenizers import Tokenizer

        raw = (folder / "w.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        entry = next(v for k, v in json.loads(raw[8 : 8 + length]).items() if k != "__metadata__")
        table = np.frombuffer(raw[8 + length :], {"F16": np.float16, "F32": np.float32}[entry["dtype"]])
        self.table = table.reshape(entry["shape"])
        self.tokenizer = Tokenizer.from_file(str(folder / "tok.json"))

    def one(self, text: str) -> Any:
        """(256,) of length 1."""
        import numpy as np

        ids = self.tokenizer.encode(text, add_special_tokens=False).ids or [0]
        mean = self.table[ids].astype(np.float32).mean(0)
        return mean / (np.linalg.norm(mean) + 1e-9)


def answer_llamaindex(store: str, table: Table) -> Any:
    """Hits of the default vector store."""
    from llama_index.core import Settings, StorageContext, load_index_from_storage
    from llama_index.core.embeddings import BaseEmbedding

    class Embedding(BaseEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            return table.one(text).tolist()

        _get_query_embedding = _get_text_embedding

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return table.one(query).tolist()

    Settings.embed_model, Settings.llm = Embedding(), None
    index = load_index_from_storage(StorageContext.from_defaults(persist_dir=store))
    return index.as_retriever(similarity_top_k=10).retrieve(QUESTION)


def langchain_embeddings(table: Table) -> Any:
    """The table as LangChain wants it."""
    from langchain_core.embeddings import Embeddings

    class Embedding(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [table.one(text).tolist() for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return table.one(text).tolist()

    return Embedding()


def answer_langchain(store: str, table: Table) -> Any:
    """Hits of the store in memory, loaded from its dump."""
    from langchain_core.vectorstores import InMemoryVectorStore

    return InMemoryVectorStore.load(store, langchain_embeddings(table)).similarity_search(QUESTION, k=10)


def answer_langchain_chroma(store: str, table: Table) -> Any:
    """Hits of Chroma's persisted collection."""
    from langchain_chroma import Chroma

    found = Chroma(
        collection_name="ttt", embedding_function=langchain_embeddings(table), persist_directory=store
    ).similarity_search(QUESTION, k=10)
    return found or sys.exit("the collection is empty")


def answer_haystack(store: str, table: Table) -> Any:
    """Hits of the store in memory, loaded from its file."""
    from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    loaded = InMemoryDocumentStore.load_from_disk(store)
    found = InMemoryEmbeddingRetriever(loaded, top_k=10).run(query_embedding=table.one(QUESTION).tolist())
    return found["documents"]


def answer_txtai(store: str, table: Table) -> Any:
    """Hits of the saved hybrid index."""
    import numpy as np
    from txtai import Embeddings

    embeddings = Embeddings()
    embeddings.load(store, config={"transform": lambda texts: np.stack([table.one(text) for text in texts])})
    return embeddings.search(QUESTION, 10)


if __name__ == "__main__":
    main()
