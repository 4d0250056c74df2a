"""The networks: one calling convention, torchvision's detection convention with embeddings added.

* training: ``model(images, targets) -> dict[str, Tensor]`` of named, unweighted losses; ``targets[i]`` has ``boxes``
  ``(N, 4)``, ``person_ids`` ``(N,)`` with ``UNLABELED`` where unknown, and ``image_id``;
* evaluation: ``model(images) -> list[dict]`` with ``boxes``, ``scores`` and unit ``embeddings``;
* ``model.embed(images, boxes) -> list[Tensor]``: one unit embedding per given box;
* ``model.update_memories()``: once per training step, after the loss.

Images are ``(3, H, W)`` float RGB in [0, 1] at their own size; boxes are in their pixels. ``zoo`` names what can be
built, ``weights`` stores and loads it.
"""
