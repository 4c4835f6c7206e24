#include "io/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <tuple>

#include "core/accounting.h"
#include "core/error.h"
#include "io/checked_json.h"

namespace armorm::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian, and so are we");

constexpr std::uint64_t kPrefixBytes = 8;
constexpr int kMaxDepth = 64;  // tensors have depth 3; more is in keys that are not used
constexpr std::array<std::string_view, 3> kTensorKeys{"dtype", "shape", "data_offsets"};

std::uint64_t header_size(std::span<const std::byte> file, const std::string& path) {
  if (file.size() < kPrefixBytes) {
    fail_data("{}: found {} bytes, expected at least {} of a safetensors file; the file is truncated", path,
              file.size(), kPrefixBytes);
  }
  std::uint64_t size = 0;
  std::memcpy(&size, file.data(), kPrefixBytes);
  if (size > kMaxHeaderBytes) {
    fail_data("{}: header size {} exceeds the format's limit of {}; this is not a safetensors file", path,
              size, kMaxHeaderBytes);
  }
  if (size > file.size() - kPrefixBytes) {
    fail_data("{}: header of {} bytes ends past the file's {} bytes; the file is truncated", path, size,
              file.size());
  }
  // White space may come first, as in the reference implementation.
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kPrefixBytes, size);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '{') {
    fail_data("{}: header does not start with '{{'; this is not a safetensors file", path);
  }
  return size;
}

Metadata parse_metadata(const nlohmann::json& value, const std::string& path) {
  if (!value.is_object())
    fail_data("{}: __metadata__: found {}, expected an object", path, value.type_name());
  Metadata metadata;
  for (const auto& [key, item] : value.items()) {
    if (!item.is_string()) {
      fail_data("{}: __metadata__.{}: found {}, expected a string", path, key, item.type_name());
    }
    metadata.emplace(key, item.get<std::string>());
  }
  return metadata;
}

const nlohmann::json& field(const nlohmann::json& tensor, const char* name, const std::string& where) {
  const auto found = tensor.find(name);
  if (found == tensor.end()) fail_data("{}: the field \"{}\" is missing", where, name);
  return *found;
}

std::uint64_t unsigned_of(const nlohmann::json& value, const char* name, const std::string& where) {
  if (!value.is_number_unsigned()) {
    fail_data("{}: {}: found {}, expected a non-negative integer", where, name, value.dump());
  }
  return value.get<std::uint64_t>();
}

const nlohmann::json& array_field(const nlohmann::json& tensor, const char* name, const std::string& where) {
  const nlohmann::json& value = field(tensor, name, where);
  if (!value.is_array()) fail_data("{}: {}: found {}, expected an array", where, name, value.type_name());
  return value;
}

DType parse_tensor_dtype(const nlohmann::json& tensor, const std::string& where) {
  const nlohmann::json& value = field(tensor, "dtype", where);
  DType dtype{};
  if (!value.is_string() || !parse_dtype(value.get_ref<const std::string&>(), dtype)) {
    fail_data("{}: dtype: found {}, expected one such as \"BF16\" or \"F32\"", where, value.dump());
  }
  return dtype;
}

std::vector<std::int64_t> parse_shape(const nlohmann::json& tensor, const std::string& where) {
  std::vector<std::int64_t> shape;
  for (const nlohmann::json& item : array_field(tensor, "shape", where)) {
    const std::uint64_t size = unsigned_of(item, "shape", where);
    if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      fail_data("{}: shape: the size {} is too large", where, size);
    }
    shape.push_back(static_cast<std::int64_t>(size));
  }
  return shape;
}

// Offsets are relative to the buffer here; parse_safetensors_header() makes them absolute.
TensorEntry parse_tensor(const std::string& name, const nlohmann::json& value, std::uint64_t buffer_size,
                         const std::string& path) {
  const std::string where = fmt::format("{}: tensor \"{}\"", path, name);
  if (!value.is_object()) fail_data("{}: found {}, expected an object", where, value.type_name());
  TensorEntry entry;
  entry.spec = {name, parse_tensor_dtype(value, where), parse_shape(value, where)};
  const nlohmann::json& offsets = array_field(value, "data_offsets", where);
  if (offsets.size() != 2) fail_data("{}: data_offsets: found {} numbers, expected 2", where, offsets.size());
  entry.begin = unsigned_of(offsets[0], "data_offsets", where);
  entry.end = unsigned_of(offsets[1], "data_offsets", where);
  if (entry.begin > entry.end || entry.end > buffer_size) {
    fail_data(
        "{}: data_offsets [{}, {}) do not lie in the buffer of {} bytes; the file is truncated or damaged",
        where, entry.begin, entry.end, buffer_size);
  }
  std::uint64_t bytes = 0;
  if (!tensor_bytes(entry.spec.dtype, entry.spec.shape, bytes)) {
    fail_data("{}: the size of {} overflows, or is not a whole number of bytes", where,
              describe(entry.spec.dtype, entry.spec.shape));
  }
  if (bytes != entry.end - entry.begin) {
    fail_data("{}: data_offsets hold {} bytes, expected {} for {}", where, entry.end - entry.begin, bytes,
              describe(entry.spec.dtype, entry.spec.shape));
  }
  return entry;
}

// The tensors, sorted, must cover the buffer with neither overlap nor hole.
void check_cover(const std::vector<TensorEntry>& tensors, std::uint64_t buffer_size,
                 const std::string& path) {
  std::uint64_t covered = 0;
  for (const TensorEntry& entry : tensors) {
    if (entry.begin != covered) {
      fail_data("{}: tensor \"{}\" starts at {}, expected {}: tensors {}", path, entry.spec.name, entry.begin,
                covered, entry.begin < covered ? "overlap" : "leave a hole");
    }
    covered = entry.end;
  }
  if (covered != buffer_size) {
    fail_data("{}: tensors cover {} bytes of a buffer of {}; the file has bytes that belong to no tensor",
              path, covered, buffer_size);
  }
}

void check_specs(const std::vector<TensorSpec>& tensors, const std::string& path) {
  std::set<std::string> seen;
  for (const TensorSpec& spec : tensors) {
    if (spec.name == "__metadata__" || !seen.insert(spec.name).second) {
      fail_internal("{}: tensor name \"{}\" is reserved or used twice", path, spec.name);
    }
    std::uint64_t bytes = 0;
    if (!tensor_bytes(spec.dtype, spec.shape, bytes)) {
      fail_internal("{}: tensor \"{}\": {} is not a size", path, spec.name, describe(spec.dtype, spec.shape));
    }
  }
}

// Descending element size, the order of the reference implementation, so that each tensor is aligned.
std::vector<TensorEntry> lay_out(const std::vector<TensorSpec>& tensors) {
  std::vector<TensorEntry> entries;
  for (const TensorSpec& spec : tensors) entries.push_back({spec, 0, 0});
  std::stable_sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return size_of(a.spec.dtype) > size_of(b.spec.dtype);
  });
  std::uint64_t offset = 0;
  for (TensorEntry& entry : entries) {
    std::uint64_t bytes = 0;
    tensor_bytes(entry.spec.dtype, entry.spec.shape, bytes);
    entry.begin = offset;
    entry.end = offset += bytes;
  }
  return entries;
}

// Member by member: nlohmann::ordered_json searches all members at each insertion.
std::string header_text(const std::vector<TensorEntry>& tensors, const Metadata& metadata) {
  std::string text = "{";
  const auto add = [&](const std::string& name, const nlohmann::ordered_json& value) {
    if (text.size() > 1) text += ',';
    text += nlohmann::json(name).dump() + ':' + value.dump();
  };
  if (!metadata.empty()) add("__metadata__", metadata);
  for (const TensorEntry& entry : tensors) {
    add(entry.spec.name, {{"dtype", name_of(entry.spec.dtype)},
                          {"shape", entry.spec.shape},
                          {"data_offsets", {entry.begin, entry.end}}});
  }
  return text + '}';
}

}  // namespace

bool tensor_bytes(DType dtype, const std::vector<std::int64_t>& shape, std::uint64_t& bytes) noexcept {
  const std::size_t bits = bits_of(dtype);
  const bool packed = bits % 8 != 0;  // several elements in a byte
  bytes = packed ? bits : bits / 8;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes)) return false;
  }
  if (!packed) return true;
  const bool complete = bytes % 8 == 0;
  bytes /= 8;
  return complete;
}

std::string describe(DType dtype, const std::vector<std::int64_t>& shape) {
  return fmt::format("{}[{}]", name_of(dtype), fmt::join(shape, ", "));
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, const std::string& path) {
  const std::uint64_t size = header_size(file, path);
  const std::uint64_t data_start = kPrefixBytes + size;
  const std::uint64_t buffer_size = file.size() - data_start;
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kPrefixBytes, size);
  const nlohmann::json root = parse_checked_json(text, path + ": header", kMaxDepth);
  SafetensorsHeader header;
  Accounting account(path + ": tensors", "key");
  account.ignore(kTensorKeys);
  for (const auto& [name, value] : root.items()) {
    if (name == "__metadata__") {
      header.metadata = parse_metadata(value, path);
    } else {
      header.tensors.push_back(parse_tensor(name, value, buffer_size, path));
      if (value.size() > kTensorKeys.size())
        for (const auto& member : value.items()) account.give(member.key());
    }
  }
  account.warn_of_rest("the format has no such key, and it is not used");
  std::sort(header.tensors.begin(), header.tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end, a.spec.name) < std::tie(b.begin, b.end, b.spec.name);
  });
  check_cover(header.tensors, buffer_size, path);
  for (TensorEntry& entry : header.tensors) {
    entry.begin += data_start;
    entry.end += data_start;
  }
  return header;
}

WrittenHeader write_safetensors_header(const std::vector<TensorSpec>& tensors, const Metadata& metadata,
                                       const std::string& path) {
  check_specs(tensors, path);
  WrittenHeader written{{}, lay_out(tensors), 0};
  std::string text = header_text(written.tensors, metadata);
  const std::size_t unaligned = (kPrefixBytes + text.size()) % kDataAlignment;
  if (unaligned != 0) text.append(kDataAlignment - unaligned, ' ');
  if (text.size() > kMaxHeaderBytes) fail_internal("{}: header of {} bytes is too large", path, text.size());
  const std::uint64_t size = text.size();
  written.bytes.resize(kPrefixBytes);
  std::memcpy(written.bytes.data(), &size, kPrefixBytes);
  written.bytes += text;
  for (TensorEntry& entry : written.tensors) {
    entry.begin += written.bytes.size();
    entry.end += written.bytes.size();
  }
  written.file_size = written.tensors.empty() ? written.bytes.size() : written.tensors.back().end;
  return written;
}

}  // namespace armorm::io
