"""One peer's hybrid pipeline over one set of documents; run by bench/pipelines.py with the peer's own Python.

    ENVIRONMENT/bin/python bench/pipeline_peers.py JOB.json

The job names the peer, the folder of the set, the embedder, the size of chunks (0: the peer's default) and the
questions; what it gives is written beside it. Embedders are those of this checkout's wellread, so that every system has
the same vectors for the same text; nothing else of it is used. Vectors are kept with the seconds that they cost, so
that a run that was stopped resumes, and index times count them in full.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False", "TOKENIZERS_PARALLELISM": "false"}
import numpy as np

LEG = 100  # passages of each search, as many as wellread takes by default
Ranking = list[str]  # ids of documents, best first, each once


class Kept:
    """wellread's embedder, with every vector kept."""

    def __init__(self, model: str, path: Path) -> None:
        from wellread.models.settings import EmbedSettings

        kind, _, name = model.partition(":")
        module = {"static": "wellread.models.providers.static", "onnx": "wellread.models.providers.minilm"}[kind]
        opened = __import__(module, fromlist=["open_embedder"])
        self.model = opened.open_embedder(name, EmbedSettings(model=model), Path(), None)
        self.rows = sqlite3.connect(path)
        self.rows.execute("create table if not exists kept (hash text primary key, vector blob, seconds real)")
        self.seconds = self.spent = 0.0  # that the vectors asked for have cost, whenever that was; and in this run

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        """(n, dim) float32."""
        made: dict[str, np.ndarray] = {}
        keys = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
        for key in set(keys):
            row = self.rows.execute("select vector, seconds from kept where hash = ?", (key,)).fetchone()
            if row is not None:
                made[key] = np.frombuffer(row[0], np.float32)
                self.seconds += row[1]
        left = {key: text for key, text in zip(keys, texts, strict=True) if key not in made}
        names = sorted(left, key=lambda key: len(left[key]))
        for start in range(0, len(names), 64):
            part = names[start : start + 64]
            began = time.perf_counter()
            vectors = self.model.embed([left[key] for key in part])
            each = (time.perf_counter() - began) / len(part)
            self.seconds += each * len(part)
            self.spent += each * len(part)
            rows = [(key, vector.tobytes(), each) for key, vector in zip(part, vectors, strict=True)]
            self.rows.executemany("insert or replace into kept values (?, ?, ?)", rows)
            self.rows.commit()
            made.update(zip(part, vectors, strict=True))
        return np.stack([made[key] for key in keys])

    def question(self, text: str) -> list[float]:
        """(dim,); not kept: its time is part of the answer's."""
        vector: list[float] = self.model.embed([text], "query")[0].tolist()
        return vector


def main() -> None:
    """Reads the job, writes job.out.json: rankings and milliseconds of each way, seconds and chunks of the index."""
    path = Path(sys.argv[1])
    job = json.loads(path.read_text("utf-8"))
    lines = (Path(job["folder"]) / "corpus.jsonl").read_text("utf-8").splitlines()
    texts = {
        row["_id"]: f"{row.get('title', '')}\n\n{row['text']}" for row in map(json.loads, filter(str.strip, lines))
    }
    kept = Kept(job["embedder"], Path(job["vectors"]))
    began = time.perf_counter()
    ways, n_chunks = {"llamaindex": llamaindex, "haystack": haystack}[job["peer"]](texts, kept, job["chunk"])
    index_s = time.perf_counter() - began - kept.spent + kept.seconds
    done: dict[str, Any] = {"chunks": n_chunks, "index_s": index_s, "ways": {}}
    for name, search in ways.items():
        search(job["questions"][0])
        rankings, ms = [], []
        for question in job["questions"]:
            began = time.perf_counter()
            rankings.append(search(question))
            ms.append((time.perf_counter() - began) * 1e3)
        done["ways"][name] = {"rankings": rankings, "ms": ms}
    path.with_suffix(".out.json").write_text(json.dumps(done), "utf-8")


def llamaindex(texts: dict[str, str], kept: Kept, chunk: int) -> tuple[dict[str, Callable[[str], Ranking]], int]:
    """SentenceSplitter, VectorStoreIndex and BM25Retriever, fused by QueryFusionRetriever as its guide shows."""
    from llama_index.core import Document, Settings, VectorStoreIndex
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.retrievers.bm25 import BM25Retriever

    class Embedding(BaseEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            return kept.passages([text])[0].tolist()

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return kept.passages(texts).tolist()

        def _get_query_embedding(self, query: str) -> list[float]:
            return kept.question(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return kept.question(query)

    Settings.llm, Settings.embed_model = None, Embedding(embed_batch_size=512)
    splitter = SentenceSplitter(chunk_size=chunk, chunk_overlap=chunk // 8) if chunk else SentenceSplitter()
    nodes = splitter.get_nodes_from_documents([Document(text=text, id_=id) for id, text in texts.items()])
    dense = VectorStoreIndex(nodes).as_retriever(similarity_top_k=LEG)
    words = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=LEG)

    def way(retriever: Any) -> Callable[[str], Ranking]:
        return lambda question: list(dict.fromkeys(hit.node.ref_doc_id for hit in retriever.retrieve(question)))

    def fused(mode: str) -> Any:
        return QueryFusionRetriever(
            [dense, words],
            similarity_top_k=LEG,
            num_queries=1,
            mode=mode,
            use_async=False,  # type: ignore[arg-type]  # text serves
        )

    modes = {"reciprocal_rerank": "rrf", "relative_score": "relative", "dist_based_score": "distribution"}
    ways = {short: way(fused(mode)) for mode, short in modes.items()}
    return {**ways, "dense": way(dense), "bm25": way(words)}, len(nodes)


def haystack(texts: dict[str, str], kept: Kept, chunk: int) -> tuple[dict[str, Callable[[str], Ranking]], int]:
    """DocumentSplitter, InMemoryDocumentStore, its two retrievers and DocumentJoiner, as in its tutorial."""
    from haystack import Document
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.preprocessors import DocumentSplitter
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    length = {"split_length": chunk, "split_overlap": chunk // 16} if chunk else {}
    splitter = DocumentSplitter(split_by="word", **length)  # type: ignore[arg-type]  # numbers
    pieces = splitter.run(documents=[Document(content=text, meta={"of": id}) for id, text in texts.items()])[
        "documents"
    ]
    vectors = kept.passages([piece.content or "" for piece in pieces])
    for piece, vector in zip(pieces, vectors, strict=True):
        piece.embedding = vector.tolist()
    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    store.write_documents(pieces)
    words, dense = InMemoryBM25Retriever(store, top_k=LEG), InMemoryEmbeddingRetriever(store, top_k=LEG)

    def found(hits: Sequence[Any]) -> Ranking:
        return list(dict.fromkeys(hit.meta["of"] for hit in hits))

    def by_words(question: str) -> Any:
        return words.run(query=question)["documents"]

    def by_meaning(question: str) -> Any:
        return dense.run(query_embedding=kept.question(question))["documents"]

    def way(mode: str) -> Callable[[str], Ranking]:
        joiner = DocumentJoiner(join_mode=mode, top_k=LEG)
        return lambda question: found(joiner.run([by_words(question), by_meaning(question)])["documents"])

    return {
        "rrf": way("reciprocal_rank_fusion"),
        "distribution": way("distribution_based_rank_fusion"),
        "dense": lambda question: found(by_meaning(question)),
        "bm25": lambda question: found(by_words(question)),
    }, len(pieces)


if __name__ == "__main__":
    main()
