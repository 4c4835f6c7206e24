#include "model/pack.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
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
};

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
    }
    sequence.key_begin = key_rows;
    key_rows += sequence.prefix_length + sequence.length;
    out.push_back(sequence);
  }
  return out;
}

at::Tensor find_key_rows(const std::vector<Sequence>& sequences, at::Device device) {
  if (std::none_of(sequences.begin(), sequences.end(), [](const Sequence& s) { return s.prefix >= 0; }))
    return {};
  std::vector<std::int64_t> rows;
  for (const Sequence& s : sequences) {
    if (s.prefix >= 0) {
      // The parent's keys, its own prefix included, are laid out already.
      const auto from = sequences[static_cast<std::size_t>(s.prefix)].key_begin;
      for (std::int64_t i = 0; i < s.prefix_length; ++i)
        rows.push_back(rows[static_cast<std::size_t>(from + i)]);
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
  if (!device.is_cpu()) check_blocks(batch);
  const std::vector<Sequence> sequences = find_sequences(batch);
  PackLayout layout;
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
