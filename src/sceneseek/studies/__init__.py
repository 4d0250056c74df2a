"""Studies: many training runs that differ in a few keys, with several seeds each, and one table at the end."""

from sceneseek.studies.definition import Study, parse_study, read_study, study_names
from sceneseek.studies.plan import Selection
from sceneseek.studies.reproduce import StudyResult, reproduce

__all__ = ["Selection", "Study", "StudyResult", "parse_study", "read_study", "reproduce", "study_names"]
