#include "model/weight_names.h"

#include <algorithm>
#include <array>

namespace armorm::model {
namespace {

constexpr std::string_view kDecoder = "model.";
constexpr std::array<std::string_view, 4> kOuter{"base_model.model.", "pretrained_model.", "module.",
                                                 "language_model."};
constexpr std::array<std::string_view, 3> kAnywhere{"_orig_mod.", "_fsdp_wrapped_module.",
                                                    "_checkpoint_wrapped_module."};
// Of a model with images, whose decoder transformers 5 saves as the first of these.
constexpr std::string_view kNestedDecoder = "model.language_model.";
constexpr std::array<std::string_view, 2> kImageParts{"vision_tower.", "multi_modal_projector."};
constexpr std::array<std::string_view, 4> kDecoderStarts{"embed_tokens.", "tok_embeddings.", "layers.",
                                                         "norm."};
constexpr auto kHeads = std::to_array<std::string_view>(
    {"lm_head.", "score.", "classifier.", "v_head.", "value_head.", "reward_head.", "regression_layer.",
     "gating.", "gating_layer.", "reward_transform_matrix", "rm_head.", "regression_head.", "score_head.",
     "output."});
constexpr std::array<std::string_view, 5> kAdapterParts{".lora_", ".base_layer.", ".original_module.",
                                                        ".modules_to_save.", ".ia3_"};

template <class Parts>
bool starts_with_any(std::string_view name, const Parts& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return name.starts_with(part); });
}

// Only complete components: at the start or after a dot.
void remove_components(std::string& name, std::string_view part) {
  for (std::size_t at = name.find(part); at != std::string::npos; at = name.find(part, at)) {
    if (at == 0 || name[at - 1] == '.')
      name.erase(at, part.size());
    else
      ++at;
  }
}

bool remove_outer(std::string& name) {
  for (const std::string_view part : kOuter) {
    if (!name.starts_with(part)) continue;
    name.erase(0, part.size());
    return true;
  }
  return false;
}

}  // namespace

std::string canonical_name(std::string_view stored) {
  std::string name(stored);
  for (const std::string_view part : kAnywhere) remove_components(name, part);
  while (remove_outer(name)) {
  }
  while (name.starts_with("model.model.")) name.erase(0, kDecoder.size());
  if (name.starts_with(kNestedDecoder)) name.replace(0, kNestedDecoder.size(), kDecoder);
  for (const std::string_view part : kImageParts)
    if (name.starts_with(std::string(kDecoder) + std::string(part))) name.erase(0, kDecoder.size());
  return starts_with_any(name, kDecoderStarts) ? std::string(kDecoder) + name : name;
}

bool is_of_decoder(std::string_view canonical) { return canonical.starts_with(kDecoder); }

bool is_known_unread(std::string_view canonical) {
  return starts_with_any(canonical, kHeads) || starts_with_any(canonical, kImageParts) ||
         canonical.ends_with(".rotary_emb.inv_freq");
}

bool is_of_adapter(std::string_view stored) {
  return std::any_of(kAdapterParts.begin(), kAdapterParts.end(),
                     [&](std::string_view part) { return stored.find(part) != std::string_view::npos; });
}

}  // namespace armorm::model
