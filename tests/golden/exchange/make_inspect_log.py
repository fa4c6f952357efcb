"""How ``inspect_0.3.285.eval`` was made, by Inspect itself and its fake model.

pip install inspect-ai==0.3.285 && python make_inspect_log.py
"""

from __future__ import annotations

from inspect_ai import Task, eval  # noqa: A004 - Inspect's own name
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import match
from inspect_ai.solver import generate

SAMPLES = [
    Sample(input="q", target="sad", id=f"a-{k}", metadata={"audio": f"/x/{k}.wav"}) for k in (1, 2)
]
SAID = ("I hear sadness. " * 20, "angry", "sad", "happy")
OUTPUTS = [ModelOutput.from_content("mockllm/model", text) for text in SAID]
for output in OUTPUTS:
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
eval(
    Task(dataset=MemoryDataset(SAMPLES), solver=generate(), scorer=match(), epochs=2),
    model=get_model("mockllm/model", custom_outputs=OUTPUTS),
    log_dir="logs",
    temperature=0.7,
)
