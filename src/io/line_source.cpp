#include "io/line_source.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <utility>

#include "core/error.h"
#include "io/line_reader.h"
#include "io/system_call.h"

namespace armorm::io {
namespace fs = std::filesystem;
namespace {

class FileLines final : public LineSource {
 public:
  explicit FileLines(const fs::path& path) : reader_(path) {}
  Got next(std::string& line, int) override { return reader_.next(line) ? Got::line : Got::end; }
  std::int64_t line_number() const override { return reader_.line_number(); }

 private:
  LineReader reader_;
};

class PipeLines final : public LineSource {
 public:
  PipeLines(int descriptor, std::string name) : name_(std::move(name)), descriptor_(descriptor) {}

  Got next(std::string& line, int wait_ms) override {
    for (;;) {
      const std::size_t newline = buffer_.find('\n', searched_);
      if (inside_long_line_) {
        skip_to(newline);
      } else if (newline != std::string::npos) {
        return take(line, newline, newline + 1);
      }
      if (newline != std::string::npos) continue;
      searched_ = buffer_.size();
      if (ended_) return begin_ == buffer_.size() ? Got::end : take(line, buffer_.size(), buffer_.size());
      check_length();
      if (!is_readable(wait_ms)) return Got::nothing;
      read_block();
    }
  }
  std::int64_t line_number() const override { return number_; }

 private:
  static constexpr std::size_t kBlock = std::size_t{1} << 17;

  Got take(std::string& line, std::size_t end, std::size_t next_begin) {
    ++number_;
    line.assign(buffer_, begin_, end - begin_);
    begin_ = searched_ = next_begin;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (number_ == 1 && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
    return Got::line;
  }

  void check_length() {
    if (buffer_.size() - begin_ <= LineReader::kMaxLineBytes) return;
    inside_long_line_ = true;
    throw LineTooLong(name_, ++number_, LineReader::kMaxLineBytes);
  }

  // Drops what is there of a line that is too long.
  void skip_to(std::size_t newline) {
    inside_long_line_ = newline == std::string::npos;
    begin_ = searched_ = inside_long_line_ ? buffer_.size() : newline + 1;
  }

  bool is_readable(int wait_ms) const {
    pollfd asked{descriptor_, POLLIN, 0};
    const int ready = ::poll(&asked, 1, wait_ms);
    if (ready < 0 && errno != EINTR) fail_io("{}: cannot be waited for: {}", name_, reason(errno));
    return ready > 0;
  }

  void read_block() {
    buffer_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
    const std::size_t size = buffer_.size();
    buffer_.resize(size + kBlock);
    const ssize_t count = retry([&] { return ::read(descriptor_, buffer_.data() + size, kBlock); });
    buffer_.resize(size + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count < 0) fail_io("{}: cannot be read: {}", name_, reason(errno));
    ended_ = count == 0;
  }

  std::string name_;
  int descriptor_;
  std::string buffer_;
  std::size_t begin_ = 0;     // start of the next line
  std::size_t searched_ = 0;  // no newline before this position
  bool ended_ = false;
  bool inside_long_line_ = false;
  std::int64_t number_ = 0;
};

// Closes the descriptor that it opened.
class NamedPipeLines final : public LineSource {
 public:
  explicit NamedPipeLines(const fs::path& path)
      : file_(retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); })),
        lines_(file_.get(), path.string()) {
    if (file_.get() < 0) fail_io("{}: cannot be opened: {}; check the path", path.string(), reason(errno));
  }
  Got next(std::string& line, int wait_ms) override { return lines_.next(line, wait_ms); }
  std::int64_t line_number() const override { return lines_.line_number(); }

 private:
  Descriptor file_;
  PipeLines lines_;
};

}  // namespace

std::unique_ptr<LineSource> open_line_source(const std::string& path) {
  if (path == "-") return std::make_unique<PipeLines>(STDIN_FILENO, "standard input");
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status))
    return std::make_unique<NamedPipeLines>(path);
  return std::make_unique<FileLines>(path);
}

}  // namespace armorm::io
