# SPDX-License-Identifier: MIT
"""A strict reader of WARC files, after ISO 28500:2017 (WARC 1.1) alone.

It takes nothing that the grammar of section 4 does not allow, wants the fields that section 5
says are mandatory, and those that section 6 says belong to a type.
"""
import dataclasses
import re
import zlib

VERSION = b"WARC/1.1\r\n"
MANDATORY = {"warc-record-id", "warc-date", "warc-type", "content-length"}
TARGETED = {"response", "resource", "request", "revisit", "conversion", "continuation"}
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
RECORD_ID = re.compile(r"<urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}>")
# W3C profile of ISO 8601, UTC, 1 to 9 digits of a second (5.4).
DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z")


@dataclasses.dataclass
class Record:
    fields: dict
    block: bytes

    def __getitem__(self, name):
        return self.fields[name.lower()]

    @property
    def type(self):
        return self["WARC-Type"]

    def get(self, name):
        return self.fields.get(name.lower())

    def named_fields(self):
        """The block of an application/warc-fields record."""
        assert self["Content-Type"] == "application/warc-fields"
        return named_fields(self.block)

    def http(self):
        """(status line, [(name, value)], payload) of an application/http block."""
        assert self["Content-Type"] == "application/http;msgtype=response"
        head, parted, payload = self.block.partition(b"\r\n\r\n")
        assert parted
        first, *lines = head.decode("utf-8").split("\r\n")
        assert re.fullmatch(r"HTTP/1\.1 [1-5]\d\d [\x20-\x7e]*", first), first
        headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            assert colon and TOKEN.fullmatch(name), line
            headers.append((name, value.strip()))
        lengths = [value for name, value in headers if name == "content-length"]
        assert lengths == [str(len(payload))]
        return first, headers, payload


def named_fields(text):
    """Lines of `name: value`; only the names that the standard repeats may come twice."""
    fields = {}
    assert text.endswith(b"\r\n")
    for line in text[:-2].decode("utf-8").split("\r\n"):
        name, colon, value = line.partition(":")
        assert colon and TOKEN.fullmatch(name), line
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value), line
        assert name.lower() not in fields or name.lower() == "warc-concurrent-to", line
        fields[name.lower()] = value.strip(" \t")
    return fields


def record_at(data, at):
    """The record that begins there, and where it ends."""
    assert data.startswith(VERSION, at), data[at:at + 40]
    end = data.index(b"\r\n\r\n", at)
    fields = named_fields(data[at + len(VERSION):end + 2])
    assert MANDATORY <= set(fields), fields
    assert RECORD_ID.fullmatch(fields["warc-record-id"])
    assert DATE.fullmatch(fields["warc-date"])
    assert re.fullmatch(r"\d+", fields["content-length"])
    start, length = end + 4, int(fields["content-length"])
    assert length == 0 or "content-type" in fields
    assert fields["warc-type"] not in TARGETED or "warc-target-uri" in fields
    assert data[start + length:start + length + 4] == b"\r\n\r\n"
    return Record(fields, data[start:start + length]), start + length + 4


def records(data):
    """All of a file: nothing before, between or after them; identifiers are unique."""
    found, at = [], 0
    while at < len(data):
        record, at = record_at(data, at)
        found.append(record)
    assert len({record["WARC-Record-ID"] for record in found}) == len(found)
    return found


def members(data):
    """The members of a gzip file, each decompressed (RFC 1952)."""
    found = []
    while data:
        reader = zlib.decompressobj(31)
        found.append(reader.decompress(data))
        assert reader.eof
        data = reader.unused_data
    return found
