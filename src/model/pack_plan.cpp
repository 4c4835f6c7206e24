#include "model/pack_plan.h"

#include <algorithm>
#include <numeric>

#include "core/stop_point.h"

namespace armorm::model {
namespace {

using Tokens = std::span<const text::tokenizer::TokenId>;

std::int64_t common_prefix(Tokens a, Tokens b) {
  const auto n = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin()).first - a.begin();
}

// Distinct sequences in lexicographic order.
std::vector<PlannedSequence> sort_and_merge(std::span<const ExtractionRequest> requests,
                                            std::int64_t max_blocks) {
  std::vector<std::size_t> order(requests.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    stop_point();
    return std::ranges::lexicographical_compare(requests[a].tokens, requests[b].tokens);
  });
  std::vector<PlannedSequence> sequences;
  for (const std::size_t r : order) {
    const std::int64_t wanted = std::ssize(requests[r].wanted);
    if (sequences.empty() || !std::ranges::equal(sequences.back().tokens, requests[r].tokens) ||
        sequences.back().wanted > max_blocks - wanted)
      sequences.push_back({requests[r].tokens, {}, 0, 0});
    sequences.back().requests.push_back(r);
    sequences.back().wanted += wanted;
  }
  return sequences;
}

struct Family {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t longest = 0;
};

std::vector<Family> find_families(std::span<const PlannedSequence> sequences) {
  std::vector<Family> families;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (sequences[i].shared == 0) families.push_back({i, i, 0});
    families.back().end = i + 1;
    families.back().longest = std::max(families.back().longest, sequences[i].tokens.size());
  }
  std::stable_sort(families.begin(), families.end(),
                   [](const Family& a, const Family& b) { return a.longest > b.longest; });
  return families;
}

// Builds the prefix tree of one pack, depth first. A node's tokens are a sequence of the batch, which
// continues its parent.
class TreeBuilder {
 public:
  explicit TreeBuilder(std::span<const PlannedSequence> pack) : pack_(pack), paths_(pack.size()) {
    batch_.cu_seqlens.push_back(0);
    add_children(0, pack.size(), {});
  }

  // Index in the batch's tokens of position `position` of sequence `s`.
  std::int64_t locate(std::size_t s, std::int64_t position) const {
    const auto& path = paths_[s];
    const auto after =
        std::upper_bound(path.begin(), path.end(), position,
                         [](std::int64_t p, const Piece& piece) { return p < piece.position; });
    const Piece& piece = *(after - 1);
    return piece.offset + position - piece.position;
  }
  PackedBatch take() && { return std::move(batch_); }

 private:
  struct Piece {
    std::int64_t position = 0;  // in the sequence
    std::int64_t offset = 0;    // in the batch's tokens
  };
  struct Node {
    std::int64_t depth = 0;   // tokens from the root to the end of this node
    std::int64_t index = -1;  // index of its sequence in the batch
    std::vector<Piece> path;  // from the root
  };

  Node add_node(const Node& parent, Tokens tokens, std::int64_t end) {
    Node node{end, static_cast<std::int64_t>(batch_.prefix_of.size()), parent.path};
    node.path.push_back({parent.depth, static_cast<std::int64_t>(batch_.tokens.size())});
    batch_.tokens.insert(batch_.tokens.end(), tokens.begin() + parent.depth, tokens.begin() + end);
    batch_.cu_seqlens.push_back(static_cast<std::int64_t>(batch_.tokens.size()));
    batch_.prefix_of.push_back(parent.index);
    return node;
  }

  // All of sequences [begin, end) start with the parent's tokens.
  void add_children(std::size_t begin, std::size_t end, const Node& parent) {
    for (std::size_t first = begin; first < end;) {
      std::size_t last = first + 1;
      std::int64_t common = static_cast<std::int64_t>(pack_[first].tokens.size());
      while (last < end && pack_[last].shared >= parent.depth + kMinSharedTokens)
        common = std::min(common, pack_[last++].shared);
      add_run(first, last, common, parent);
      first = last;
    }
  }

  void add_run(std::size_t first, std::size_t last, std::int64_t common, const Node& parent) {
    if (common == parent.depth) {  // the sequence consists of exactly the parent's tokens
      paths_[first] = parent.path;
      if (++first == last) return;
      return add_children(first, last, parent);
    }
    const Node node = add_node(parent, pack_[first].tokens, common);
    if (last - first == 1) {
      paths_[first] = node.path;
      return;
    }
    if (static_cast<std::int64_t>(pack_[first].tokens.size()) == common) paths_[first++] = node.path;
    add_children(first, last, node);
  }

  std::span<const PlannedSequence> pack_;
  std::vector<std::vector<Piece>> paths_;
  PackedBatch batch_;
};

}  // namespace

std::int64_t max_pack_blocks(bool on_cpu) { return on_cpu ? kAnyBlocks : kMaxCudaBlocks; }

std::vector<PlannedSequence> plan_sequences(std::span<const ExtractionRequest> requests, bool share_prefixes,
                                            std::int64_t max_blocks) {
  std::vector<PlannedSequence> sorted = sort_and_merge(requests, max_blocks);
  for (std::size_t i = 1; share_prefixes && i < sorted.size(); ++i) {
    const std::int64_t shared = common_prefix(sorted[i - 1].tokens, sorted[i].tokens);
    sorted[i].shared = shared >= kMinSharedTokens ? shared : 0;
  }
  std::vector<PlannedSequence> planned;
  planned.reserve(sorted.size());
  for (const Family& family : find_families(sorted))
    for (std::size_t i = family.begin; i < family.end; ++i) planned.push_back(std::move(sorted[i]));
  return planned;
}

std::span<const PlannedSequence> first_pack(std::span<const PlannedSequence> sequences, std::int64_t budget,
                                            std::int64_t max_blocks) {
  std::size_t count = 0;
  std::int64_t tokens = 0;
  std::int64_t nodes = 0;
  std::int64_t wanted = 0;
  for (; count < sequences.size(); ++count) {
    const std::int64_t shared = count == 0 ? 0 : sequences[count].shared;
    tokens += static_cast<std::int64_t>(sequences[count].tokens.size()) - shared;
    nodes += shared == 0 ? 1 : 2;  // its own, and one for what it shares
    wanted += sequences[count].wanted;
    if (count > 0 && (tokens > budget || nodes > max_blocks || wanted > max_blocks)) break;
  }
  return sequences.first(count);
}

PackedBatch lay_out(std::span<const PlannedSequence> pack, std::span<const ExtractionRequest> requests) {
  TreeBuilder tree(pack);
  std::vector<std::int64_t> wanted;
  for (std::size_t s = 0; s < pack.size(); ++s)
    for (const std::size_t r : pack[s].requests)
      for (const std::int64_t position : requests[r].wanted) wanted.push_back(tree.locate(s, position));
  PackedBatch batch = std::move(tree).take();
  batch.wanted = std::move(wanted);
  return batch;
}

}  // namespace armorm::model
