"""Which classifier the acoustic baseline uses, decided inside the training split.

Every candidate is fitted on some training speakers and tried on others, in
turn, so that each training utterance is predicted once by a classifier that
never heard its speaker. The candidate with the highest macro-F1 over these
pooled predictions is chosen and fitted again to the whole training split. The
same predictions set one temperature per classifier, which turns its scores into
probabilities. Nothing outside the training split takes part.

scikit-learn (extra ``baseline``) is imported late.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special
from numpy.typing import NDArray

from equivoice.errors import MissingDependencyError
from equivoice.models.protocols import FloatArray

__all__ = [
    "CANDIDATES",
    "Choice",
    "Classifier",
    "choose",
    "fit_classifier",
    "inner_folds",
    "soften",
    "steady_fitting",
    "temperature",
]

Indices = NDArray[np.int64]
InnerFolds = list[tuple[Indices, Indices]]

CANDIDATES: Mapping[str, tuple[str, ...]] = {
    "LDA, shrinkage 0.5": ("lda-0.5",),
    "LDA, shrinkage 0.2": ("lda-0.2",),
    "SVM, RBF, C 3, gamma 1/features": ("svm-3-1",),
    "SVM, RBF, C 10, gamma 0.3/features": ("svm-10-0.3",),
    "vote of LDA (0.5) and SVM (C 3)": ("lda-0.5", "svm-3-1"),
    "vote of LDA (0.2) and SVM (C 10)": ("lda-0.2", "svm-10-0.3"),
}
"""From the name of a candidate to the classifiers whose probabilities it averages."""

_WITHOUT_CHOICE = "LDA, shrinkage 0.5"
_MOST_FOLDS = 5
_LIMIT_SD = 5.0
_TEMPERATURES = (0.02, 50.0)
_SMALLEST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class Classifier:
    """A fitted member: from features to scores over the label space.

    Args:
        pipeline: imputer, standardisation and classifier of scikit-learn;
            ``None`` where the training utterances had one class only.
        classes: positions in the label space of the classes it knows.
        size: number of labels in the label space.
    """

    pipeline: Any
    classes: Indices
    size: int

    def scores(self, values: FloatArray) -> FloatArray:
        """Scores of shape (n, K); −inf for labels that it does not know."""
        scores = np.full((len(values), self.size), -np.inf)
        if self.pipeline is None:
            scores[:, self.classes] = 0.0
            return scores
        decided = np.asarray(self.pipeline.decision_function(values), dtype=np.float64)
        if decided.ndim == 1:
            decided = np.stack([np.zeros_like(decided), decided], axis=1)
        scores[:, self.classes] = decided
        return scores


@dataclass(frozen=True)
class Choice:
    """What was chosen, and out of what.

    Args:
        chosen: a name of :data:`CANDIDATES`.
        scores: macro-F1 of each candidate over the inner folds; empty where
            there was nothing to choose by.
        temperatures: of each member of the chosen candidate.
        folds: number of inner folds.
        why_not: why nothing could be tried; empty where it could.
    """

    chosen: str
    scores: dict[str, float]
    temperatures: dict[str, float]
    folds: int
    why_not: str = ""

    @property
    def members(self) -> tuple[str, ...]:
        """The classifiers that the chosen candidate averages."""
        return CANDIDATES[self.chosen]


def choose(
    values: FloatArray,
    labels: Indices,
    speakers: Sequence[str],
    *,
    size: int,
    seed: int,
    workers: int = 1,
) -> Choice:
    """The best candidate by cross-validation over the training speakers.

    Args:
        values: features of the training utterances, shape (n, F), NaN allowed.
        labels: positions in the label space, shape (n,).
        speakers: who speaks, n names.
        size: number of labels in the label space.
        seed: of the assignment of speakers to inner folds.
        workers: threads; the answer does not depend on it.

    Returns:
        the choice; of equal candidates the first.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    folds, why_not = inner_folds(labels, speakers, seed=seed)
    members = sorted({member for names in CANDIDATES.values() for member in names})
    if why_not:
        neutral = dict.fromkeys(CANDIDATES[_WITHOUT_CHOICE], 1.0)
        return Choice(_WITHOUT_CHOICE, {}, neutral, 0, why_not)
    tasks = [(member, fold) for fold in folds for member in members]

    def held_out(task: tuple[str, tuple[Indices, Indices]]) -> FloatArray:
        member, (train, held) = task
        fitted = fit_classifier(member, values[train], labels[train], size=size)
        return fitted.scores(values[held])

    with steady_fitting(), ThreadPoolExecutor(max(1, workers)) as threads:
        found = list(threads.map(held_out, tasks))
    scores = {member: np.full((len(labels), size), -np.inf) for member in members}
    for (member, (_, held)), part in zip(tasks, found, strict=True):
        scores[member][held] = part
    temperatures = {member: temperature(scores[member], labels) for member in members}
    probabilities = {m: soften(scores[m], temperatures[m]) for m in members}
    reached = {
        name: _macro_f1(labels, np.mean([probabilities[m] for m in names], axis=0).argmax(axis=1))
        for name, names in CANDIDATES.items()
    }
    chosen = max(reached, key=lambda name: reached[name])
    kept = {member: temperatures[member] for member in CANDIDATES[chosen]}
    return Choice(chosen, reached, kept, len(folds))


def inner_folds(labels: Indices, speakers: Sequence[str], *, seed: int) -> tuple[InnerFolds, str]:
    """Speaker-disjoint, label-stratified inner folds, at most five.

    Returns:
        pairs of positions (fit, held out), and why there are none.

    Example:
        >>> labels = np.array([0, 1] * 4)
        >>> folds, why_not = inner_folds(labels, list("aabbccdd"), seed=0)
        >>> len(folds), why_not
        (4, '')
        >>> inner_folds(labels, ["a"] * 8, seed=0)
        ([], 'one training speaker only')
    """
    groups = np.unique(np.asarray(speakers), return_inverse=True)[1]
    count = min(_MOST_FOLDS, int(groups.max()) + 1, int(np.bincount(labels).max()))
    if len(np.unique(labels)) < 2:
        return [], "one class only in the training split"
    if groups.max() == 0:
        return [], "one training speaker only"
    if count < 2:
        return [], "no class with two training utterances"
    splitter = _sklearn("model_selection").StratifiedGroupKFold(
        count, shuffle=True, random_state=seed % 2**32
    )
    with warnings.catch_warnings():
        # A class rarer than the folds is no fault: it is missing in some of them.
        warnings.simplefilter("ignore", UserWarning)
        parts = list(splitter.split(np.zeros((len(labels), 1)), labels, groups))
    return [(fit, held) for fit, held in parts if len(fit) and len(held)], ""


def fit_classifier(member: str, values: FloatArray, labels: Indices, *, size: int) -> Classifier:
    """Fit one member: median imputation, standardisation, classifier.

    Imputation and standardisation are learned from ``values`` alone;
    standardised features are limited to ±5. Classes weigh the same, however
    often they occur.

    Args:
        member: a member of :data:`CANDIDATES`.
        values: shape (n, F), NaN allowed.
        labels: positions in the label space, shape (n,).
        size: number of labels in the label space.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    classes = np.unique(labels)
    if len(classes) < 2:
        return Classifier(None, classes, size)
    preparation = [
        _sklearn("impute").SimpleImputer(strategy="median", keep_empty_features=True),
        _sklearn("preprocessing").StandardScaler(),
        _sklearn("preprocessing").FunctionTransformer(
            np.clip, kw_args={"a_min": -_LIMIT_SD, "a_max": _LIMIT_SD}
        ),
    ]
    estimator = _estimator(member, values.shape[1], len(labels), len(classes))
    pipeline = _sklearn("pipeline").make_pipeline(*preparation, estimator)
    return Classifier(pipeline.fit(values, labels), classes, size)


def temperature(scores: FloatArray, labels: Indices) -> float:
    """The temperature at which ``softmax(scores / T)`` has the least log loss.

    Args:
        scores: shape (n, K); −inf for labels that were unknown.
        labels: the true positions, shape (n,).
    """
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        probabilities = soften(scores, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(probabilities[rows, labels], _SMALLEST_PROBABILITY)).mean())

    low, high = np.log(_TEMPERATURES)
    found = scipy.optimize.minimize_scalar(loss, bounds=(low, high), method="bounded")
    return float(np.exp(found.x))


def soften(scores: FloatArray, temperature: float) -> FloatArray:
    """``softmax(scores / temperature)`` along the labels; shape (n, K)."""
    return np.asarray(scipy.special.softmax(scores / temperature, axis=1), dtype=np.float64)


def _estimator(member: str, features: int, rows: int, classes: int) -> Any:
    kind, *numbers = member.split("-")
    if kind == "lda" and rows > classes:
        return _sklearn("discriminant_analysis").LinearDiscriminantAnalysis(
            solver="lsqr", shrinkage=float(numbers[0]), priors=np.full(classes, 1 / classes)
        )
    # LDA needs more utterances than classes; with fewer its place is taken by an SVM.
    cost, width = map(float, numbers) if kind == "svm" else (1.0, 1.0)
    return _sklearn("svm").SVC(
        C=cost,
        gamma=width / features,
        class_weight="balanced",
        decision_function_shape="ovr",
        cache_size=300,
    )


def _macro_f1(labels: Indices, predicted: Indices) -> float:
    score = _sklearn("metrics").f1_score(
        labels, predicted, labels=np.unique(labels), average="macro", zero_division=0
    )
    return float(score)


def _sklearn(module: str) -> Any:
    try:
        return import_module(f"sklearn.{module}")
    except ImportError:
        raise MissingDependencyError(
            "scikit-learn", extra="baseline", purpose="the acoustic baseline"
        ) from None


@contextmanager
def steady_fitting() -> Iterator[None]:
    """One BLAS thread a fit, so that sums have one order and numbers repeat; no idle warnings.

    A class with a single utterance has no spread of its own, of which LDA warns;
    its mean still counts, and the pooled spread comes from the other classes.
    Entered in the main thread only, because filters of warnings are shared.
    """
    try:
        threadpoolctl = import_module("threadpoolctl")
    except ImportError:
        raise MissingDependencyError(
            "threadpoolctl", extra="baseline", purpose="the acoustic baseline"
        ) from None
    with threadpoolctl.threadpool_limits(1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Only one sample available")
        yield
