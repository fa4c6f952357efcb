"""Chat templates as the published models have them, and the text of prompts."""

from __future__ import annotations

TRAINING_TEXT = (
    "You are a highly capable assistant specialized in Speech Emotion Recognition",
    "You are a helpful assistant.",
    "You are an emotion classifier.\nPossible emotions: Angry, Sad.\n",
    "From the given audio, classify the emotion. Answer:",
    "Classify the speaker's tone in the preceding audio. Options: ",
    "Listen to the audio and identify the speaker's emotion. Choose from: ",
    "Angry, Happy, Sad, Neutral, Fearful, Disgust, Surprised, Calm",
    "angry happy sad neutral fear fearful disgust surprise surprised calm",
    "The emotion is. system user assistant Audio 1: The transcript says",
    "Kids are talking by the door. Dogs are sitting by the door.",
)

QWEN_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'audio' %}AUDIO_PLACE"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# As the published Audio Flamingo 3: the sound stands first in its turn, wherever it was put.
FLAMINGO_TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "{% for m in messages if m['content'] is not none %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% set sound = namespace(found=False) %}{% set text = namespace(v='') %}"
    "{% for c in m['content'] %}{% if c.get('type') == 'audio' or 'audio' in c %}"
    "{% set sound.found = True %}"
    "{% elif 'text' in c %}{% set text.v = text.v + c['text'] %}{% endif %}{% endfor %}"
    "{% if sound.found %}{{ '<sound>' }}{% endif %}{{ text.v }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

GLM_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{% if m['content'] is string %}{{ m['content'] }}"
    "{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'audio' %}<|begin_of_audio|><|pad|><|end_of_audio|>"
    "{% elif c['type'] == 'text' %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)

# As the published Granite Speech: contents are plain strings, the sound a token in them.
GRANITE_TEMPLATE = (
    "{% for m in messages %}<|start_of_role|>{{ m['role'] }}<|end_of_role|>"
    "{{ m['content'] }}<|end_of_text|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start_of_role|>assistant<|end_of_role|>{% endif %}"
)
