#include "model/pack_plan.h"

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
