// The safetensors format (https://github.com/huggingface/safetensors#format): an 8-byte little-endian header
// size, a JSON header, then one byte buffer.
//
// Reading checks everything that the specification requires (header size, valid JSON object, known dtype,
// offsets that lie inside the buffer, agree with dtype x shape, do not overlap and leave no holes, no
// duplicate names, string-only metadata). A violation is a data error that names the file and the tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "io/mapped_file.h"
#include "io/publish.h"

namespace armorm::io {

// A tensor inside a mapped file; valid while its SafetensorsFile exists.
struct TensorView {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;

  std::int64_t numel() const noexcept;
  // Typed access. T must be the dtype. A file may leave data unaligned; the reader handles that (headers we
  // write are padded so that data starts on 64 bytes).
  template <class T>
  std::span<const T> as() const {
    check_type(DTypeOf<T>::value, alignof(T));
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

 private:
  void check_type(DType wanted, std::size_t alignment) const;  // internal error on mismatch
};

using Metadata = std::map<std::string, std::string>;

class SafetensorsFile {
 public:
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept;
  const Metadata& metadata() const noexcept;
  std::vector<std::string> names() const;  // in file order
  bool contains(const std::string& name) const;
  // data error naming file and tensor when absent
  TensorView at(const std::string& name) const;
  // As at(), and also checks dtype and rank. expected_shape: -1 matches any size.
  TensorView at(const std::string& name, DType dtype, const std::vector<std::int64_t>& expected_shape) const;
  const MappedFile& mapping() const noexcept;

  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();

 private:
  struct Impl;
  explicit SafetensorsFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// All tensors of a model folder: model.safetensors, or the shards that model.safetensors.index.json names
// (plain file names inside the folder). The index is checked against the shards.
class SafetensorsFolder {
 public:
  static SafetensorsFolder open(const std::filesystem::path& folder);
  static SafetensorsFolder open_file(const std::filesystem::path& path);

  std::vector<std::string> names() const;
  bool contains(const std::string& name) const;
  TensorView at(const std::string& name) const;  // data error naming folder and tensor when absent
  const std::vector<SafetensorsFile>& files() const noexcept;
  const SafetensorsFile& file_of(const std::string& name) const;  // of a tensor that it contains

 private:
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t> file_of_;
};

struct TensorSpec {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
};

// Streams tensors whose shapes are known in advance, so that memory does not grow with the file. append()
// fills the tensors in the order given here, in chunks of any size. The file stores them by descending
// element size (ties in the given order), like the reference implementation; so each tensor is aligned to its
// elements, as PyTorch's reader requires. Not thread-safe. Misuse (a duplicate name, bytes that do not fit)
// is an internal error.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const std::filesystem::path& target, const std::vector<TensorSpec>& tensors,
                    const Metadata& metadata, FileSystem& files = posix_file_system());
  // Writes into a file that may hold the output of an earlier process with equal tensors and metadata; see
  // keep().
  SafetensorsWriter(AtomicFile file, const std::vector<TensorSpec>& tensors, const Metadata& metadata);
  ~SafetensorsWriter();

  void append(std::span<const std::byte> bytes);
  template <class T>
  void append(std::span<const T> values) {
    append(std::as_bytes(values));
  }
  // Random access for out-of-order producers: `offset` is in bytes from the start of the tensor.
  void write_at(const std::string& tensor, std::uint64_t offset, std::span<const std::byte> bytes);
  // Reads the current content of the file, written or kept.
  void read_at(const std::string& tensor, std::uint64_t offset, std::span<std::byte> bytes) const;
  // Counts bytes that an earlier process wrote as written.
  void keep(const std::string& tensor, std::uint64_t offset, std::uint64_t size);
  void sync_data();  // what was written survives a power loss from here on
  // Requires that every byte is written (append or write_at) or kept; then publishes atomically.
  void publish();
  void publish(const std::filesystem::path& previous);  // as AtomicFile

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm::io
