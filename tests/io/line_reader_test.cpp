#include "io/line_reader.h"

#include <zlib.h>
#include <zstd.h>

#include <fstream>

#include "core/error.h"
#include "support/test_support.h"

namespace fs = std::filesystem;
using armorm::io::LineReader;
using armorm::test::TempDir;
using Catch::Matchers::Contains;

namespace {

fs::path put(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

std::vector<std::string> lines_of(const fs::path& path, std::size_t limit = LineReader::kMaxLineBytes) {
  LineReader reader(path, limit);
  std::vector<std::string> lines;
  for (std::string line; reader.next(line);) {
    lines.push_back(line);
    CHECK(reader.line_number() == static_cast<std::int64_t>(lines.size()));
  }
  return lines;
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

}  // namespace

TEST_CASE("the line after one that is too long can be read", "[unit]") {
  const TempDir dir;
  const std::string text = "one\n" + std::string(400'000, 'x') + "\ntwo\n" + std::string(11, 'y');
  for (const std::string& bytes : {text, gzip(text)}) {
    LineReader reader(put(dir / "x", bytes), 10);
    std::string line;
    REQUIRE(reader.next(line));
    CHECK(line == "one");
    CHECK_THROWS_AS(reader.next(line), armorm::io::LineTooLong);
    CHECK(reader.line_number() == 2);
    REQUIRE(reader.next(line));
    CHECK(line == "two");
    CHECK(reader.line_number() == 3);
    CHECK_THROWS_AS(reader.next(line), armorm::io::LineTooLong);
    CHECK_FALSE(reader.next(line));
  }
}

TEST_CASE("lines end with LF or CRLF, the last one with nothing", "[unit]") {
  const TempDir dir;
  using Lines = std::vector<std::string>;
  CHECK(lines_of(put(dir / "x", "")).empty());
  CHECK(lines_of(put(dir / "x", "a")) == Lines{"a"});
  CHECK(lines_of(put(dir / "x", "a\n")) == Lines{"a"});
  CHECK(lines_of(put(dir / "x", "\n\na\r\nb\rc\n")) == Lines{"", "", "a", "b\rc"});
  CHECK(lines_of(put(dir / "x",
                     "\xef\xbb\xbf"
                     "a\n\xef\xbb\xbf")) == Lines{"a", "\xef\xbb\xbf"});
}

TEST_CASE("long lines cross blocks, up to the limit", "[unit]") {
  const TempDir dir;
  const std::string line(400'000, 'x');
  const auto path = put(dir / "x", "a\n" + line + "\nb\n");
  CHECK(lines_of(path) == std::vector<std::string>{"a", line, "b"});
  CHECK(lines_of(path, line.size()).size() == 3);
  CHECK_THROWS_WITH(lines_of(path, line.size() - 1), Contains("line 2") && Contains("399999"));
}

TEST_CASE("other compressions are named", "[unit]") {
  const armorm::test::TempDir dir;
  // The first bytes that bzip2, xz, zip and lz4 write.
  const std::vector<std::pair<std::string, std::string>> cases{
      {"BZh91AY&SY\x8e", "bzip2"}, {"\xfd\x37zXZ", "xz"}, {"PK\x03\x04\x14", "zip"}, {"\x04\"M\x18", "lz4"}};
  for (const auto& [bytes, name] : cases)
    CHECK_THROWS_WITH(lines_of(put(dir / "x.jsonl", bytes)), Contains(name) && Contains("gzip or zstd"));
  CHECK(lines_of(put(dir / "x.jsonl", "BZh91")) == std::vector<std::string>{"BZh91"});
}

TEST_CASE("gzip and zstd are told by content, members and frames follow one another", "[unit]") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 60'000; ++i) text += std::to_string(i * 7919) + "\n";
  const auto plain = lines_of(put(dir / "plain", text));
  REQUIRE(plain.size() == 60'000);
  CHECK(lines_of(put(dir / "x.txt", gzip(text))) == plain);
  CHECK(lines_of(put(dir / "x.txt", zstd(text))) == plain);
  const std::string half = text.substr(0, text.size() / 2);
  const std::string rest = text.substr(text.size() / 2);
  CHECK(lines_of(put(dir / "x", gzip(half) + gzip("") + gzip(rest))) == plain);
  CHECK(lines_of(put(dir / "x", zstd(half) + zstd("") + zstd(rest))) == plain);
  CHECK(lines_of(put(dir / "x", gzip(""))).empty());
}

TEST_CASE("a compressed file cut or changed anywhere is refused", "[unit]") {
  const TempDir dir;
  const std::string text = "some text\nthat is compressed\nin a few lines of text\n";
  for (const std::string& whole : {gzip(text), zstd(text)}) {
    const auto expected = lines_of(put(dir / "x", whole));
    CHECK(expected.size() == 3);
    for (std::size_t size = 5; size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK_THROWS_WITH(lines_of(put(dir / "x", whole.substr(0, size))), Contains("truncated"));
    }
    CHECK_THROWS_AS(lines_of(put(dir / "x", whole + "junk")), armorm::Error);
  }
  std::string changed = gzip(text);
  changed[changed.size() - 6] = static_cast<char>(changed[changed.size() - 6] ^ 1);
  CHECK_THROWS_WITH(lines_of(put(dir / "x", changed)), Contains("damaged gzip"));
  CHECK_THROWS_WITH(lines_of(dir / "none"), Contains("none"));
}
