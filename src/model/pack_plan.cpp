#include "model/pack_plan.h"

#include <algorithm>
#include <numeric>

#include "core/stop_point.h"
#include "model/common_prefix.h"

namespace armorm::model {
namespace {

using Tokens = std::span<const text::tokenizer::TokenId>;

void add_request(const ExtractionRequest& request, std::size_t index, PlannedSequence& sequence) {
  sequence.requests.push_back(index);
  sequence.wanted += std::ssize(request.wanted);
  for (const std::int64_t position : request.wanted)
    sequence.first_wanted = std::min(sequence.first_wanted, position);
  sequence.cacheable = std::max(sequence.cacheable, request.cacheable);
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
      sequences.push_back({requests[r].tokens, {}, 0, 0, std::ssize(requests[r].tokens) - 1, 0});
    add_request(requests[r], r, sequences.back());
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

std::vector<CachedPack::Start> uncached_starts(std::span<const PlannedSequence> pack) {
  std::vector<CachedPack::Start> starts;
  for (const PlannedSequence& sequence : pack) starts.push_back({sequence.shared, {}});
  return starts;
}

// Builds the prefix trees of one pack, depth first. A node's tokens are a sequence of the batch, which
// continues its parent, or rows of a cache.
class TreeBuilder {
 public:
  TreeBuilder(std::span<const PlannedSequence> pack, std::span<const CachedPack::Start> starts)
      : pack_(pack), starts_(starts), paths_(pack.size()) {
    batch_.cu_seqlens.push_back(0);
    for (std::size_t first = 0, last = 0; first < pack.size(); first = last) {
      for (last = first + 1; last < pack.size() && starts[last].shared > 0;) ++last;
      add_tree(first, last);
    }
  }

  // The batch's sequence that ends sequence `s`.
  std::int64_t end_of(std::size_t s) const { return paths_[s].back().node; }

  // Index in the batch's tokens of position `position` of sequence `s`.
  std::int64_t locate(std::size_t s, std::int64_t position) const {
    const auto& path = paths_[s];
    const auto after =
        std::upper_bound(path.begin(), path.end(), position,
                         [](std::int64_t p, const Piece& piece) { return p < piece.position; });
    const Piece& piece = *(after - 1);
    return piece.offset + position - piece.position;
  }
  PackedBatch take() && {
    if (!batch_.cached.empty()) batch_.cached.resize(batch_.prefix_of.size());
    return std::move(batch_);
  }

 private:
  struct Piece {
    std::int64_t position = 0;  // in the sequence
    std::int64_t offset = 0;    // in the batch's tokens
    std::int64_t node = 0;
  };
  struct Node {
    std::int64_t depth = 0;   // tokens from the root to the end of this node, cached ones included
    std::int64_t index = -1;  // index of its sequence in the batch
    std::vector<Piece> path;  // from the root
  };

  Node add_node(const Node& parent, Tokens tokens, std::int64_t end) {
    Node node{end, static_cast<std::int64_t>(batch_.prefix_of.size()), parent.path};
    node.path.push_back({parent.depth, static_cast<std::int64_t>(batch_.tokens.size()), node.index});
    batch_.tokens.insert(batch_.tokens.end(), tokens.begin() + parent.depth, tokens.begin() + end);
    batch_.cu_seqlens.push_back(static_cast<std::int64_t>(batch_.tokens.size()));
    batch_.prefix_of.push_back(parent.index);
    return node;
  }

  // Sequences [first, last), which share a prefix and take the same rows of a cache.
  void add_tree(std::size_t first, std::size_t last) {
    const CachedPrefix& cached = starts_[first].cached;
    const std::size_t root = batch_.prefix_of.size();
    add_children(first, last, {cached.tokens, -1, {}});
    if (cached.tokens == 0) return;
    batch_.cached.resize(root);
    batch_.cached.push_back(cached);
  }

  // All of sequences [begin, end) start with the parent's tokens.
  void add_children(std::size_t begin, std::size_t end, const Node& parent) {
    for (std::size_t first = begin; first < end;) {
      std::size_t last = first + 1;
      std::int64_t common = static_cast<std::int64_t>(pack_[first].tokens.size());
      while (last < end && starts_[last].shared >= parent.depth + kMinSharedTokens)
        common = std::min(common, starts_[last++].shared);
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
  std::span<const CachedPack::Start> starts_;
  std::vector<std::vector<Piece>> paths_;
  PackedBatch batch_;
};

std::vector<std::int64_t> locate_wanted(const TreeBuilder& tree, std::span<const PlannedSequence> pack,
                                        std::span<const ExtractionRequest> requests) {
  std::vector<std::int64_t> wanted;
  for (std::size_t s = 0; s < pack.size(); ++s)
    for (const std::size_t r : pack[s].requests)
      for (const std::int64_t position : requests[r].wanted) wanted.push_back(tree.locate(s, position));
  return wanted;
}

// Sequences of equal prefixes are neighbours, and of two of which one begins with the other the longer one
// holds both.
std::vector<PackedBatch::Kept> choose_kept(const TreeBuilder& tree, std::span<const PlannedSequence> pack,
                                           const PrefixCache& cache, std::vector<Tokens>& prefixes) {
  std::vector<PackedBatch::Kept> keep;
  std::int64_t tokens = 0;
  for (std::size_t s = 0; s < pack.size(); ++s) {
    const Tokens prefix = pack[s].tokens.first(static_cast<std::size_t>(pack[s].cacheable));
    if (std::ssize(prefix) < kMinSharedTokens || !cache.wants(prefix)) continue;
    const std::int64_t held = prefixes.empty() ? 0 : common_prefix(prefixes.back(), prefix);
    if (held == std::ssize(prefix)) continue;
    if (!prefixes.empty() && held == std::ssize(prefixes.back())) {
      tokens -= held;
      prefixes.pop_back();
      keep.pop_back();
    }
    if (!cache.fits(tokens + std::ssize(prefix))) continue;
    tokens += std::ssize(prefix);
    prefixes.push_back(prefix);
    keep.push_back({tree.end_of(s), std::ssize(prefix)});
  }
  return keep;
}

// Adds sequences to a pack while they fit.
class CachedPackBuilder {
 public:
  explicit CachedPackBuilder(PrefixCache& cache) : cache_(cache) {}

  // false: it does not fit, and is not added. The first one always fits.
  bool add(const PlannedSequence& sequence, std::int64_t budget, std::int64_t max_blocks) {
    CachedPrefix cached = find(sequence);
    const bool joins = joins_tree(sequence, cached);
    const auto length = std::ssize(sequence.tokens);
    // A tree takes what all its sequences can take; the others' rows are computed once.
    const std::int64_t given_up = joins ? std::max<std::int64_t>(0, tree_tokens() - cached.tokens) : 0;
    tokens_ += length - (joins ? sequence.shared - given_up : cached.tokens);
    nodes_ += joins ? 2 : 1;
    wanted_ += sequence.wanted;
    if (!starts_.empty() && (tokens_ > budget || nodes_ > max_blocks || wanted_ > max_blocks)) return false;
    if (!joins) tree_ = starts_.size();
    if (joins && given_up == 0) cached = starts_[tree_].cached;
    starts_.push_back({joins ? sequence.shared : 0, cached});
    if (given_up > 0)
      for (std::size_t s = tree_; s < starts_.size(); ++s) starts_[s].cached = cached;
    return true;
  }

  CachedPack take(std::span<const PlannedSequence> sequences) && {
    CachedPack pack{sequences, std::move(starts_)};
    for (const CachedPack::Start& start : pack.starts) {
      pack.hits += start.cached.tokens > 0 ? 1 : 0;
      pack.cached_tokens += start.cached.tokens;
    }
    return pack;
  }

 private:
  // No row of a wanted position can come from the cache.
  CachedPrefix find(const PlannedSequence& sequence) {
    const CachedPrefix cached =
        cache_.find(sequence.tokens.first(static_cast<std::size_t>(sequence.first_wanted)));
    return cached.tokens < kMinSharedTokens ? CachedPrefix{} : cached;
  }
  std::int64_t tree_tokens() const { return starts_[tree_].cached.tokens; }
  // Whether it shares enough with the sequence before it that neither takes from the cache.
  bool joins_tree(const PlannedSequence& sequence, const CachedPrefix& cached) const {
    return !starts_.empty() && sequence.shared >= std::max(tree_tokens(), cached.tokens) + kMinSharedTokens;
  }

  PrefixCache& cache_;
  std::vector<CachedPack::Start> starts_;
  std::size_t tree_ = 0;  // first sequence of the last tree
  std::int64_t tokens_ = 0;
  std::int64_t nodes_ = 0;
  std::int64_t wanted_ = 0;
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
  const std::vector<CachedPack::Start> starts = uncached_starts(pack);
  TreeBuilder tree(pack, starts);
  std::vector<std::int64_t> wanted = locate_wanted(tree, pack, requests);
  PackedBatch batch = std::move(tree).take();
  batch.wanted = std::move(wanted);
  return batch;
}

CachedPack first_cached_pack(std::span<const PlannedSequence> sequences, std::int64_t budget,
                             std::int64_t max_blocks, PrefixCache& cache) {
  CachedPackBuilder builder(cache);
  std::size_t count = 0;
  for (; count < sequences.size(); ++count)
    if (!builder.add(sequences[count], budget, max_blocks)) break;
  return std::move(builder).take(sequences.first(count));
}

CachedLayout lay_out(const CachedPack& pack, std::span<const ExtractionRequest> requests,
                     const PrefixCache& cache) {
  TreeBuilder tree(pack.sequences, pack.starts);
  std::vector<std::int64_t> wanted = locate_wanted(tree, pack.sequences, requests);
  CachedLayout out;
  std::vector<PackedBatch::Kept> keep;
  if (!wanted.empty()) keep = choose_kept(tree, pack.sequences, cache, out.kept);
  out.batch = std::move(tree).take();
  out.batch.wanted = std::move(wanted);
  out.batch.keep = std::move(keep);
  return out;
}

}  // namespace armorm::model
