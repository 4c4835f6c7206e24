#include "model/pack.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "model/prefix_rows.h"
#include "model/upload.h"

namespace armorm::model {
namespace {

// Kernels index rows with 32 bits.
constexpr std::size_t kMaxTokens = std::size_t{1} << 30;

void check_batch(const PackedBatch& batch, std::int64_t vocab_size) {
  const auto tokens = std::ssize(batch.tokens);
  const auto& starts = batch.cu_seqlens;
  if (batch.tokens.size() > kMaxTokens) {
    fail_internal("a pack holds {} tokens, expected at most {}", tokens, kMaxTokens);
  }
  if (starts.empty() || starts.front() != 0 || starts.back() != tokens ||
      std::adjacent_find(starts.begin(), starts.end(), std::greater_equal<>()) != starts.end()) {
    fail_internal("cu_seqlens of a pack must rise from 0 to its {} tokens", tokens);
  }
  for (std::size_t i = 0; i < batch.tokens.size(); ++i) {
    const text::tokenizer::TokenId id = batch.tokens[i];
    if (id < 0 || id >= vocab_size) {
      fail_data(
          "token {} of a pack: found id {}, expected 0 to {}; the tokenizer and config.json are of different "
          "models",
          i, id, vocab_size - 1);
    }
  }
  const auto outside = [&](std::int64_t row) { return row < 0 || row >= tokens; };
  if (std::any_of(batch.wanted.begin(), batch.wanted.end(), outside)) {
    fail_internal("a wanted row lies outside the {} tokens of its pack", tokens);
  }
}

void check_blocks(const PackedBatch& batch) {
  if (std::ssize(batch.cu_seqlens) - 1 > kMaxCudaBlocks || std::ssize(batch.wanted) > kMaxCudaBlocks)
    fail_internal("a pack for CUDA has {} sequences and {} wanted rows, expected at most {}",
                  batch.cu_seqlens.size() - 1, batch.wanted.size(), kMaxCudaBlocks);
}

void check_prefixes(const PackedBatch& batch) {
  if (batch.prefix_of.empty()) return;
  const auto sequences = std::ssize(batch.cu_seqlens) - 1;
  if (std::ssize(batch.prefix_of) != sequences) {
    fail_internal("prefix_of has {} entries, expected one for each of {} sequences", batch.prefix_of.size(),
                  sequences);
  }
  for (std::int64_t s = 0; s < sequences; ++s) {
    const std::int64_t prefix = batch.prefix_of[static_cast<std::size_t>(s)];
    if (prefix < -1 || prefix >= s) {
      fail_internal("prefix_of[{}] is {}, expected -1 or an earlier sequence", s, prefix);
    }
  }
}

// One sequence of the pack and the position of its keys; the keys of its prefixes come first.
struct Sequence {
  std::int64_t begin = 0;   // first token row
  std::int64_t length = 0;  // own tokens
  std::int64_t prefix_length = 0;
  std::int64_t prefix = -1;    // the sequence that this one continues
  std::int64_t key_begin = 0;  // first key row
  // The first of the rows behind the pack's tokens that it continues; -1 for none.
  std::int64_t cached_begin = -1;

  bool continues() const { return prefix >= 0 || cached_begin >= 0; }
};

void check_cached(const PackedBatch& batch) {
  const auto sequences = batch.cu_seqlens.size() - 1;
  if (!batch.cached.empty() && batch.cached.size() != sequences)
    fail_internal("cached has {} entries, expected one for each of {} sequences", batch.cached.size(),
                  sequences);
  for (std::size_t s = 0; s < batch.cached.size(); ++s) {
    const CachedPrefix& cached = batch.cached[s];
    const std::int64_t rows = cached.rows ? cached.rows->layers.front().size(0) : 0;
    const bool continues = !batch.prefix_of.empty() && batch.prefix_of[s] >= 0;
    if (cached.tokens < 0 || cached.tokens > rows || (continues && cached.tokens > 0))
      fail_internal("sequence {} takes {} cached tokens of {}{}", s, cached.tokens, rows,
                    continues ? ", and continues another one" : "");
  }
}

// Gives each sequence that continues cached rows its place behind the pack's tokens. Neighbours mostly
// continue the same rows, which then are there once.
std::vector<CachedPrefix> place_cached(const PackedBatch& batch, std::vector<Sequence>& sequences) {
  std::vector<CachedPrefix> placed;
  std::int64_t end = std::ssize(batch.tokens);
  for (std::size_t s = 0; s < batch.cached.size(); ++s) {
    const CachedPrefix& cached = batch.cached[s];
    if (cached.tokens == 0) continue;
    if (placed.empty() || placed.back().rows != cached.rows) placed.push_back({cached.rows, 0});
    std::int64_t& tokens = placed.back().tokens;
    sequences[s].cached_begin = end - tokens;
    end += std::max<std::int64_t>(0, cached.tokens - tokens);
    tokens = std::max(tokens, cached.tokens);
  }
  return placed;
}

std::vector<PackLayout::Kept> find_kept(const PackedBatch& batch, const std::vector<Sequence>& sequences) {
  std::vector<PackLayout::Kept> kept;
  for (const PackedBatch::Kept& keep : batch.keep) {
    if (keep.sequence < 0 || keep.sequence >= std::ssize(sequences))
      fail_internal("keep names sequence {} of {}", keep.sequence, sequences.size());
    const Sequence& s = sequences[static_cast<std::size_t>(keep.sequence)];
    if (keep.tokens <= 0 || keep.tokens > s.prefix_length + s.length)
      fail_internal("keep names {} tokens of a sequence of {}", keep.tokens, s.prefix_length + s.length);
    kept.push_back({s.key_begin, keep.tokens});
  }
  return kept;
}

std::vector<Sequence> find_sequences(const PackedBatch& batch) {
  std::vector<Sequence> out;
  std::int64_t key_rows = 0;
  const bool shared =
      std::any_of(batch.prefix_of.begin(), batch.prefix_of.end(), [](auto p) { return p >= 0; });
  for (std::size_t s = 0; s + 1 < batch.cu_seqlens.size(); ++s) {
    Sequence sequence;
    sequence.begin = batch.cu_seqlens[s];
    sequence.length = batch.cu_seqlens[s + 1] - sequence.begin;
    if (shared) sequence.prefix = batch.prefix_of[s];
    if (sequence.prefix >= 0) {
      const Sequence& parent = out[static_cast<std::size_t>(sequence.prefix)];
      sequence.prefix_length = parent.prefix_length + parent.length;
    } else if (!batch.cached.empty()) {
      sequence.prefix_length = batch.cached[s].tokens;
    }
    sequence.key_begin = key_rows;
    key_rows += sequence.prefix_length + sequence.length;
    out.push_back(sequence);
  }
  return out;
}

at::Tensor find_key_rows(const std::vector<Sequence>& sequences, at::Device device) {
  if (std::none_of(sequences.begin(), sequences.end(), [](const Sequence& s) { return s.continues(); }))
    return {};
  std::vector<std::int64_t> rows;
  for (const Sequence& s : sequences) {
    if (s.prefix >= 0) {
      // The parent's keys, its own prefix included, are laid out already.
      const auto from = sequences[static_cast<std::size_t>(s.prefix)].key_begin;
      for (std::int64_t i = 0; i < s.prefix_length; ++i)
        rows.push_back(rows[static_cast<std::size_t>(from + i)]);
    } else if (s.cached_begin >= 0) {
      for (std::int64_t i = 0; i < s.prefix_length; ++i) rows.push_back(s.cached_begin + i);
    }
    for (std::int64_t i = 0; i < s.length; ++i) rows.push_back(s.begin + i);
  }
  return upload(rows, device);
}

void set_positions(const std::vector<Sequence>& sequences, PackLayout& layout) {
  for (const Sequence& s : sequences) {
    for (std::int64_t i = 0; i < s.length; ++i) {
      layout.positions.push_back(s.prefix_length + i);
      layout.sequence_lengths.push_back(s.prefix_length + s.length);
    }
  }
}

AttentionPlan plan_all(const std::vector<Sequence>& sequences) {
  AttentionPlan plan;
  for (const Sequence& s : sequences) {
    plan.blocks.push_back({s.begin, s.length, s.key_begin, s.prefix_length + s.length});
  }
  return plan;
}

// Every wanted token is a block of one query, so wanted tokens may come in any order.
AttentionPlan plan_pruned(const std::vector<Sequence>& sequences, const PackedBatch& batch) {
  AttentionPlan plan;
  for (std::size_t i = 0; i < batch.wanted.size(); ++i) {
    const std::int64_t token = batch.wanted[i];
    const auto next = std::upper_bound(batch.cu_seqlens.begin(), batch.cu_seqlens.end(), token);
    const Sequence& s = sequences[static_cast<std::size_t>(next - batch.cu_seqlens.begin() - 1)];
    plan.blocks.push_back(
        {static_cast<std::int64_t>(i), 1, s.key_begin, s.prefix_length + token - s.begin + 1});
  }
  return plan;
}

}  // namespace

PackLayout lay_out(const PackedBatch& batch, std::int64_t vocab_size, at::Device device) {
  check_batch(batch, vocab_size);
  check_prefixes(batch);
  check_cached(batch);
  if (!device.is_cpu()) check_blocks(batch);
  std::vector<Sequence> sequences = find_sequences(batch);
  PackLayout layout;
  layout.cached = place_cached(batch, sequences);
  layout.keep = find_kept(batch, sequences);
  set_positions(sequences, layout);
  layout.tokens = upload(at::tensor(at::ArrayRef<text::tokenizer::TokenId>(batch.tokens), at::kInt), device)
                      .to(at::kLong);
  layout.wanted = upload(batch.wanted, device);
  layout.key_rows = find_key_rows(sequences, device);
  layout.all = plan_all(sequences);
  layout.pruned = plan_pruned(sequences, batch);
  finish_plan(layout.all, device);
  finish_plan(layout.pruned, device);
  return layout;
}

}  // namespace armorm::model
