"""Studies: many training runs that differ in a few keys, with several seeds each, and one table at the end."""
