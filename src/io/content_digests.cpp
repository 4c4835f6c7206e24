#include "io/content_digests.h"

#include <fmt/core.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/hash.h"
#include "io/checked_json.h"
#include "io/safetensors_header.h"

namespace armorm::io {
namespace {

constexpr const char* kTensors = "tensor_sha256";
constexpr const char* kHeader = "header_sha256";
constexpr int kDigestDepth = 2;  // of the JSON in kTensors

using Digests = std::map<std::string, std::string>;  // tensor -> SHA-256
using Kinds = std::map<std::string, std::string>;    // tensor -> "F32[2, 3]"

// With its length, so that no two lists of texts give the same bytes.
void add_text(Sha256& hash, std::string_view text) {
  hash.update(fmt::format("{}:", text.size()));
  hash.update(text);
}

std::string header_sha256(const Metadata& metadata, const Kinds& kinds) {
  Sha256 hash;
  for (const auto& [key, value] : metadata) {
    if (key == kHeader) continue;
    add_text(hash, key);
    add_text(hash, value);
  }
  hash.update(fmt::format("{} tensors:", kinds.size()));
  for (const auto& [name, kind] : kinds) {
    add_text(hash, name);
    add_text(hash, kind);
  }
  return hash.hex();
}

std::string sha256_of(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

Kinds kinds_of(const SafetensorsFile& file) {
  Kinds kinds;
  for (const std::string& name : file.names()) {
    const TensorView tensor = file.at(name);
    kinds[name] = describe(tensor.dtype, tensor.shape);
  }
  return kinds;
}

// Only after the header was verified: the digests are those that were written.
void verify_tensors(const SafetensorsFile& file) {
  const nlohmann::json digests =
      parse_checked_json(file.metadata().at(kTensors), file.path().string(), kDigestDepth);
  for (const std::string& name : file.names()) {
    const std::string found = sha256_of(file.at(name).bytes);
    const auto written = digests.find(name);
    if (written == digests.end() || *written != found)
      fail_data("{}: tensor \"{}\" was changed after it was written: its SHA-256 is {:.12}..., not {:.12}...",
                file.path().string(), name, found,
                written != digests.end() && written->is_string() ? written->get<std::string>() : "recorded");
  }
}

}  // namespace

void add_content_digests(Metadata& metadata, const std::vector<TensorContent>& tensors) {
  Digests digests;
  Kinds kinds;
  for (const TensorContent& tensor : tensors) {
    digests[tensor.spec.name] = sha256_of(tensor.bytes);
    kinds[tensor.spec.name] = describe(tensor.spec.dtype, tensor.spec.shape);
  }
  metadata[kTensors] = nlohmann::json(digests).dump();
  metadata[kHeader] = header_sha256(metadata, kinds);
}

bool has_content_digests(const Metadata& metadata) {
  return metadata.contains(kTensors) || metadata.contains(kHeader);
}

void verify_content(const SafetensorsFile& file) {
  const Metadata& metadata = file.metadata();
  if (!metadata.contains(kTensors) || !metadata.contains(kHeader))
    fail_data("{}: its metadata has no digests of the content", file.path().string());
  if (metadata.at(kHeader) != header_sha256(metadata, kinds_of(file)))
    fail_data("{}: its header or metadata was changed after it was written: the SHA-256 differs",
              file.path().string());
  verify_tensors(file);
}

}  // namespace armorm::io
