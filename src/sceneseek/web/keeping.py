"""Keeping responsibly: the audit log, page by page."""

from __future__ import annotations

import asyncio

from sceneseek.gallery import AuditLog
from sceneseek.web.documents import AuditEntry, AuditPage
from sceneseek.web.service import Service

_SHOWN_PROBLEMS = 5


async def audit_page(service: Service, page: int, per_page: int) -> AuditPage:
    """A page of the audit log, the newest entry first."""
    return await asyncio.to_thread(_audit_page, service.audit_log, page, per_page)


def _audit_page(log: AuditLog, page: int, per_page: int) -> AuditPage:
    verdict = log.verify()
    entries = list(log.entries()) if verdict.whole else []
    newest_first = entries[::-1]
    shown = newest_first[(page - 1) * per_page : page * per_page]
    return AuditPage(
        total=verdict.num_entries,
        page=page,
        per_page=per_page,
        intact=verdict.whole,
        problem=" ".join(verdict.problems[:_SHOWN_PROBLEMS]),
        entries=[
            AuditEntry(number=e.number, at=e.at, who=e.actor, action=e.action, details=dict(e.details)) for e in shown
        ],
    )
