"""The gallery behind a page: an HTTP interface over a finder, and the files of the page."""
