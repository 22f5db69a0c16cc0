"""SHA-256 as the APIs write it."""

import base64
import hashlib

EMPTY = "seoc8gkovge196nruj49irtp4gjqsgf4cidp6j54imchmu2in1ag"  # of no bytes


def base32hex(data):
    """52 characters, lower case, no padding: the CCS API's hash of these bytes."""
    return base64.b32hexencode(hashlib.sha256(data).digest()).decode().rstrip("=").lower()


def hexadecimal(data):
    """64 upper-case digits: the other form that orders may carry."""
    return hashlib.sha256(data).hexdigest().upper()
