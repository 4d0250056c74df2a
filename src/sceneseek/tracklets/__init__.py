"""Who is who from one frame of a video to the next: the detections of one person, linked into tracklets."""

from sceneseek.tracklets.evidence import LinkingEvidence
from sceneseek.tracklets.linking import TrackletLinker, patience_for, tracklet_number
from sceneseek.tracklets.scoring import TrackletScores, score_tracklets

__all__ = ["LinkingEvidence", "TrackletLinker", "TrackletScores", "patience_for", "score_tracklets", "tracklet_number"]
