#include "stages/artifacts/weights_fingerprint.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/hash.h"
#include "core/parallel.h"
#include "core/phase.h"
#include "io/safetensors_header.h"
#include "model/weights_folder.h"

namespace armorm::stages::artifacts {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{8} << 20;
constexpr std::size_t kMegabyte = 1'000'000;

struct Tensor {
  std::string description;  // name, type and shape
  std::size_t first_block = 0;
};

struct Blocks {
  std::vector<Tensor> tensors;  // by name
  std::vector<std::span<const std::byte>> blocks;
  std::size_t bytes = 0;
  std::vector<std::shared_ptr<const std::vector<std::byte>>> owned;  // by no file
};

Blocks blocks_of(std::vector<model::WeightsFolder::Piece> pieces) {
  std::sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  Blocks all;
  for (auto& [name, view] : pieces) {
    if (view.owned) all.owned.push_back(view.owned);
    all.tensors.push_back(
        {nlohmann::json({name, std::string(name_of(view.dtype)), view.shape}).dump(), all.blocks.size()});
    for (std::size_t at = 0; at < view.bytes.size(); at += kBlockBytes)
      all.blocks.push_back(view.bytes.subspan(at, std::min(kBlockBytes, view.bytes.size() - at)));
    all.bytes += view.bytes.size();
  }
  return all;
}

std::string sha256_of(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

}  // namespace

std::string weights_fingerprint(const model::ModelFolder& model) {
  const model::WeightsFolder weights = model::WeightsFolder::open(model);
  const Blocks all = blocks_of(weights.pieces());
  std::vector<std::string> digests(all.blocks.size());
  Phase phase(model.folder.string() + ": reading the weights for their fingerprint",
              static_cast<std::int64_t>(all.bytes / kMegabyte), "MB");
  std::atomic<std::size_t> bytes = 0;
  parallel_for(static_cast<std::int64_t>(digests.size()), default_thread_count(), [&](std::int64_t i) {
    const auto block = static_cast<std::size_t>(i);
    digests[block] = sha256_of(all.blocks[block]);
    phase.advance_to(static_cast<std::int64_t>((bytes += all.blocks[block].size()) / kMegabyte));
  });
  Sha256 hash;
  for (std::size_t t = 0; t < all.tensors.size(); ++t) {
    const std::size_t end = t + 1 < all.tensors.size() ? all.tensors[t + 1].first_block : digests.size();
    hash.update(all.tensors[t].description);
    for (std::size_t block = all.tensors[t].first_block; block < end; ++block) hash.update(digests[block]);
  }
  return hash.hex();
}

std::map<std::string, std::string> tensor_digests(const model::ModelFolder& model) {
  const model::WeightsFolder weights = model::WeightsFolder::open(model);
  const std::vector<model::WeightsFolder::Piece> pieces = weights.pieces();
  std::size_t total = 0;
  for (const auto& piece : pieces) total += piece.tensor.bytes.size();
  std::vector<std::string> digests(pieces.size());
  Phase phase(model.folder.string() + ": reading the weights for their digests",
              static_cast<std::int64_t>(total / kMegabyte), "MB");
  std::atomic<std::size_t> done = 0;
  parallel_for(std::ssize(pieces), default_thread_count(), [&](std::int64_t i) {
    const io::StoredTensor& tensor = pieces[static_cast<std::size_t>(i)].tensor;
    Sha256 hash;
    for (std::size_t at = 0; at < tensor.bytes.size(); at += kBlockBytes) {
      const auto block = tensor.bytes.subspan(at, std::min(kBlockBytes, tensor.bytes.size() - at));
      hash.update(block);
      phase.advance_to(static_cast<std::int64_t>((done += block.size()) / kMegabyte));
    }
    digests[static_cast<std::size_t>(i)] = io::describe(tensor.dtype, tensor.shape) + " " + hash.hex();
  });
  std::map<std::string, std::string> by_name;
  for (std::size_t i = 0; i < pieces.size(); ++i) by_name[pieces[i].name] = digests[i];
  return by_name;
}

}  // namespace armorm::stages::artifacts
