"""What the stages of a job are called for people."""

STAGES = {
    "load": "loading the model",
    "probe": "reading the files",
    "listen": "listening to the sound",
    "track": "finding the face",
    "render": "drawing the mouth",
    "join": "joining picture and sound",
    "review": "checking the result",
}
