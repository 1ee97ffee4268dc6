"""What a network has learned, and the proof of it."""
from .explain import explain as explain
