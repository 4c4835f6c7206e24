#include "io/safetensors.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "io/safetensors_header.h"

namespace armorm::io {

std::int64_t TensorView::numel() const noexcept {
  // If one size is 0, the others may be so large that their product overflows.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

void TensorView::check_type(DType wanted, std::size_t alignment) const {
  if (wanted != dtype) fail_internal("tensor read as {}, but it is {}", name_of(wanted), name_of(dtype));
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignment != 0) {
    fail_internal("tensor of {} is not aligned to {} bytes", name_of(dtype), alignment);
  }
}

struct SafetensorsFile::Impl {
  explicit Impl(const std::filesystem::path& path) : file(path) {
    SafetensorsHeader header = parse_safetensors_header(file.bytes(), path.string());
    metadata = std::move(header.metadata);
    tensors = std::move(header.tensors);
    for (std::size_t i = 0; i < tensors.size(); ++i) index.emplace(tensors[i].spec.name, i);
  }

  const TensorEntry& entry(const std::string& name) const {
    const auto found = index.find(name);
    if (found != index.end()) return tensors[found->second];
    fail_data("{}: tensor \"{}\" is missing; the file holds {} tensors{}", file.path().string(), name,
              tensors.size(),
              tensors.empty() ? "" : fmt::format(", the first is \"{}\"", tensors[0].spec.name));
  }

  std::span<const std::byte> aligned_bytes(const TensorEntry& entry) const {
    const std::span<const std::byte> bytes = file.bytes().subspan(entry.begin, entry.end - entry.begin);
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % size_of(entry.spec.dtype) == 0) return bytes;
    const std::lock_guard lock(mutex);
    std::vector<std::uint64_t>& copy = copies[entry.spec.name];
    if (copy.empty()) {
      copy.resize((bytes.size() + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t));
      std::memcpy(copy.data(), bytes.data(), bytes.size());
    }
    return std::as_bytes(std::span(copy)).first(bytes.size());
  }

  MappedFile file;
  Metadata metadata;
  std::vector<TensorEntry> tensors;
  std::map<std::string, std::size_t> index;
  // Tensors that other writers left unaligned, copied at the first access.
  mutable std::mutex mutex;
  mutable std::map<std::string, std::vector<std::uint64_t>> copies;
};

SafetensorsFile::SafetensorsFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  return SafetensorsFile(std::make_unique<Impl>(path));
}

const std::filesystem::path& SafetensorsFile::path() const noexcept { return impl_->file.path(); }
const Metadata& SafetensorsFile::metadata() const noexcept { return impl_->metadata; }
const MappedFile& SafetensorsFile::mapping() const noexcept { return impl_->file; }

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const TensorEntry& entry : impl_->tensors) names.push_back(entry.spec.name);
  return names;
}

bool SafetensorsFile::contains(const std::string& name) const { return impl_->index.contains(name); }

TensorView SafetensorsFile::at(const std::string& name) const {
  const TensorEntry& entry = impl_->entry(name);
  TensorView view;
  view.dtype = entry.spec.dtype;
  view.shape = entry.spec.shape;
  view.bytes = impl_->aligned_bytes(entry);
  return view;
}

TensorView SafetensorsFile::at(const std::string& name, DType dtype,
                               const std::vector<std::int64_t>& expected_shape) const {
  TensorView view = at(name);
  const bool same_shape = std::equal(
      view.shape.begin(), view.shape.end(), expected_shape.begin(), expected_shape.end(),
      [](std::int64_t found, std::int64_t expected) { return expected == -1 || found == expected; });
  if (view.dtype != dtype || !same_shape) {
    fail_data("{}: tensor \"{}\": found {}, expected {} (-1 is any size)", path().string(), name,
              describe(view.dtype, view.shape), describe(dtype, expected_shape));
  }
  return view;
}

}  // namespace armorm::io
