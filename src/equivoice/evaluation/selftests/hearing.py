"""Does it hear, does a neighbour in the batch matter, does padding, what of long clips?"""

from __future__ import annotations

import math

from equivoice.errors import AudioError
from equivoice.evaluation.selftests.asking import Asked, apart
from equivoice.evaluation.selftests.gate import Gate, Outcome
from equivoice.evaluation.selftests.probes import Probes
from equivoice.models import Clip, Decoding, Draw

__all__ = ["batch", "hears", "long_clips", "padding"]

_HEARS = "Other speech, and silence, of the same length change what the model says."
_BATCH = "Other clips of the same length in a batch change nothing."
_PADDING = "A longer clip in a batch, which makes the others be padded, changes nothing."
_LONG = "Of a clip of 35 s nothing is dropped without a word."
_LEAST = 1e-6
_TIMES_NOISE = 10.0
_DRAWS = tuple(Draw(1.0, seed) for seed in range(1, 9))
_GREEDY = (Draw(0.0, 1),)
_DEAF = "the model takes no sound"


def hears(asked: Asked, probes: Probes) -> Gate:
    """Whether the sound reaches the model: swapped or silenced, it must change something."""
    if not asked.hears:
        return Gate("hears", _HEARS, "not applicable", _DEAF)
    clips = (probes.first, probes.second, probes.silent)
    if not asked.scores_options:
        return _hears_by_answers(asked, clips)
    one, other, silent = (asked.scores([clip]) for clip in clips)
    noise = apart(one, asked.scores([probes.first]))
    changed = min(apart(one, other), apart(one, silent))
    least = max(_LEAST, _TIMES_NOISE * noise)
    outcome: Outcome = "passed" if changed > least else "failed"
    why = f"log-probabilities of the options change by {changed:.1e} with other sound"
    if outcome == "failed":
        why += ": the sound does not reach the model"
    return Gate("hears", _HEARS, outcome, why, changed, least)


def _hears_by_answers(asked: Asked, clips: tuple[Clip, ...]) -> Gate:
    """Of a system that only answers: with equal seeds, other sound must change an answer."""
    said = [asked.answers([clip], _DRAWS)[0] for clip in clips]
    if asked.answers([clips[0]], _DRAWS)[0] != said[0]:
        why = "equal seeds do not give equal answers, so a change would say nothing"
        return Gate("hears", _HEARS, "undefined", why)
    changed = sum(a != b for other in said[1:] for a, b in zip(said[0], other, strict=True))
    total = len(_DRAWS) * (len(clips) - 1)
    if changed:
        why = f"{changed} of {total} answers change with other sound"
        return Gate("hears", _HEARS, "passed", why, changed / total, 0.0)
    if len(set(said[0])) == 1:
        why = f"the model says {said[0][0]!r} to everything, so that nothing can be seen"
        return Gate("hears", _HEARS, "undefined", why, 0.0, 0.0)
    why = f"none of {total} answers changes with other sound: it does not reach the model"
    return Gate("hears", _HEARS, "failed", why, 0.0, 0.0)


def batch(asked: Asked, probes: Probes) -> Gate:
    """Whether an answer depends on its neighbours in a batch; all clips are of one length."""
    together = [probes.first, probes.second, probes.silent]
    return _alone_and_together(asked, "batch", _BATCH, together)


def padding(asked: Asked, probes: Probes) -> Gate:
    """Whether the padding that a longer neighbour brings is attended to."""
    if not asked.hears:
        return Gate("padding", _PADDING, "not applicable", _DEAF)
    return _alone_and_together(asked, "padding", _PADDING, [probes.short, probes.long])


def _alone_and_together(asked: Asked, name: str, checks: str, clips: list[Clip]) -> Gate:
    if not asked.scores_options:
        together = asked.answers(clips, _GREEDY)
        alone = [asked.answers([clip], _GREEDY)[0] for clip in clips]
        if alone != [asked.answers([clip], _GREEDY)[0] for clip in clips]:
            why = "the answers at temperature 0 differ when they are asked for again"
            return Gate(name, checks, "undefined", why)
        differ = sum(a != b for a, b in zip(together, alone, strict=True))
        outcome: Outcome = "failed" if differ else "passed"
        why = f"{differ} of {len(clips)} answers differ between one batch and each alone"
        return Gate(name, checks, outcome, why, differ / len(clips), 0.0)
    together_scores = asked.scores(clips)
    differ_by = max(
        apart(together_scores[row], asked.scores([clip])[0]) for row, clip in enumerate(clips)
    )
    outcome = "passed" if differ_by <= asked.tolerance else "failed"
    why = f"log-probabilities of the options differ by {differ_by:.1e} between batch and alone"
    return Gate(name, checks, outcome, why, differ_by, asked.tolerance)


def long_clips(asked: Asked, probes: Probes) -> Gate:
    """What becomes of a clip of 35 s: heard, refused, or cut, and then with a word."""
    if not asked.hears:
        return Gate("long clips", _LONG, "not applicable", _DEAF)
    try:
        changed = _change_after(asked, probes)
    except AudioError as error:
        return Gate("long clips", _LONG, "passed", f"refused: {error.problem}")
    return _policy_gate(asked, probes, changed)


def _policy_gate(asked: Asked, probes: Probes, changed: float | str) -> Gate:
    if isinstance(changed, str):
        return Gate("long clips", _LONG, "passed", f"refused: {changed}")
    if math.isnan(changed):
        why = "the model says the same to everything, so that nothing can be seen"
        return Gate("long clips", _LONG, "undefined", why)
    if changed > 0:
        why = f"heard whole: what is said after {probes.heard_by_all:g} s changes the answer"
        return Gate("long clips", _LONG, "passed", why, changed, 0.0)
    policy = asked.described.get("clips")
    if isinstance(policy, dict) and policy.get("longer") == "cut":
        why = f"cut at {policy.get('max_seconds', probes.heard_by_all):g} s, as the record says"
        return Gate("long clips", _LONG, "passed", why, 0.0, 0.0)
    why = f"what is said after {probes.heard_by_all:g} s changes nothing, and the record is silent"
    return Gate("long clips", _LONG, "failed", why, 0.0, 0.0)


def _change_after(asked: Asked, probes: Probes) -> float | str:
    """How much the end of an overlong clip changes; a text says why it was not answered."""
    if asked.scores_options:
        return apart(asked.scores([probes.overlong]), asked.scores([probes.overlong_changed]))
    clips = (probes.overlong, probes.overlong_changed)
    said = asked.backend.answer(
        [asked.question(clip) for clip in clips], [list(_DRAWS)] * 2, Decoding.neutral()
    )
    reasons = [each.reason for row in said for each in row if each.text is None]
    if reasons:
        return reasons[0] or "no answer"
    texts = [[each.text for each in row] for row in said]
    if len(set(texts[0])) == 1 and texts[0] == texts[1]:
        return math.nan
    changed = sum(a != b for a, b in zip(texts[0], texts[1], strict=True))
    return changed / len(_DRAWS)
