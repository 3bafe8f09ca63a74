"""The little of curl that the documents use, for a machine that has none; else the real one is used.

python plain_curl.py [--silent] [--fail] [--request METHOD] [-H|--header HEADER] [--data BODY] URL
"""

from __future__ import annotations

import argparse
import sys
import urllib.error
import urllib.request

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--silent", action="store_true")
parser.add_argument("--fail", action="store_true")
parser.add_argument("--request")
parser.add_argument("--data")
parser.add_argument("-H", "--header", action="append", default=[])
parser.add_argument("url")
asked = parser.parse_args()

data = None if asked.data is None else asked.data.encode()
headers = dict(line.split(": ", 1) for line in asked.header)
try:
    request = urllib.request.Request(asked.url, data=data, headers=headers, method=asked.request)
    with urllib.request.urlopen(request) as answer:
        sys.stdout.buffer.write(answer.read())
except urllib.error.HTTPError as error:
    if asked.fail:
        sys.exit(22)
    sys.stdout.buffer.write(error.read())
