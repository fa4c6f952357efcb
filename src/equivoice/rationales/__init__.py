"""Reasons for an emotion: written by a teacher, filtered, learnt, and held against the sound."""
