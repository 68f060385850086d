"""Figures of a classifier that looks at several norms for one question."""

import numpy as np
from sklearn.metrics import roc_auc_score


def best(scores: np.ndarray, right: np.ndarray, items: np.ndarray) -> dict[int, tuple[float, bool]]:
    """For each item the highest score among its norms, and whether that norm is the right one."""
    found: dict[int, tuple[float, bool]] = {}
    for score, is_right, item in zip(scores.tolist(), right.tolist(), items.tolist()):
        if item not in found or score > found[item][0]:
            found[item] = (score, bool(is_right))
    return found


def threshold_for(tops: dict, positive: set[int], alarms: float) -> float:
    """The lowest threshold with at most this share of false alarms among the negative items."""
    negatives = sorted((score for item, (score, _) in tops.items() if item not in positive), reverse=True)
    return float(np.nextafter(negatives[int(alarms * len(negatives))], np.inf))


def figures(tops: dict, positive: set[int], threshold: float, among=None) -> dict[str, float]:
    chosen = {item: top for item, top in tops.items() if among is None or item in among}
    yes = [top for item, top in chosen.items() if item in positive]
    no = [top for item, top in chosen.items() if item not in positive]
    share = lambda values: float(np.mean(values)) if values else float("nan")
    both = yes and no
    return {
        "items": len(chosen),
        "first": share([right for _, right in yes]),
        "recall": share([right and score >= threshold for score, right in yes]),
        "alarms": share([score >= threshold for score, _ in no]),
        "auc": float(roc_auc_score([1] * len(yes) + [0] * len(no), [s for s, _ in yes + no])) if both else float("nan"),
    }


def calibration_error(probabilities: np.ndarray, y: np.ndarray, bins: int = 10) -> float:
    """The mean gap between what is promised and what comes true, over bins of equal width."""
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    gaps = [abs(probabilities[which == b].mean() - y[which == b].mean()) * (which == b).mean() for b in range(bins) if (which == b).any()]
    return float(np.sum(gaps))
