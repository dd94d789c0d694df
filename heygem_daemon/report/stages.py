"""What the stages of a job are called for people."""

LOADING = "load"
"""The stage before the first progress of an attempt: its worker starts, its engine is loaded."""

STAGES = {
    LOADING: "loading the model",
    "probe": "reading the files",
    "listen": "listening to the sound",
    "track": "finding the face",
    "render": "drawing the mouth",
    "join": "joining picture and sound",
    "review": "checking the result",
}
