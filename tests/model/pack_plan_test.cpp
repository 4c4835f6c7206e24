#include "model/pack_plan.h"

#include <algorithm>
#include <random>
#include <set>

#include "support/test_support.h"

using namespace armorm;
using namespace armorm::model;

namespace {

using Sequences = std::vector<std::vector<text::tokenizer::TokenId>>;

// Conversations that branch at random positions; some are identical, some are prefixes of others.
Sequences random_sequences(std::uint32_t seed, std::size_t count) {
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  Sequences sequences;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<text::tokenizer::TokenId> tokens;
    if (!sequences.empty() && below(4) != 0) {
      tokens = sequences[below(sequences.size())];
      tokens.resize(1 + below(tokens.size()));
    }
    const std::size_t more = below(5) == 0 ? (tokens.empty() ? 1 : 0) : 1 + below(200);
    for (std::size_t t = 0; t < more; ++t) tokens.push_back(static_cast<text::tokenizer::TokenId>(below(50)));
    sequences.push_back(tokens);
  }
  return sequences;
}

std::vector<ExtractionRequest> all_positions(const Sequences& sequences) {
  std::vector<ExtractionRequest> requests;
  for (const auto& tokens : sequences) {
    ExtractionRequest request{tokens, {}};
    for (std::size_t p = 0; p < tokens.size(); ++p) request.wanted.push_back(static_cast<std::int64_t>(p));
    requests.push_back(request);
  }
  return requests;
}

// The tokens from the root of the tree up to and including flat index `at`.
std::vector<text::tokenizer::TokenId> history(const PackedBatch& batch, std::int64_t at) {
  std::int64_t node =
      std::upper_bound(batch.cu_seqlens.begin(), batch.cu_seqlens.end(), at) - batch.cu_seqlens.begin() - 1;
  std::vector<std::pair<std::int64_t, std::int64_t>> pieces{
      {batch.cu_seqlens[static_cast<std::size_t>(node)], at + 1}};
  while ((node = batch.prefix_of[static_cast<std::size_t>(node)]) >= 0)
    pieces.insert(pieces.begin(), {batch.cu_seqlens[static_cast<std::size_t>(node)],
                                   batch.cu_seqlens[static_cast<std::size_t>(node) + 1]});
  std::vector<text::tokenizer::TokenId> tokens;
  for (const auto& [begin, end] : pieces)
    tokens.insert(tokens.end(), batch.tokens.begin() + begin, batch.tokens.begin() + end);
  return tokens;
}

}  // namespace

TEST_CASE("every wanted token of every request sees exactly its own history", "[unit]") {
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    const bool share = seed % 4 != 0;
    const Sequences sequences = random_sequences(seed, 60);
    const auto requests = all_positions(sequences);
    const auto planned = plan_sequences(requests, share);
    std::multiset<std::size_t> seen;
    for (std::span<const PlannedSequence> rest(planned); !rest.empty();) {
      const auto pack = first_pack(rest, 700);
      REQUIRE(!pack.empty());
      const PackedBatch batch = lay_out(pack, requests);
      for (std::size_t s = 0; s < batch.prefix_of.size(); ++s) {
        CHECK(batch.cu_seqlens[s] < batch.cu_seqlens[s + 1]);
        CHECK(batch.prefix_of[s] < static_cast<std::int64_t>(s));
      }
      std::size_t w = 0;
      for (const PlannedSequence& sequence : pack) {
        for (const std::size_t r : sequence.requests) {
          seen.insert(r);
          for (const std::int64_t position : requests[r].wanted) {
            const std::vector<text::tokenizer::TokenId> expected(sequences[r].begin(),
                                                                 sequences[r].begin() + position + 1);
            REQUIRE(history(batch, batch.wanted[w++]) == expected);
          }
        }
      }
      CHECK(w == batch.wanted.size());
      rest = rest.subspan(pack.size());
    }
    CHECK(seen.size() == requests.size());
    CHECK(std::set<std::size_t>(seen.begin(), seen.end()).size() == requests.size());
  }
}

TEST_CASE("packs keep to the budget in computed tokens", "[unit]") {
  const Sequences sequences = random_sequences(7, 300);
  const auto requests = all_positions(sequences);
  const auto planned = plan_sequences(requests, true);
  for (std::span<const PlannedSequence> rest(planned); !rest.empty();) {
    const auto pack = first_pack(rest, 1000);
    const std::size_t limit = 1000 + pack.size() * static_cast<std::size_t>(kMinSharedTokens - 1);
    CHECK((pack.size() == 1 || lay_out(pack, requests).tokens.size() <= limit));
    rest = rest.subspan(pack.size());
  }
}

TEST_CASE("a pair with one prompt costs the prompt once", "[unit]") {
  Sequences pair(2, std::vector<text::tokenizer::TokenId>(100, 7));
  pair[0].insert(pair[0].end(), 20, 1);
  pair[1].insert(pair[1].end(), 30, 2);
  const auto requests = all_positions(pair);
  const auto planned = plan_sequences(requests, true);
  const PackedBatch batch = lay_out(first_pack(planned, 100000), requests);
  CHECK(batch.tokens.size() == 150);
  CHECK(batch.prefix_of == std::vector<std::int64_t>{-1, 0, 0});
  const auto apart = plan_sequences(requests, false);
  CHECK(lay_out(first_pack(apart, 100000), requests).tokens.size() == 250);
}

TEST_CASE("identical conversations are computed once", "[unit]") {
  const Sequences same(5, std::vector<text::tokenizer::TokenId>{1, 2, 3});
  const auto requests = all_positions(same);
  const auto planned = plan_sequences(requests, false);
  REQUIRE(planned.size() == 1);
  CHECK(planned[0].requests == std::vector<std::size_t>{0, 1, 2, 3, 4});
  const PackedBatch batch = lay_out(planned, requests);
  CHECK(batch.tokens.size() == 3);
  CHECK(batch.wanted.size() == 15);
}

namespace {

// Every request once, in packs of at most 65535 nodes and wanted rows; returns their number.
std::size_t check_blocks(const std::vector<ExtractionRequest>& requests, bool share) {
  const auto planned = plan_sequences(requests, share, max_pack_blocks(false));
  std::size_t packs = 0, seen = 0;
  for (std::span<const PlannedSequence> rest(planned); !rest.empty(); ++packs) {
    const auto pack = first_pack(rest, 100'000'000, max_pack_blocks(false));
    REQUIRE_FALSE(pack.empty());
    const PackedBatch batch = lay_out(pack, requests);
    CHECK(batch.prefix_of.size() <= 65535);
    CHECK(batch.wanted.size() <= 65535);
    for (const PlannedSequence& sequence : pack) seen += sequence.requests.size();
    rest = rest.subspan(pack.size());
  }
  CHECK(seen == requests.size());
  return packs;
}

// Distinct sequences of `length` tokens with one wanted row each.
Sequences tiny_sequences(int count, std::size_t length) {
  Sequences sequences;
  for (int i = 0; i < count; ++i) {
    std::vector<text::tokenizer::TokenId> tokens(length, 1);
    tokens.back() = i;
    sequences.push_back(tokens);
  }
  return sequences;
}

std::vector<ExtractionRequest> last_positions(const Sequences& sequences) {
  std::vector<ExtractionRequest> requests;
  for (const auto& tokens : sequences) requests.push_back({tokens, {std::ssize(tokens) - 1}});
  return requests;
}

}  // namespace

TEST_CASE("a pack for a GPU has at most 65535 sequences", "[unit]") {
  for (const int count : {65535, 65536, 140000}) {
    CAPTURE(count);
    const Sequences sequences = tiny_sequences(count, 2);
    const auto requests = last_positions(sequences);
    CHECK(check_blocks(requests, false) == static_cast<std::size_t>((count + 65534) / 65535));
    // The budget is the CPU's only limit.
    const auto planned = plan_sequences(requests, false);
    CHECK(first_pack(planned, 100'000'000, max_pack_blocks(true)).size() == sequences.size());
  }
}

TEST_CASE("the nodes of a prefix tree count as sequences of a pack", "[unit]") {
  const Sequences shared = tiny_sequences(70000, 40);
  CHECK(check_blocks(last_positions(shared), true) == 3);
  // Three levels: 40 tokens in common, then 40 for each 70, then the sequence's own.
  Sequences nested;
  for (int i = 0; i < 70000; ++i) {
    std::vector<text::tokenizer::TokenId> tokens(81, 1);
    std::fill(tokens.begin() + 40, tokens.begin() + 80, i / 70);
    tokens.back() = i;
    nested.push_back(tokens);
  }
  CHECK(check_blocks(last_positions(nested), true) == 3);
}

TEST_CASE("a pack for a GPU has at most 65535 wanted rows", "[unit]") {
  const std::vector<text::tokenizer::TokenId> tokens(40, 7);
  const std::vector<ExtractionRequest> requests(70000, ExtractionRequest{tokens, {0, 39}});
  for (const bool share : {false, true}) CHECK(check_blocks(requests, share) == 3);
  CHECK(plan_sequences(requests, false).size() == 1);
}
