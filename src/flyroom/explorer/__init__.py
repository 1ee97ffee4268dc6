"""Results that are looked at and taken apart in a browser."""

from .bundle import bundle as bundle
from .page import PageError as PageError, write_page as write_page
