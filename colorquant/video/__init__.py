"""Frames of videos and animations, in and out. This is the only room that knows PyAV."""
