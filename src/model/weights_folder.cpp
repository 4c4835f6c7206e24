#include "model/weights_folder.h"

#include <fmt/core.h>

#include <utility>

#include "core/error.h"
#include "model/weight_names.h"

namespace armorm::model {
namespace fs = std::filesystem;
namespace {

io::StoredTensor as_tensor(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  io::StoredTensor tensor;
  tensor.owned = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
  tensor.dtype = DType::u8;
  tensor.shape = {std::ssize(text)};
  tensor.bytes = *tensor.owned;
  return tensor;
}

}  // namespace

WeightsFolder::WeightsFolder(ModelFolder folder, WeightFiles files, std::optional<Adapter> adapter)
    : folder_(std::move(folder)), files_(std::move(files)), adapter_(std::move(adapter)) {
  for (const WeightFiles::File& file : files_.files()) {
    for (const std::string& name : file.names) {
      if (is_of_adapter(name))
        fail_data(
            "{}: tensor '{}' is of an adapter that is not merged; save the merged model (peft's "
            "merge_and_unload), or the adapter alone with its save_pretrained",
            file.path.string(), name);
      const auto [at, added] = stored_.emplace(canonical_name(name), name);
      if (!added)
        fail_data("{}: tensors '{}' and '{}' are both '{}' of the model; remove one of them",
                  file.path.string(), at->second, name, at->first);
    }
  }
  if (adapter_) adapter_->check_base([&](const std::string& name) { return stored_.contains(name); });
}

WeightsFolder WeightsFolder::open(const ModelFolder& folder) {
  const bool adapted = fs::exists(folder.folder / kAdapterConfig);
  for (const char* name : {"adapter_model.safetensors", "adapter_model.bin"})
    if (!adapted && fs::exists(folder.folder / name))
      fail_io("{}: found {} without {}; download the complete adapter, or remove the file",
              folder.folder.string(), name, kAdapterConfig);
  return {folder, WeightFiles::open(folder.base),
          adapted ? std::optional(Adapter::open(folder.folder)) : std::nullopt};
}

void WeightsFolder::warn_of_unchanged() const {
  if (adapter_) adapter_->warn_of_unchanged(names());
}

bool WeightsFolder::contains(const std::string& name) const {
  return stored_.contains(name) || of_adapter(name);
}

std::vector<std::string> WeightsFolder::names() const {
  std::vector<std::string> names;
  for (const auto& [name, stored] : stored_) names.push_back(name);
  if (adapter_)
    for (const std::string& name : adapter_->own_tensors())
      if (!stored_.contains(name)) names.push_back(name);
  return names;
}

io::StoredTensor WeightsFolder::at(const std::string& name) const {
  const auto found = stored_.find(name);
  if (found == stored_.end() && !of_adapter(name))
    fail_data("{}: tensor \"{}\" is missing; the model has {} tensors{}", folder_.base.string(), name,
              stored_.size(),
              stored_.empty() ? "" : fmt::format(", such as \"{}\"", stored_.begin()->second));
  std::optional<io::StoredTensor> base;
  if (found != stored_.end()) base = files_.at(found->second);
  return of_adapter(name) ? adapter_->merged(name, base) : *base;
}

std::span<const std::byte> WeightsFolder::mapped_bytes(const std::string& name) const {
  if (of_adapter(name)) return {};
  const io::StoredTensor tensor = at(name);
  return tensor.owned ? std::span<const std::byte>() : tensor.bytes;
}

std::uint64_t WeightsFolder::stored_bytes(const std::string& name) const {
  const auto found = stored_.find(name);
  return found == stored_.end() ? 0 : files_.at(found->second).bytes.size();
}

std::span<const std::byte> WeightsFolder::mapped_base(const std::string& name) const {
  const auto found = stored_.find(name);
  if (found == stored_.end()) return {};
  const io::StoredTensor tensor = files_.at(found->second);
  return tensor.owned ? std::span<const std::byte>() : tensor.bytes;
}

std::vector<std::string> WeightsFolder::names_of_layer(std::size_t layer) const {
  const std::string prefix = fmt::format("model.layers.{}.", layer);
  std::vector<std::string> names;
  for (auto at = stored_.lower_bound(prefix); at != stored_.end() && at->first.starts_with(prefix); ++at)
    names.push_back(at->first);
  return names;
}

std::string WeightsFolder::stored_name(const std::string& name) const {
  const auto found = stored_.find(name);
  return found == stored_.end() ? name : found->second;
}

fs::path WeightsFolder::file_of(const std::string& name) const {
  const auto found = stored_.find(name);
  return found == stored_.end() ? folder_.folder : files_.file_of(found->second).path;
}

std::vector<WeightsFolder::File> WeightsFolder::files() const {
  std::vector<File> files;
  for (const WeightFiles::File& file : files_.files()) {
    File shown{file.path, {}, file.safetensors && !adapter_};
    for (const std::string& stored : file.names) {
      shown.names.push_back(canonical_name(stored));
      shown.as_named = shown.as_named && shown.names.back() == stored;
    }
    files.push_back(std::move(shown));
  }
  return files;
}

io::FileWatch WeightsFolder::watch() const {
  io::FileWatch watch("the model was in use");
  watch.add(folder_.base / "config.json");
  for (const WeightFiles::File& file : files_.files()) watch.add(file.path);
  if (!adapter_) return watch;
  watch.add(folder_.folder / kAdapterConfig);
  for (const WeightFiles::File& file : adapter_->files().files()) watch.add(file.path);
  return watch;
}

std::vector<WeightsFolder::Piece> WeightsFolder::pieces() const {
  std::vector<Piece> pieces;
  for (const auto& [name, stored] : stored_) pieces.push_back({stored, files_.at(stored)});
  if (!adapter_) return pieces;
  constexpr const char* kOfAdapter = "adapter/";
  for (const WeightFiles::File& file : adapter_->files().files())
    for (const std::string& name : file.names)
      pieces.push_back({kOfAdapter + name, adapter_->files().at(name)});
  pieces.push_back({std::string(kOfAdapter) + kAdapterConfig, as_tensor(adapter_->config().text())});
  return pieces;
}

}  // namespace armorm::model
