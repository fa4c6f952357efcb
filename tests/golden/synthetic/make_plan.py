"""Write plan.json: run it by hand when the recipe changes on purpose, and raise RECIPE_VERSION.

The golden file holds the plan and the votes, not the sound: Praat's arithmetic may
differ in the last bit from processor to processor, what is drawn does not.

    python tests/golden/synthetic/make_plan.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from equivoice.corpora.synthetic import Biases, Imbalance, Shortcut
from equivoice.corpora.synthetic.cast import cast_speakers
from equivoice.corpora.synthetic.plan import plan_takes
from equivoice.corpora.synthetic.raters import cast_votes
from equivoice.corpora.synthetic.recipe import RECIPE_VERSION

GOLDEN = Path(__file__).with_name("plan.json")


def plan() -> dict[str, Any]:
    """The plan of a tiny corpus with every bias planted, as JSON can hold it."""
    biases = Biases(shortcut=Shortcut(), imbalance=Imbalance())
    cast = cast_speakers(4, seed=0)
    takes = plan_takes(cast, per_speaker=6, biases=biases, seed=0)
    votes = cast_votes(takes, biases, seed=0)
    content = {
        "recipe_version": RECIPE_VERSION,
        "speakers": [speaker.as_record() for speaker in cast],
        "takes": [take.as_job() for take in takes],
        "votes": votes.select("item", "rater", "value").rows(),
    }
    return dict(json.loads(json.dumps(content)))


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(plan(), indent=1, ensure_ascii=False) + "\n", "utf-8")
