"""A program that writes events into a gallery's audit log as fast as it can: GALLERY NAME COUNT."""

from __future__ import annotations

import sys

from sceneseek.gallery import AuditLog

if __name__ == "__main__":
    log = AuditLog(sys.argv[1])
    for number in range(int(sys.argv[3])):
        log.append(sys.argv[2], "search", number=number)
