"""Sequences of frames: one fit for all of them, the labels of each frame, and measures over time."""
