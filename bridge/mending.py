"""A broker's file that a full disk has cut off is put aside and made anew, for a broker that is not running."""

import json
from pathlib import Path

from bridge.installation import Installation, new_accounts_file


def mend_accounts_file(made: Installation) -> Path | None:
    """See to it that the operations broker finds its accounts; return where a damaged file was put, if one was there.

    Mosquitto 2.0 puts what it could write of the file in the place of the whole one when the disk is full, and starts
    without any account when it finds it so. A new one has the accounts of the beginning; the bridge adds all others
    once it is connected. Raises OSError.
    """
    path = made.folder.dynamic_security
    if _is_whole(path):
        return None
    aside = None
    if path.exists():
        aside = path.replace(path.with_name(f"{path.name}.damaged"))
    new_accounts_file(made)
    return aside


def _is_whole(path: Path) -> bool:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return False
    except ValueError:
        return False
    return isinstance(content, dict) and isinstance(content.get("clients"), list)
