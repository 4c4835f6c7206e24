#include "io/content_digests.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "core/stop_point.h"
#include "io/checked_json.h"
#include "io/safetensors_header.h"

namespace armorm::io {
namespace {

constexpr const char* kHeader = "header_sha256";
constexpr int kDigestDepth = 2;  // of the JSON in kTensorDigests
constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

constexpr const char* kReserved = "0000000000000000000000000000000000000000000000000000000000000000";

using Kinds = std::map<std::string, std::string>;  // tensor -> "F32[2, 3]"

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
  for (std::size_t at = 0; at < bytes.size(); at += kPieceBytes) {
    stop_point();
    hash.update(bytes.subspan(at, std::min(kPieceBytes, bytes.size() - at)));
  }
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

nlohmann::json written_digests(const SafetensorsFile& file) {
  return parse_checked_json(file.metadata().at(kTensorDigests), file.path().string(), kDigestDepth);
}

// Only after the header was verified: the digests are those that were written.
void check_digest(const SafetensorsFile& file, const std::string& tensor, const nlohmann::json& digests,
                  const std::string& found) {
  const auto written = digests.find(tensor);
  if (written != digests.end() && *written == found) return;
  fail_data("{}: tensor \"{}\" was changed after it was written: its SHA-256 is {:.12}..., not {:.12}...",
            file.path().string(), tensor, found,
            written != digests.end() && written->is_string() ? written->get<std::string>() : "recorded");
}

void verify_items(const std::vector<ContentCheck::Item>& items) {
  for (const ContentCheck::Item& item : items) {
    check_digest(*item.file, item.tensor, written_digests(*item.file),
                 sha256_of(item.file->at(item.tensor).bytes));
  }
}

}  // namespace

Metadata with_content_digests(Metadata metadata, const std::vector<TensorSpec>& tensors,
                              const TensorDigests& digests) {
  Kinds kinds;
  for (const TensorSpec& tensor : tensors) kinds[tensor.name] = describe(tensor.dtype, tensor.shape);
  metadata[kTensorDigests] = nlohmann::json(digests).dump();
  metadata[kHeader] = header_sha256(metadata, kinds);
  return metadata;
}

Metadata with_reserved_digests(Metadata metadata, const std::vector<TensorSpec>& tensors) {
  TensorDigests zeros;
  for (const TensorSpec& tensor : tensors) zeros[tensor.name] = kReserved;
  metadata[kTensorDigests] = nlohmann::json(zeros).dump();
  metadata[kHeader] = kReserved;
  return metadata;
}

bool has_reserved_digests(const Metadata& metadata) {
  const auto found = metadata.find(kHeader);
  return found != metadata.end() && found->second == kReserved;
}

void add_content_digests(Metadata& metadata, const std::vector<TensorContent>& tensors) {
  std::vector<TensorSpec> specs;
  TensorDigests digests;
  for (const TensorContent& tensor : tensors) {
    specs.push_back(tensor.spec);
    digests[tensor.spec.name] = sha256_of(tensor.bytes);
  }
  metadata = with_content_digests(std::move(metadata), specs, digests);
}

bool has_content_digests(const Metadata& metadata) {
  return metadata.contains(kTensorDigests) || metadata.contains(kHeader);
}

void verify_header(const SafetensorsFile& file) {
  const Metadata& metadata = file.metadata();
  if (!metadata.contains(kTensorDigests) || !metadata.contains(kHeader))
    fail_data("{}: its metadata has no digests of the content", file.path().string());
  if (metadata.at(kHeader) != header_sha256(metadata, kinds_of(file)))
    fail_data("{}: its header or metadata was changed after it was written: the SHA-256 differs",
              file.path().string());
}

void verify_content(const SafetensorsFile& file) {
  verify_header(file);
  const nlohmann::json digests = written_digests(file);
  for (const std::string& name : file.names())
    check_digest(file, name, digests, sha256_of(file.at(name).bytes));
}

ContentCheck::ContentCheck(std::vector<Item> items)
    : check_(std::async(std::launch::async, [this, items = std::move(items), stop = current_stop_request()] {
        const StopScope scope([this, &stop] { return stopped_ || (stop && stop()); });
        verify_items(items);
      })) {}

ContentCheck::~ContentCheck() {
  stopped_ = true;
  check_.wait();
}

void ContentCheck::finish() { check_.get(); }

}  // namespace armorm::io
