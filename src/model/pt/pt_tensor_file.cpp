#include "model/pt/pt_tensor_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "core/error.h"
#include "io/mapped_file.h"
#include "model/pt/pickle_reader.h"
#include "model/pt/pt_archive.h"
#include "model/pt/tensor_layout.h"

namespace armorm::model::pt {
namespace {

constexpr std::array<std::pair<std::string_view, DType>, 10> kStorages{{{"FloatStorage", DType::f32},
                                                                        {"HalfStorage", DType::f16},
                                                                        {"BFloat16Storage", DType::bf16},
                                                                        {"DoubleStorage", DType::f64},
                                                                        {"LongStorage", DType::i64},
                                                                        {"IntStorage", DType::i32},
                                                                        {"ShortStorage", DType::i16},
                                                                        {"CharStorage", DType::i8},
                                                                        {"ByteStorage", DType::u8},
                                                                        {"BoolStorage", DType::bool_}}};

DType dtype_of(const std::string& storage, const std::string& where) {
  for (const auto& [name, dtype] : kStorages)
    if (name == storage) return dtype;
  fail_data("{}: element type {} is not read; save it as bfloat16, float16 or float32", where, storage);
}

}  // namespace

struct PtTensorFile::Impl {
  explicit Impl(const std::filesystem::path& path) : file(path), archive(file.bytes(), path.string()) {
    archive.check_byte_order();
    for (auto& [name, tensor] : read_pickled_tensors(archive.record("data.pkl"), path.string())) {
      names.push_back(name);
      tensors.emplace(name, std::move(tensor));
    }
  }

  std::string_view storage(const std::string& key) {
    const std::lock_guard lock(mutex);
    const std::string name = "data/" + key;
    return checked.insert(key).second ? archive.record(name) : archive.unchecked_record(name);
  }

  io::MappedFile file;
  PtArchive archive;
  std::vector<std::string> names;
  std::map<std::string, PickledTensor> tensors;
  std::mutex mutex;
  std::set<std::string> checked;  // storages
};

PtTensorFile::PtTensorFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PtTensorFile::PtTensorFile(PtTensorFile&&) noexcept = default;
PtTensorFile& PtTensorFile::operator=(PtTensorFile&&) noexcept = default;
PtTensorFile::~PtTensorFile() = default;

PtTensorFile PtTensorFile::open(const std::filesystem::path& path) {
  return PtTensorFile(std::make_unique<Impl>(path));
}

const std::filesystem::path& PtTensorFile::path() const noexcept { return impl_->file.path(); }

std::vector<std::string> PtTensorFile::names() const { return impl_->names; }

bool PtTensorFile::contains(const std::string& name) const { return impl_->tensors.contains(name); }

io::StoredTensor PtTensorFile::at(const std::string& name) const {
  const std::string where = path().string() + ": tensor '" + name + "'";
  const auto found = impl_->tensors.find(name);
  if (found == impl_->tensors.end()) fail_data("{} is missing", where);
  const PickledTensor& tensor = found->second;
  io::StoredTensor out;
  out.dtype = dtype_of(tensor.storage_type, where);
  out.shape = tensor.shape;
  const std::size_t size = size_of(out.dtype);
  const std::span<const char> storage = impl_->storage(tensor.key);
  const std::int64_t count = check_layout(tensor, static_cast<std::int64_t>(storage.size() / size), where);
  if (count == 0) return out;
  const auto bytes = std::as_bytes(storage);
  if (is_contiguous(tensor)) {
    out.bytes = bytes.subspan(static_cast<std::size_t>(tensor.storage_offset) * size,
                              static_cast<std::size_t>(count) * size);
    return out;
  }
  auto copy = std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(count) * size);
  std::byte* to = copy->data();
  for_each_element(tensor, count, [&](std::size_t at) {
    std::memcpy(to, bytes.data() + at * size, size);
    to += size;
  });
  out.bytes = *copy;
  out.owned = std::move(copy);
  return out;
}

}  // namespace armorm::model::pt
