"""Texts of other programs that this one shows to people: of the operating system, of FFmpeg, and of
the libraries that read the command line and check values."""

SYSTEM = (
    "No such file or directory", "Permission denied", "Operation not permitted",
    "No space left on device", "Disk quota exceeded", "Read-only file system",
    "Input/output error", "Is a directory", "Not a directory", "Directory not empty",
    "File exists", "File name too long", "Too many levels of symbolic links",
    "Device or resource busy", "Resource temporarily unavailable", "Text file busy",
    "Too many open files", "Too many open files in system", "Cannot allocate memory",
    "No buffer space available", "Invalid argument", "Invalid cross-device link",
    "Operation not supported", "No such device", "No such device or address", "No medium found",
    "Structure needs cleaning", "Stale file handle", "Transport endpoint is not connected",
    "Software caused connection abort", "Connection refused", "Connection reset by peer",
    "Cannot send after transport endpoint shutdown", "Connection timed out", "Host is down",
    "No route to host", "Network is down", "Network dropped connection on reset",
    "Network is unreachable", "Remote I/O error", "No locks available", "Key has expired",
    "Required key not available", "Key has been revoked", "No such process",
    "Interrupted system call", "Exec format error", "Bad file descriptor", "Broken pipe",
    "File too large", "Too many links", "Function not implemented", "Address already in use",
    "Cannot assign requested address", "Name or service not known",
    "Temporary failure in name resolution", "Argument list too long", "No child processes",
    "Numerical result out of range", "Protocol not supported",
    "Address family not supported by protocol",
)  # fmt: skip
"""Of glibc, ``strerror(3)`` and ``gai_strerror(3)``."""

FFMPEG = (
    "Invalid data found when processing input", "End of file", "Decoder not found",
    "Demuxer not found", "Encoder not found", "Muxer not found", "Stream not found",
    "Protocol not found", "Filter not found", "Bitstream filter not found", "Option not found",
    "Not yet implemented in FFmpeg, patches welcome", "Generic error in an external library",
    "Internal bug, should not have happened", "Unknown error occurred", "Buffer too small",
    "Error number {number} occurred",
)  # fmt: skip
"""Of ``av_strerror`` (libavutil/error.c)."""

COMMAND_LINE = (
    "No such option: {option}", "No such option: {option} (Possible options: {keys})",
    "No such command {name}.", "No such command {name}. Did you mean {names}?",
    "Missing argument {name}.", "Missing option {name}.",
    "Got unexpected extra argument(s) ({extra})", "Option {name} requires an argument.",
    "Option {name} does not take a value.", "Invalid value for {name}: {problem}",
    "Input should be a valid integer, unable to parse string as an integer",
    "Input should be a valid number, unable to parse string as a number",
)  # fmt: skip
"""Of Typer."""

VALUES = (
    "must be {expected}", "must be greater than or equal to {least}",
    "must be greater than {least}", "must be less than or equal to {most}",
    "must be less than {most}", "must be a finite number",
    "must have at most {count} characters",
)  # fmt: skip
"""Of pydantic, with 'must be' in place of its 'Input should be'."""

TOML = (
    "Invalid value", "Invalid statement", "Expected '=' after a key in a key/value pair",
    "Cannot overwrite a value", "Expected newline or end of document after a statement",
    "Unterminated string", "Illegal character {character}", "Unclosed array",
    "Unclosed inline table", "Expected ']' at the end of a table declaration",
    "Cannot declare {name} twice", "Duplicate inline table key {name}",
    "Unescaped '\\' in a string", "Invalid initial character for a key part",
)  # fmt: skip
"""Of ``tomllib``."""

FOREIGN = (*SYSTEM, *FFMPEG, *COMMAND_LINE, *VALUES, *TOML)
