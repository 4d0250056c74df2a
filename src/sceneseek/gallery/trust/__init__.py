"""How far to trust a match: rates of strangers, camera by camera, and how full a gallery is around a query."""

from sceneseek.gallery.trust.calibration import Calibration, Rates, calibrate
from sceneseek.gallery.trust.calibration_file import Calibrator
from sceneseek.gallery.trust.crowding import HITS
from sceneseek.gallery.trust.judging import judged

__all__ = ["HITS", "Calibration", "Calibrator", "Rates", "calibrate", "judged"]
