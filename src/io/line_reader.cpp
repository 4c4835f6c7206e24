#include "io/line_reader.h"

#include <fmt/core.h>

#include <cstring>
#include <span>
#include <vector>

#include "core/error.h"
#include "io/byte_source.h"

namespace armorm::io {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 17;

}  // namespace

struct LineReader::Impl {
  Impl(const std::filesystem::path& file, std::size_t limit)
      : path(file.string()), source(open_byte_source(file)), max_line_bytes(limit), block(kBlock) {}

  bool fill() {
    begin = 0;
    end = source->read(block);
    return end > 0;
  }

  void append(std::string& line, std::size_t size) {
    if (size > max_line_bytes - line.size()) {
      inside_long_line = true;
      throw LineTooLong(path, number, max_line_bytes);
    }
    line.append(block.data() + begin, size);
    begin += size;
  }

  // Up to the end of the line. False at the end of the file.
  bool skip_long_line() {
    while (inside_long_line) {
      if (begin == end && !fill()) return false;
      const void* found = std::memchr(block.data() + begin, '\n', end - begin);
      inside_long_line = found == nullptr;
      begin = inside_long_line ? end
                               : static_cast<std::size_t>(static_cast<const char*>(found) - block.data()) + 1;
    }
    return true;
  }

  std::string path;
  std::unique_ptr<ByteSource> source;
  std::size_t max_line_bytes;
  std::vector<char> block;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::int64_t number = 0;
  bool inside_long_line = false;
};

LineTooLong::LineTooLong(const std::string& source, std::int64_t line, std::size_t max_bytes)
    : Error(ErrorKind::data,
            fmt::format("{}: line {} is longer than the {} bytes allowed", source, line, max_bytes)) {}

LineReader::LineReader(const std::filesystem::path& path, std::size_t max_line_bytes)
    : impl_(std::make_unique<Impl>(path, max_line_bytes)) {}
LineReader::~LineReader() = default;
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;

bool LineReader::next(std::string& line) {
  Impl& r = *impl_;
  line.clear();
  if (!r.skip_long_line()) return false;
  if (r.begin == r.end && !r.fill()) return false;
  ++r.number;
  do {
    const void* found = std::memchr(r.block.data() + r.begin, '\n', r.end - r.begin);
    const char* newline = static_cast<const char*>(found);
    const char* stop = newline != nullptr ? newline : r.block.data() + r.end;
    r.append(line, static_cast<std::size_t>(stop - (r.block.data() + r.begin)));
    if (newline != nullptr) {
      ++r.begin;
      break;
    }
  } while (r.fill());
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (r.number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
  return true;
}

std::int64_t LineReader::line_number() const noexcept { return impl_->number; }

}  // namespace armorm::io
