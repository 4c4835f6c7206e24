// Byte-pair merges over raw bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "armorm/text/tokenizer.h"

namespace armorm {

// The vocabulary is keyed by the bytes a token stands for.
class ByteBpe {
 public:
  struct Merge {
    TokenId left = 0;
    TokenId right = 0;
    TokenId result = 0;
  };
  ByteBpe(std::unordered_map<std::string, TokenId> vocab, const std::vector<Merge>& merges, bool ignore_merges);

  // Appends the ids of one pre-tokenised piece.
  void encode(std::string_view piece, std::vector<TokenId>& out) const;

 private:
  struct Ranked {
    std::int32_t rank = 0;
    TokenId result = 0;
  };
  static std::uint64_t key(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  }
  const Ranked* find(TokenId left, TokenId right) const;
  void merge_short(std::vector<TokenId>& ids) const;
  void merge_long(std::vector<TokenId>& ids) const;

  std::unordered_map<std::string, TokenId> vocab_;
  std::unordered_map<std::uint64_t, Ranked> merges_;
  std::vector<TokenId> byte_ids_;  // [256], -1 where the vocabulary lacks the byte
  bool ignore_merges_;
};

}  // namespace armorm
