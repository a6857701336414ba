"""The app: its name is the consumer group and the prefix of its own topics."""

from aimass_stream import App

app = App("aimass-demo")
