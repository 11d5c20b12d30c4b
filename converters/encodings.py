"""What to say of a text file that is not UTF-8: which encoding it is likely in, and how to convert it.

It only advises. A file in another encoding is never read by a guess: a wrong one gives other words, and no error.
"""

from __future__ import annotations

import codecs
import shlex
from pathlib import Path

_SIMPLIFIED = range(0xB0, 0xD8)
"""First bytes of the 3,755 commonest characters in GB2312, which GB18030 continues."""
_TRADITIONAL = range(0xA4, 0xC7)
"""First bytes of the 5,401 commonest characters in Big5."""


def likely(content: bytes) -> str | None:
    """The encoding that bytes which are not UTF-8 are likely in; None if nothing speaks for any.

    Nearly all bytes are valid GB18030, so that says little: what counts is how many of the characters are common.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    if content.count(0) > len(content) / 8:  # every other byte of Latin text
        return "UTF-16LE" if content[1::2].count(0) > content[::2].count(0) else "UTF-16BE"
    shares = {
        "GB18030": _common(content, "gb18030", _SIMPLIFIED),
        "Big5": _common(content, "big5", _TRADITIONAL),
    }
    best = max(shares, key=shares.__getitem__)
    if shares[best] > 0.7:
        return best
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return None
    return "Windows-1252"


def _common(content: bytes, codec: str, first: range) -> float:
    """Share of the characters beyond ASCII and punctuation that are common ones of a double-byte encoding."""
    try:
        text = content.decode(codec)
    except UnicodeDecodeError:
        return 0.0
    beyond = [char for char in text if ord(char) > 127 and not "\u3000" <= char <= "\u303f" and char < "\uff00"]
    return sum(char.encode(codec)[0] in first for char in beyond) / len(beyond) if beyond else 0.0


def advice(path: Path, content: bytes) -> str:
    """In one line, what a file's encoding seems to be and the command that converts it.

    Args:
        path: the file.
        content: its bytes, unpacked; not valid UTF-8.
    """
    encoding = likely(content)
    if encoding is None:
        return "its encoding can't be told; save it as UTF-8"
    gz = path.suffix == ".gz"
    name = path.name.removesuffix(".gz")
    stem, dot, suffix = name.partition(".")
    new = path.with_name(f"{stem}.utf8{dot}{suffix}")
    unpacked = f"gzip -dc {shlex.quote(str(path))} | " if gz else ""
    given = "" if gz else f" {shlex.quote(str(path))}"
    shell = f"{unpacked}iconv -f {encoding} -t UTF-8{given} > {shlex.quote(str(new))}"
    opened = "gzip.open" if gz else "open"
    python = (
        f"import gzip; open({str(new)!r}, 'w', encoding='utf-8', newline='')"
        f".write({opened}({str(path)!r}, 'rt', encoding={encoding!r}, newline='').read())"
    )
    return f"it looks like {encoding}; convert it by `{shell}`, or in Python: {python if gz else python[13:]}"
