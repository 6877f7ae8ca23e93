"""Compressed files: any of four kinds, of one or more streams, whole or an error that names the file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma

import pytest
from tests.blocks.rows import Pipe

from esker import FormatError, open_blocks
from esker.blocks.compressed import compression_of, open_bytes

TEXT = b"".join(b"%d 1:%d 7:0.%d\n" % (i % 2, i, i) for i in range(15_000))


def zstd(data: bytes) -> bytes:
    """One zstd frame."""
    zstandard = pytest.importorskip("zstandard")
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


KINDS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd}


@pytest.fixture(params=[*KINDS, "zstd by pyarrow"])
def kind(request, monkeypatch):
    name = request.param.split()[0]
    if name != request.param:
        pytest.importorskip("pyarrow")
        monkeypatch.setattr("esker.blocks.compressed._zstd", no_zstd)
    return name, KINDS[name]


def no_zstd():
    """As where neither Python nor a package has it."""
    raise ImportError("none")


def read(source, piece=100_003) -> bytes:
    """All bytes, a piece at a time."""
    with open_bytes(source) as file:
        buffer, found = bytearray(piece), []
        while n := file.readinto(buffer):
            found.append(bytes(buffer[:n]))
    return b"".join(found)


def test_plain_bytes_from_anywhere(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(TEXT)
    assert read(path) == TEXT
    with open_bytes(path, 1000) as file:
        assert io.BufferedReader(file).read() == TEXT[1000:]


@pytest.mark.parametrize("piece", [17, 1 << 20])
def test_several_streams_are_one_text_whatever_the_name(tmp_path, kind, piece):
    name, pack = kind
    path = tmp_path / "no-ending"
    text = TEXT[: 40 * piece]
    path.write_bytes(pack(text[:9]) + pack(b"") + pack(text[9:700]) + pack(text[700:]))
    assert compression_of(path.read_bytes()[:16]) == name
    assert read(path, piece) == text


@pytest.mark.parametrize("kind", ["gzip", "xz"], indirect=True)
def test_zeros_behind_the_end_are_padding(tmp_path, kind):
    path = tmp_path / "a"
    path.write_bytes(kind[1](TEXT[:100]) + bytes(1024))
    assert read(path) == TEXT[:100]


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.9999])
def test_a_truncated_file_is_an_error(tmp_path, kind, keep):
    path = tmp_path / "a"
    packed = kind[1](TEXT)
    path.write_bytes(packed[: max(16, int(keep * len(packed)))])
    with pytest.raises(FormatError, match=rf"^{path}: the {kind[0]} file is truncated"):
        read(path)


def test_a_truncated_second_stream_is_an_error(tmp_path, kind):
    path = tmp_path / "a"
    path.write_bytes(kind[1](TEXT) + kind[1](TEXT)[:-5])
    with pytest.raises(FormatError, match="truncated"):
        read(path)


def test_damage_is_an_error(tmp_path, kind):
    path = tmp_path / "a"
    packed = bytearray(kind[1](TEXT))
    for i in range(len(packed) // 2, len(packed) // 2 + 8):
        packed[i] ^= 0x55
    path.write_bytes(packed)
    with pytest.raises(FormatError, match=rf"{path}: the {kind[0]} (stream is damaged|file is truncated)"):
        read(path)


def test_other_bytes_behind_the_end_are_an_error(tmp_path, kind):
    path = tmp_path / "a"
    path.write_bytes(kind[1](TEXT) + b"and so on, for a while")
    with pytest.raises(FormatError, match="behind the end"):
        read(path)


def test_a_stream_is_read_from_where_it_is_and_left_open(kind):
    stream = io.BytesIO(b"skipped" + kind[1](TEXT))
    stream.read(7)
    assert read(stream) == TEXT
    assert not stream.closed
    assert read(io.BytesIO(b"1 2")) == b"1 2"


def test_text_is_not_taken_for_bzip2():
    assert compression_of(b"BZh is a word here") is None


def test_a_file_that_changes_while_it_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(TEXT)
    with open_bytes(path) as file:
        file.readinto(bytearray(100))
        with path.open("ab") as other:
            other.write(b"more")
        with pytest.raises(FormatError, match="changed while it was read"):
            file.readinto(bytearray(100))


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_tables_and_rows_of_numbers_in_any_compression(tmp_path, kind, ending):
    path = tmp_path / f"rows.svm{ending}"
    path.write_bytes(kind[1](TEXT))
    assert sum(b.X.data.sum() for b in open_blocks(path)) == sum(
        b.X.data.sum() for b in open_blocks(plain(tmp_path))
    )
    path = tmp_path / f"table.csv{ending}"
    path.write_bytes(kind[1](b"a,b\n1,2\n3,4\n"))
    assert open_blocks(path, target="b").take_all().y.tolist() == [2, 4]
    path.write_bytes(kind[1](b"a,b\n" + TEXT.replace(b" ", b","))[:-9])
    with pytest.raises(FormatError, match=r"table\.csv.*truncated"):
        open_blocks(path, target="b").take_all()
    path = tmp_path / f"rows.npy{ending}"
    path.write_bytes(kind[1](TEXT))
    with pytest.raises(FormatError, match="unpack it"):
        open_blocks(path)


def plain(folder):
    path = folder / "plain.svm"
    path.write_bytes(TEXT)
    return path


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_several_streams_through_a_slow_pipe(compress):
    rows = b"".join(b"%d 0:%d\n" % (i % 2, i) for i in range(500))
    data = compress(rows[:1000]) + bytes(8) * (compress is gzip.compress) + compress(rows[1000:])
    assert len(open_blocks(Pipe(data, 1), format="svmlight").take_all()) == 500
