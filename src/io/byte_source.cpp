#include "io/byte_source.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/stop_point.h"
#include "io/open_regular.h"
#include "io/system_call.h"

namespace armorm::io {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 17;

// The file itself, read in blocks; peek() returns the next bytes without consuming them.
class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(const std::filesystem::path& path)
      : path_(path.string()), file_(open_regular(path)), buffer_(kBlock) {}

  std::size_t read(std::span<char> into) override {
    const std::span<const char> next = peek();
    const std::size_t size = std::min(into.size(), next.size());
    std::copy_n(next.begin(), size, into.begin());
    take(size);
    return size;
  }

  // The unread bytes of the block; reads another block when there are none. Empty at the end of the file.
  std::span<const char> peek() {
    if (begin_ == end_) {
      stop_point();
      const ssize_t count = retry([&] { return ::read(file_.get(), buffer_.data(), buffer_.size()); });
      if (count < 0) fail_io("{}: cannot be read: {}", path_, reason(errno));
      begin_ = 0;
      end_ = static_cast<std::size_t>(count);
    }
    return std::span<const char>(buffer_).subspan(begin_, end_ - begin_);
  }
  void take(std::size_t size) noexcept { begin_ += size; }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  Descriptor file_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// gzip, including files of several members.
class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<PlainSource> input) : input_(std::move(input)) {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) fail_internal("zlib cannot be initialised");
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  std::size_t read(std::span<char> into) override {
    for (;;) {
      const std::span<const char> next = input_->peek();
      if (next.empty()) {
        if (inside_) fail_data("{}: the gzip stream ends too early; the file is truncated", input_->path());
        return 0;
      }
      const std::size_t produced = step(next, into);
      if (produced > 0) return produced;
    }
  }

 private:
  std::size_t step(std::span<const char> next, std::span<char> into) {
    if (!inside_) inflateReset(&stream_);
    inside_ = true;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(next.data()));
    stream_.avail_in = static_cast<uInt>(next.size());
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = static_cast<uInt>(std::min(into.size(), kBlock));
    const uInt space = stream_.avail_out;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      fail_data("{}: damaged gzip data: {}", input_->path(),
                stream_.msg != nullptr ? stream_.msg : "unknown error");
    }
    input_->take(next.size() - stream_.avail_in);
    if (status == Z_STREAM_END) inside_ = false;
    return space - stream_.avail_out;
  }

  std::unique_ptr<PlainSource> input_;
  z_stream stream_{};
  bool inside_ = false;  // in the middle of a member
};

// zstd, including files of several frames.
class ZstdSource final : public ByteSource {
 public:
  explicit ZstdSource(std::unique_ptr<PlainSource> input)
      : input_(std::move(input)), stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) fail_internal("zstd cannot be initialised");
  }
  ~ZstdSource() override { ZSTD_freeDStream(stream_); }
  ZstdSource(const ZstdSource&) = delete;
  ZstdSource& operator=(const ZstdSource&) = delete;

  std::size_t read(std::span<char> into) override {
    for (;;) {
      const std::span<const char> next = input_->peek();
      // Without further input the decoder may still hold output that did not fit before.
      ZSTD_inBuffer in{next.data(), next.size(), 0};
      ZSTD_outBuffer out{into.data(), into.size(), 0};
      if (next.empty() && !inside_) return 0;
      const std::size_t left = ZSTD_decompressStream(stream_, &out, &in);
      if (ZSTD_isError(left) != 0U) {
        fail_data("{}: damaged zstd data: {}", input_->path(), ZSTD_getErrorName(left));
      }
      input_->take(in.pos);
      inside_ = left != 0;
      if (out.pos > 0) return out.pos;
      if (next.empty()) {
        if (inside_) fail_data("{}: the zstd stream ends too early; the file is truncated", input_->path());
        return 0;
      }
    }
  }

 private:
  std::unique_ptr<PlainSource> input_;
  ZSTD_DStream* stream_;
  bool inside_ = false;  // in the middle of a frame
};

bool starts_with(std::span<const char> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

// The name of a format that no source here reads; empty for text.
std::string_view unsupported_compression(std::span<const char> bytes) {
  constexpr std::size_t kLevel = 3;  // of "BZh", a digit
  if (starts_with(bytes, "\xfd\x37zXZ")) return "xz";
  if (starts_with(bytes, "PK\x03\x04")) return "zip";
  if (starts_with(bytes, "\x04\x22\x4d\x18")) return "lz4";
  if (starts_with(bytes, "BZh") && starts_with(bytes.subspan(std::min(bytes.size(), kLevel + 1)), "1AY&SY"))
    return "bzip2";
  return {};
}

}  // namespace

std::unique_ptr<ByteSource> open_byte_source(const std::filesystem::path& path) {
  auto plain = std::make_unique<PlainSource>(path);
  const std::span<const char> first = plain->peek();
  if (starts_with(first, "\x1f\x8b")) return std::make_unique<GzipSource>(std::move(plain));
  if (starts_with(first, "\x28\xb5\x2f\xfd")) return std::make_unique<ZstdSource>(std::move(plain));
  if (const std::string_view format = unsupported_compression(first); !format.empty()) {
    fail_data(
        "{}: compressed with {}; expected plain text, gzip or zstd: unpack the file, or compress it again",
        path.string(), format);
  }
  return plain;
}

}  // namespace armorm::io
