"""Knowledge from a teacher: what networks expose, and the losses between what two of them show."""
