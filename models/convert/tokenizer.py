"""The tokenizer of the text encoder, in the format of the `tokenizers` library (Python and Rust read the same file)."""

import base64
import io
import json

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

import e5

SPACE = "\u2581"  # how SentencePiece writes the blank before a word
# Where SentencePiece's table differs from the one inside the package: these vanish, and these become a blank.
VANISHING = "[\\x01-\\x08\\x0b\\x0e-\\x1f\\x7f\\x8f\\x9f]"
BLANK = "[\u200c\u200d]"


def normalisation() -> bytes:
    """SentencePiece's own `nmt_nfkc` table, taken out of a throw-away model (0.2.0 has the Unicode version of the encoder's)."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d e f g h"] * 20), model_writer=model, vocab_size=16,
        normalization_rule_name="nmt_nfkc", hard_vocab_limit=False, minloglevel=2,
    )
    parsed = sentencepiece_model_pb2.ModelProto()
    parsed.ParseFromString(model.getvalue())
    return parsed.normalizer_spec.precompiled_charsmap


def replace(pattern: str, content: str) -> dict:
    return {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}


def special_tokens(model: e5.E5) -> list[dict]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return [{"id": i, "content": text, **flags} for text, i in sorted(model.special.items(), key=lambda item: item[1])]


def template(model: e5.E5) -> dict:
    def token(text: str) -> dict:
        return {"SpecialToken": {"id": text, "type_id": 0}}

    def sequence(name: str) -> dict:
        return {"Sequence": {"id": name, "type_id": 0}}

    start, end = token("<s>"), token("</s>")
    known = {t: {"id": t, "ids": [model.special[t]], "tokens": [t]} for t in ("<s>", "</s>")}
    single = [start, sequence("A"), end]
    pair = [start, sequence("A"), end, end, sequence("B"), end]
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": known}


def write(model: e5.E5, keep: list[int], path: str) -> None:
    table = base64.b64encode(normalisation()).decode()
    metaspace = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True}
    steps = [replace(VANISHING, ""), replace(BLANK, " "), {"type": "Precompiled", "precompiled_charsmap": table}, replace(" {2,}", " ")]
    vocabulary = [[model.pieces[i], float(model.scores[i])] for i in keep]
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special_tokens(model),
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": metaspace,
        "post_processor": template(model),
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": model.special["<unk>"], "vocab": vocabulary, "byte_fallback": False},
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, separators=(",", ":"))
