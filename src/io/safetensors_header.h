// The header of a safetensors file: parsing with every check of the format's specification, and writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/safetensors.h"

namespace armorm::io {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // limit of the specification
constexpr std::size_t kDataAlignment = 64;              // alignment of the byte buffer in files we write

struct TensorEntry {
  TensorSpec spec;
  std::uint64_t begin = 0;  // in bytes, from the start of the file
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  Metadata metadata;
  std::vector<TensorEntry> tensors;  // by position in the file
};

// data error that names `path` and, if known, the tensor
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, const std::string& path);

// dtype x shape in bytes; false when a size is negative, the product does not fit, or elements of less than a
// byte do not fill the last one.
bool tensor_bytes(DType dtype, const std::vector<std::int64_t>& shape, std::uint64_t& bytes) noexcept;

// "BF16[2, 3]", for messages
std::string describe(DType dtype, const std::vector<std::int64_t>& shape);

// The bytes before the buffer, and the position of each tensor. `order` lists the entries in file order.
struct WrittenHeader {
  std::string bytes;
  std::vector<TensorEntry> tensors;
  std::uint64_t file_size = 0;
};
WrittenHeader write_safetensors_header(const std::vector<TensorSpec>& tensors, const Metadata& metadata,
                                       const std::string& path);

}  // namespace armorm::io
