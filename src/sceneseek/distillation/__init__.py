"""Knowledge from a teacher: what networks expose, and the losses between what two of them show.

``contract`` says what a network shows; ``feature``, ``relation`` and ``response`` hold the losses, pure functions;
``terms`` turn two readings of a batch into them; ``teacher`` and ``offline`` are who is asked. The task that adds terms
to a student's own losses, with their weights, is ``training.distilling``.
"""
