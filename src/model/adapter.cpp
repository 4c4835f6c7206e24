#include "model/adapter.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/accounting.h"
#include "core/error.h"
#include "model/scalar_type.h"
#include "model/weight_names.h"

namespace armorm::model {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::int64_t kRowBlock = 1024;  // rows that are computed at once

struct Half {
  std::string_view ending;
  bool is_a = false;
  bool embedding = false;
};
constexpr Half kHalves[] = {{".lora_A.weight", true, false},
                            {".lora_B.weight", false, false},
                            {".lora_embedding_A", true, true},
                            {".lora_embedding_B", false, true}};

constexpr std::string_view kBaseLayer = ".base_layer";

// Rows [begin, begin + count) of a tensor of any rank, in float32.
at::Tensor rows_of(const io::StoredTensor& tensor, at::ScalarType type, std::int64_t begin,
                   std::int64_t count) {
  std::vector<std::int64_t> shape = tensor.shape;
  shape[0] = count;
  at::Tensor rows = at::empty(shape, type);
  std::memcpy(
      rows.data_ptr(),
      tensor.bytes.data() + static_cast<std::size_t>(begin) * rows.nbytes() / static_cast<std::size_t>(count),
      rows.nbytes());
  return rows.to(at::kFloat);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

io::StoredTensor converted(const io::StoredTensor& from, at::ScalarType type, DType to_dtype,
                           at::ScalarType to) {
  const at::Tensor values = rows_of(from, type, 0, from.shape[0]).to(to);
  auto bytes = std::make_shared<std::vector<std::byte>>(values.nbytes());
  std::memcpy(bytes->data(), values.const_data_ptr(), values.nbytes());
  io::StoredTensor out;
  out.dtype = to_dtype;
  out.shape = from.shape;
  out.bytes = *bytes;
  out.owned = std::move(bytes);
  return out;
}

}  // namespace

Adapter::Adapter(fs::path folder, AdapterConfig config, WeightFiles files)
    : folder_(std::move(folder)), config_(std::move(config)), files_(std::move(files)) {
  for (const WeightFiles::File& file : files_.files())
    for (const std::string& name : file.names) place(name);
  check_updates();
}

Adapter Adapter::open(const fs::path& folder) {
  return {folder, AdapterConfig::load(folder), WeightFiles::open_adapter(folder)};
}

void Adapter::fail(const std::string& stored, const std::string& what) const {
  fail_data("{}: tensor '{}': {}", files_.file_of(stored).path.string(), stored, what);
}

void Adapter::place(const std::string& stored) {
  if (!stored.starts_with(kPrefix))
    fail(stored, fmt::format("expected a name that begins with '{}'", kPrefix));
  const std::string name = stored.substr(kPrefix.size());
  for (const Half& half : kHalves)
    if (name.ends_with(half.ending))
      return place_half(stored, name.substr(0, name.size() - half.ending.size()), half.is_a, half.embedding);
  const std::size_t dot = name.rfind('.');
  std::string module = name.substr(0, dot);
  const std::string parameter = dot == std::string::npos ? "" : name.substr(dot);
  const bool of_base = module.ends_with(kBaseLayer);
  if (of_base) module.erase(module.size() - kBaseLayer.size());
  const std::string tensor = module + parameter;
  const bool known = parameter == ".weight" || parameter == ".bias" || is_known_unread(tensor);
  if (!known || is_of_adapter(tensor))
    fail(stored,
         "is of no LoRA update; merge the adapter with peft's merge_and_unload and give the merged model");
  if (of_base != config_.targets(module))
    fail(stored, of_base ? "adapter_config.json does not target this module"
                         : "the module has an update, so that peft does not read this tensor");
  if (!replaced_.emplace(canonical_name(tensor), stored).second)
    fail(stored, "is there twice under two names");
}

void Adapter::place_half(const std::string& stored, const std::string& module, bool is_a, bool embedding) {
  if (!config_.targets(module))
    fail(stored, "adapter_config.json does not target this module; the files are of different adapters");
  Update& update = updates_[canonical_name(module + ".weight")];
  std::string& half = is_a ? update.a : update.b;
  if (!half.empty()) fail(stored, "is there twice under two names");
  half = stored;
  update.module = module;
  update.embedding = embedding;
}

void Adapter::check_updates() const {
  for (const auto& [tensor, update] : updates_) {
    if (update.a.empty()) fail(update.b, "its lora_A is missing; download the complete adapter");
    if (update.b.empty()) fail(update.a, "its lora_B is missing; download the complete adapter");
  }
}

std::vector<std::string> Adapter::own_tensors() const {
  std::vector<std::string> names;
  for (const auto& [tensor, stored] : replaced_) names.push_back(tensor);
  return names;
}

bool Adapter::changes(const std::string& tensor) const {
  return updates_.contains(tensor) || replaced_.contains(tensor);
}

io::StoredTensor Adapter::merged(const std::string& tensor,
                                 const std::optional<io::StoredTensor>& base) const {
  std::optional<io::StoredTensor> weight = base;
  const auto replaced = replaced_.find(tensor);
  if (replaced != replaced_.end()) {
    const std::string& stored = replaced->second;
    const io::StoredTensor own = files_.at(stored);
    if (base && own.shape != base->shape)
      fail(stored, fmt::format("found shape {}, expected {} of the base model", shape_text(own.shape),
                               shape_text(base->shape)));
    const auto from = scalar_type(own.dtype);
    const auto to = base ? scalar_type(base->dtype) : std::nullopt;
    weight = from && to && from != to && !own.shape.empty() && own.numel() > 0
                 ? converted(own, *from, base->dtype, *to)
                 : own;
  }
  const auto update = updates_.find(tensor);
  return update == updates_.end() ? *weight : updated(update->second, *weight);
}

io::StoredTensor Adapter::updated(const Update& update, const io::StoredTensor& weight) const {
  const io::StoredTensor a = files_.at(update.a);
  const io::StoredTensor b = files_.at(update.b);
  const std::int64_t r = config_.rank(update.module);
  if (weight.shape.size() != 2 || weight.numel() == 0)
    fail(update.a, "updates a tensor that is not a matrix");
  const std::int64_t rows = weight.shape[0];
  const std::int64_t columns = weight.shape[1];
  const std::vector<std::int64_t> a_shape{r, update.embedding ? rows : columns};
  const std::vector<std::int64_t> b_shape{update.embedding ? columns : rows, r};
  for (const auto& [name, found, expected] :
       {std::tuple(update.a, a.shape, a_shape), std::tuple(update.b, b.shape, b_shape)})
    if (found != expected)
      fail(name, fmt::format("found shape {}, expected {} of rank {} and the base model", shape_text(found),
                             shape_text(expected), r));
  const auto a_type = scalar_type(a.dtype);
  const auto b_type = scalar_type(b.dtype);
  const auto type = scalar_type(weight.dtype);
  if (!a_type || !b_type || !type)
    fail(update.a,
         "found elements that are not F32, F16 or BF16 in the update or in the matrix of the base model");

  // [rows, r] and [r, columns]
  at::Tensor left = rows_of(b, *b_type, 0, b.shape[0]);
  at::Tensor right = rows_of(a, *a_type, 0, r);
  if (update.embedding) {
    const at::Tensor swapped = left.t().contiguous();
    left = right.t().contiguous();
    right = swapped;
  }
  const auto scaling = static_cast<float>(config_.scaling(update.module));
  auto bytes = std::make_shared<std::vector<std::byte>>(weight.bytes.size());
  const std::size_t row_bytes = rows > 0 ? weight.bytes.size() / static_cast<std::size_t>(rows) : 0;
  for (std::int64_t row = 0; row < rows; row += kRowBlock) {
    const std::int64_t count = std::min(kRowBlock, rows - row);
    const at::Tensor delta = at::mm(left.narrow(0, row, count), right).mul_(scaling);
    const at::Tensor sum = rows_of(weight, *type, row, count).add_(delta).to(*type);
    std::memcpy(bytes->data() + static_cast<std::size_t>(row) * row_bytes, sum.const_data_ptr(),
                sum.nbytes());
  }
  io::StoredTensor out;
  out.dtype = weight.dtype;
  out.shape = weight.shape;
  out.bytes = *bytes;
  out.owned = std::move(bytes);
  return out;
}

// peft merges an update of a tied lm_head into the embeddings too, although it was trained for one of them.
void Adapter::check_base(const std::function<bool(const std::string&)>& has) const {
  for (const auto& [tensor, update] : updates_) {
    if (has(tensor) || replaced_.contains(tensor)) continue;
    fail(
        update.a,
        tensor == "lm_head.weight"
            ? "the base model's lm_head is its embeddings, which the update would change too; merge the "
              "adapter with peft's merge_and_unload and give the merged model"
            : fmt::format("the base model has no tensor '{}'; it is not the model that was trained", tensor));
  }
}

void Adapter::warn_of_unchanged(const std::vector<std::string>& base_tensors) const {
  const bool with_head = std::any_of(updates_.begin(), updates_.end(),
                                     [](const auto& item) { return is_of_decoder(item.second.module); });
  Accounting modules(folder_.string(), "module");
  for (const auto& [tensor, update] : updates_) modules.use(tensor);
  for (const std::string& tensor : base_tensors) {
    constexpr std::string_view kWeight = ".weight";
    if (!is_of_decoder(tensor) || !tensor.ends_with(kWeight)) continue;
    const std::string module = tensor.substr(0, tensor.size() - kWeight.size());
    if (config_.targets(with_head ? module : module.substr(std::string_view("model.").size())))
      modules.give(tensor);
  }
  modules.warn_of_rest(
      "adapter_config.json targets them, but the adapter holds no update; they stay as they are");
}

}  // namespace armorm::model
