"""From a turn to the heads' inputs: FEATURES.md in Python. The section numbers below are those of that file."""

import hashlib
import json
import os
import re
import tomllib

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

MODELS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NORM_FEATURES = [
    "has_picture", "norm_has_see", "norm_has_asks", "see_match", "see_near", "label_norm", "label_query", "label_sure",
    "cue_query", "ask_query", "ask_scene", "points",
]
PAIR_FEATURES = [*NORM_FEATURES, "query_norm", "scene_norm", "first_look"]
ANSWER_FEATURES = ["has_picture", "see_match", "norm_has_answers", "answer_breach"]
QUERY, PASSAGE = "query", "passage"

POINTING_WORDS = set("""
this these those pictured
este esta esto estos estas ese esa eso esos esas isto isso esse essa esses essas ce cet cette ces ceci cela ça
questo questa questi queste quest dies diese dieser dieses diesen diesem deze dit tego tym tę tej
это этот эта эти эту этого этой этих этим этом bu bunu bunun bunlar bunları şu şunu
هذا هذه هذي هذول هؤلاء هاي هاد هاذا بهذا بهذه لهذا لهذه این اینها اینو همین یہ اس ان זה זאת זו אלה הזה הזאת
ini này hii hiki hizi huyu hili haya ito nito itong ይህ ይህን ይሄ ይሄን ይህንን እነዚህ እነዚህን
यह ये इस इसे इन इन्हें इनमें इसको এটা এটি এই এগুলো αυτό αυτή αυτά αυτόν αυτήν
""".split())
POINTING_PARTS = (
    "one of them", "in the photo", "in the picture", "這", "这", "圖中", "图中", "照片里", "これ", "この", "こちら", "こういう", "写真の",
    "이거", "이것", "이걸", "이런", "이건", "이게", "사진 속", "นี้", "ในรูป", "இது", "இந்த", "இதை", "ဒီ", "នេះ", "ນີ້",
)
BREAKS = re.compile(r"[\s!-/:-@\[-`{-~¿¡«»“”„‘’‹›、。，！？：；（）「」『』《》…—–।؟،؛٬·]+")


def sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def session(path: str, threads: int = 1) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Encoder:
    """The text-encoder bundle, one text at a time; `cache` names a file that keeps embeddings and states between runs."""

    def __init__(self, cache: str | None = None, threads: int = 1):
        folder = os.path.join(MODELS, "text-encoder")
        with open(os.path.join(folder, "model.toml"), "rb") as file:
            bundle = tomllib.load(file)
        self.prefixes = {QUERY: bundle["input"]["query_prefix"], PASSAGE: bundle["input"]["passage_prefix"]}
        self.tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.tokenizer.enable_truncation(bundle["input"]["max_tokens"])
        self.body = session(os.path.join(folder, "encoder-body.onnx"), threads)
        self.table = np.memmap(os.path.join(folder, "token-table.i4"), np.uint8, "r").reshape(-1, 192)
        self.scales = np.memmap(os.path.join(folder, "token-scales.f16"), "<f2", "r").reshape(-1, 12)
        self.known: dict[str, np.ndarray] = {}
        self.tokens: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.cache = cache
        self.stamp = sha256(os.path.join(folder, "encoder-body.onnx"))
        if cache and os.path.exists(cache):
            with np.load(cache, allow_pickle=False) as kept:
                if str(kept["stamp"]) == self.stamp:
                    self.known = dict(zip(kept["texts"].tolist(), kept["embeddings"]))
                    ends = np.cumsum(kept["lengths"])[:-1]
                    states = zip(np.split(kept["values"], ends), np.split(kept["steps"], ends))
                    self.tokens = dict(zip(kept["read"].tolist(), states))

    def save(self) -> None:
        if self.cache and self.known:
            texts, embeddings = list(self.known), np.stack(list(self.known.values()))
            values, steps = ([text[part] for text in self.tokens.values()] for part in (0, 1))
            rows = lambda parts, width, kind: np.concatenate(parts) if parts else np.empty((0, width), kind)
            kept = {"values": rows(values, 384, np.int8), "steps": rows(steps, 1, np.float32), "lengths": np.array([len(text) for text in values], np.int64)}
            np.savez(self.cache, stamp=self.stamp, texts=np.array(texts), embeddings=embeddings, read=np.array(list(self.tokens), np.str_), **kept)

    def rows(self, ids: np.ndarray) -> np.ndarray:
        packed = self.table[ids]
        values = np.empty((len(ids), 384), np.float32)
        values[:, 0::2], values[:, 1::2] = packed & 15, packed >> 4
        values[values > 7] -= 16
        return values * np.repeat(self.scales[ids].astype(np.float32), 32, axis=1)

    def __call__(self, prefix: str, text: str) -> np.ndarray:
        return self.both(prefix, text)[:384]

    def middle(self, prefix: str, text: str) -> np.ndarray:
        return self.both(prefix, text)[384:]

    def both(self, prefix: str, text: str) -> np.ndarray:
        """The two outputs of the encoder, one after the other."""
        full = self.prefixes[prefix] + text.strip()
        if full not in self.known:
            self.known[full] = np.concatenate([output[0] for output in self.run(full, ["embedding", "middle"])])
        return self.known[full]

    def states(self, prefix: str, text: str) -> np.ndarray:
        """The text's tokens half way, [T, 384], as the program keeps them: 8 bits, one step for each token."""
        full = self.prefixes[prefix] + text.strip()
        if full not in self.tokens:
            embedding, middle, states = self.run(full, ["embedding", "middle", "states"])
            self.known.setdefault(full, np.concatenate([embedding[0], middle[0]]))
            steps = np.abs(states[0]).max(axis=1, keepdims=True) / np.float32(127)
            self.tokens[full] = np.round(states[0] / np.maximum(steps, np.float32(1e-30))).astype(np.int8), steps
        values, steps = self.tokens[full]
        return values * steps

    def run(self, full: str, outputs: list[str]) -> list[np.ndarray]:
        ids = np.array(self.tokenizer.encode(full).ids)
        return self.body.run(outputs, {"token_embeddings": self.rows(ids)[None], "attention_mask": np.ones((1, len(ids)), np.int64)})


def singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def words(text: str) -> frozenset[str]:
    spaced = "".join(c if c.isalnum() else " " for c in text.lower())
    return frozenset(singular(w) for w in spaced.split())


def fits(label: frozenset[str], cue: frozenset[str]) -> bool:
    return bool(label) and bool(cue) and (label <= cue or cue <= label)


def points(query: str) -> float:
    """Section 5."""
    lower = query.lower()
    return float(any(p in lower for p in POINTING_PARTS) or not POINTING_WORDS.isdisjoint(BREAKS.split(lower)))


def scene_text(query: str, names: list[str], pictures: list[np.ndarray]) -> str:
    """Section 3."""
    seen: list[str] = []
    for p in pictures:
        for label in np.argsort(-p, kind="stable")[:3]:
            if p[label] > 0.1 and names[label] not in seen:
                seen.append(names[label])
    return f"{query.strip()} (in the photo: {', '.join(seen[:6])})" if seen else query.strip()


class Labels:
    """The names of the picture labels and their embeddings."""

    def __init__(self, encoder: Encoder):
        with open(os.path.join(MODELS, "picture-labels", "labels.json"), encoding="utf-8") as file:
            self.names: list[str] = json.load(file)
        self.words = [words(name) for name in self.names]
        self.matrix = np.stack([encoder(QUERY, name) for name in self.names]).astype("<f2")
        self.wide = self.matrix.astype(np.float32)
        self.encoder = encoder

    def named(self, name: str) -> np.ndarray:
        """Section 8."""
        equal = [i for i, known in enumerate(self.names) if known.lower() == name.lower()]
        fitting = equal or [i for i, label in enumerate(self.words) if fits(label, words(name))]
        index = fitting[0] if fitting else int(np.argmax(self.wide @ self.encoder(QUERY, name)))
        distribution = np.full(len(self.names), 0.2 / (len(self.names) - 1), np.float32)
        distribution[index] = 0.8
        return distribution

    def standing(self, embedding: np.ndarray) -> np.ndarray:
        s = self.wide @ embedding
        deviation = s.std()
        return (s - s.mean()) / deviation if deviation > 1e-6 else np.zeros_like(s)


def near(a: np.ndarray, b: np.ndarray, centre: np.ndarray) -> float:
    a, b = a - centre, b - centre
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    return float(a @ b / (lengths[0] * lengths[1])) if min(lengths) > 1e-6 else 0.0


class Norm:
    """A norm with everything that is computed once, when its pack loads."""

    def __init__(self, says: str, see: list[str], asks: list[str], answers: list[str], encoder: Encoder, labels: Labels):
        self.says = says
        self.embedding = encoder(PASSAGE, says)
        self.standing = labels.standing(self.embedding)
        self.cues = [encoder(QUERY, cue) for cue in see]
        self.cue_standings = [labels.standing(cue) for cue in self.cues]
        cue_words = [words(cue) for cue in see]
        self.fitting = np.array([any(fits(label, cue) for cue in cue_words) for label in labels.words], bool)
        self.asks = [encoder(QUERY, ask) for ask in asks]
        self.breaches = [encoder(PASSAGE, answer) for answer in answers]


class Turn:
    """A question with the label distributions of its pictures."""

    def __init__(self, query: str, pictures: list[np.ndarray], encoder: Encoder, labels: Labels):
        self.pictures = pictures
        self.query = encoder(QUERY, query)
        scene = scene_text(query, labels.names, pictures)
        self.scene, self.scene_middle = encoder(QUERY, scene), encoder.middle(QUERY, scene)
        self.standing = labels.standing(self.query)
        self.points = points(query)


def see_match(turn: Turn, norm: Norm) -> float:
    return max((min(1.0, float(p[norm.fitting].sum())) for p in turn.pictures), default=0.0)


def largest(values) -> float:
    return max((float(v) for v in values), default=0.0)


def norm_evidence(turn: Turn, norm: Norm, centre: np.ndarray, lists: bool = True) -> list[float]:
    """Section 4. Without `lists` the norm counts as one that has neither `see` nor `asks`."""
    cues, standings, asks = (norm.cues, norm.cue_standings, norm.asks) if lists else ([], [], [])
    return [
        float(bool(turn.pictures)),
        float(bool(cues)),
        float(bool(asks)),
        see_match(turn, norm) if cues else 0.0,
        largest(largest(p @ z for z in standings) for p in turn.pictures) if standings else 0.0,
        largest(p @ norm.standing for p in turn.pictures),
        largest(p @ turn.standing for p in turn.pictures),
        largest(p.max() for p in turn.pictures),
        largest(near(turn.query, cue, centre) for cue in cues),
        largest(near(turn.query, ask, centre) for ask in asks),
        largest(near(turn.scene, ask, centre) for ask in asks),
        turn.points,
    ]


def pair_evidence(turn: Turn, norm: Norm, centre: np.ndarray, lists: bool = True) -> list[float]:
    """Section 9, without the last number: the pair model is trained without the norm head's word, which is weighed in afterwards."""
    return [*norm_evidence(turn, norm, centre, lists), near(turn.query, norm.embedding, centre), near(turn.scene, norm.embedding, centre)]


def answer_evidence(turn: Turn, norm: Norm, answer: np.ndarray, centre: np.ndarray, lists: bool = True) -> list[float]:
    """Section 6."""
    return [
        float(bool(turn.pictures)),
        see_match(turn, norm) if lists else 0.0,
        float(bool(norm.breaches) and lists),
        largest(near(answer, breach, centre) for breach in norm.breaches) if lists else 0.0,
    ]
