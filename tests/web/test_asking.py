"""Query pictures that wait for their turn: few, and unread."""

from __future__ import annotations

import asyncio
import io

import pytest
from fastapi import UploadFile

import own_loop
from sceneseek.web import Limits, Settings
from sceneseek.web.asking import take_query
from sceneseek.web.door import LOCAL
from sceneseek.web.refusals import Refusal
from sceneseek.web.service import Service
from web_world import World

pytestmark = pytest.mark.processes


class Watched(UploadFile):
    """An upload that counts what is read of it."""

    taken = 0

    async def read(self, size: int = -1) -> bytes:
        data = await super().read(size)
        self.taken += len(data)
        return data


def test_pictures_that_wait_are_few_and_unread(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = world.query.read_bytes()

    async def ask() -> None:
        service = Service(world.finder(), Settings(limits=Limits(decoders=1, waiting=3)))
        service.start()
        decoded, may_decode = service.decoders.query, asyncio.Event()

        async def slow(data: bytes, preview_side: int) -> object:
            await may_decode.wait()
            return await decoded(data, preview_side)

        monkeypatch.setattr(service.decoders, "query", slow)
        try:
            uploads = [Watched(io.BytesIO(picture), filename="x.png") for _ in range(5)]
            asked = [asyncio.ensure_future(take_query(service, upload, LOCAL)) for upload in uploads]
            await asyncio.wait(asked[3:])  # refused at once
            while not uploads[0].taken:
                await asyncio.sleep(0.01)
            assert [upload.taken for upload in uploads] == [len(picture), 0, 0, 0, 0]
            may_decode.set()
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert [a.status_code for a in answers if isinstance(a, Refusal)] == [503, 503]
            assert not any(isinstance(a, BaseException) for a in answers[:3])
            await take_query(service, Watched(io.BytesIO(picture), filename="x.png"), LOCAL)
        finally:
            await asyncio.to_thread(service.close)

    own_loop.run(ask())
