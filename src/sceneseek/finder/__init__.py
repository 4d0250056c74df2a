"""Predictor and gallery together: look for people in media, remember them, find them again."""

from sceneseek.finder.asking import Box, QueryPerson
from sceneseek.finder.finder import Finder
from sceneseek.finder.indexing import FramesOf, IndexSummary

__all__ = ["Box", "Finder", "FramesOf", "IndexSummary", "QueryPerson"]
