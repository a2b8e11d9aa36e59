#!/usr/bin/python3
import html
import json
import os
import urllib.parse

print("Content-Type: text/plain\r\n\r\nhello", os.environ.get("QUERY_STRING", ""))
