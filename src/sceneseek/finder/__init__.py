"""Predictor and gallery together: look for people in media, remember them, find them again."""

from sceneseek.finder.asking import Box, QueryPerson
from sceneseek.finder.finder import Finder
from sceneseek.finder.indexing import IndexSummary, expected_pictures
from sceneseek.finder.reading import FramesOf

__all__ = ["Box", "Finder", "FramesOf", "IndexSummary", "QueryPerson", "expected_pictures"]
