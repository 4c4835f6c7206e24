#include "text/tokenizer/bpe_model.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "core/error.h"
#include "text/tokenizer/unicode16.h"

namespace armorm::text::tokenizer {
namespace {

// Words of up to this many symbols are merged by repeated scans, longer ones through a heap.
constexpr std::size_t kSmallWord = 40;

std::array<std::string, 256> make_byte_level_chars() {
  std::array<std::string, 256> chars;
  char32_t next = 256;
  for (char32_t b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
    append_utf8(chars[b], printable ? b : next++);
  }
  return chars;
}

// Code point -> byte, -1 for other code points.
std::array<int, 512> make_byte_of_char() {
  std::array<int, 512> bytes{};
  bytes.fill(-1);
  for (std::size_t b = 0; b < 256; ++b)
    bytes[decode_utf8(byte_level_chars()[b], 0).value] = static_cast<int>(b);
  return bytes;
}

}  // namespace

const std::array<std::string, 256>& byte_level_chars() {
  static const auto chars = make_byte_level_chars();
  return chars;
}

std::optional<std::string> byte_level_to_raw(std::string_view text) {
  static const auto bytes = make_byte_of_char();
  std::string raw;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    if (c.value >= bytes.size() || bytes[c.value] < 0) return std::nullopt;
    raw.push_back(static_cast<char>(bytes[c.value]));
    i += c.size;
  }
  return raw;
}

BpeModel::BpeModel(const JsonView& model, bool byte_level) : byte_level_(byte_level) {
  model.account({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                 "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  // Old files omit the type.
  if (model.raw().contains("type") && model.type() != "BPE")
    model.unsupported("the model \"" + model.type() + "\"");
  if (model.has("dropout")) {
    const auto& dropout = model.at("dropout").raw();
    if (!dropout.is_number()) model.at("dropout").fail(dropout.type_name(), "a number");
    if (dropout.get<double>() != 0.0) model.unsupported("dropout (random merges)");
  }
  ignore_merges_ = model.optional_boolean("ignore_merges", false);
  byte_fallback_ = model.optional_boolean("byte_fallback", false);
  fuse_unk_ = model.optional_boolean("fuse_unk", false);
  prefix_ = model.optional_string("continuing_subword_prefix", "");
  suffix_ = model.optional_string("end_of_word_suffix", "");
  if (model.has("unk_token")) unk_token_ = model.at("unk_token").string();
  read_vocab(model.at("vocab").object());
  if (unk_token_) {
    unk_id_ = names_.find(*unk_token_);
    if (unk_id_ < 0) model.at("unk_token").fail("\"" + *unk_token_ + "\"", "a token of model.vocab");
  }
  read_merges(model);
  read_byte_ids();
}

void BpeModel::read_vocab(const JsonView& vocab) {
  names_.reserve(vocab.size());
  if (byte_level_) words_.reserve(vocab.size());
  by_id_.reserve(vocab.size());
  for (const auto& [token, value] : vocab.raw().items()) {
    if (!value.is_number_unsigned() || value > std::uint64_t{0x7fffffff}) {
      vocab.fail("\"" + token + "\": " + value.type_name(), "a token id below 2^31");
    }
    const auto id = value.get<std::int32_t>();
    names_.insert(token, id);
    by_id_[id] = token;
    if (!byte_level_) continue;
    if (const auto raw = byte_level_to_raw(token)) words_.insert(*raw, id);
  }
}

std::pair<std::string, std::string> BpeModel::read_merge(const JsonView& merge) const {
  if (merge.raw().is_array()) {
    if (merge.size() != 2) merge.fail(fmt::format("{} parts", merge.size()), "two tokens");
    return {merge.at(std::size_t{0}).string(), merge.at(std::size_t{1}).string()};
  }
  const std::string& line = merge.string();
  const auto space = line.find(' ');
  if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
    merge.fail("\"" + line + "\"", "two tokens with a space between them");
  }
  return {line.substr(0, space), line.substr(space + 1)};
}

void BpeModel::read_merges(const JsonView& model) {
  const JsonView merges = model.at("merges").array();
  merges_.reserve(merges.size());
  const auto find = [&](std::size_t i, const std::string& token) {
    const std::int32_t id = names_.find(token);
    if (id < 0) merges.at(i).fail("\"" + token + "\", which model.vocab lacks", "tokens of model.vocab");
    return id;
  };
  const bool strings = merges.size() > 0 && merges.raw()[0].is_string();
  for (std::size_t i = 0; i < merges.size(); ++i) {
    // The first line of an old merges.txt.
    if (i == 0 && strings && merges.raw()[0].get_ref<const std::string&>().starts_with("#version")) continue;
    const auto [left, right] = read_merge(JsonView(merges.raw()[i], merges.origin(), merges.path()));
    if (right.size() < prefix_.size()) {
      merges.at(i).fail("\"" + right + "\"", "a token that begins with continuing_subword_prefix");
    }
    const std::int32_t left_id = find(i, left);
    const std::int32_t right_id = find(i, right);
    const std::int32_t id = find(i, left + right.substr(prefix_.size()));
    merges_.insert(left_id, right_id, {static_cast<std::uint32_t>(i), id});
  }
}

void BpeModel::read_byte_ids() {
  simple_bytes_ = byte_level_ && prefix_.empty() && suffix_.empty();
  for (std::size_t b = 0; b < 256; ++b) {
    byte_ids_[b] = names_.find(byte_level_chars()[b]);
    fallback_ids_[b] = names_.find(fmt::format("<0x{:02X}>", b));
    if (byte_ids_[b] < 0) simple_bytes_ = false;
  }
}

std::optional<std::int32_t> BpeModel::token_to_id(std::string_view token) const {
  const std::int32_t id = names_.find(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

const std::string* BpeModel::id_to_token(std::int32_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

void BpeModel::init_symbols(std::string_view word, std::vector<std::int32_t>& symbols) const {
  symbols.clear();
  if (simple_bytes_) {
    for (const char c : word) symbols.push_back(byte_ids_[static_cast<unsigned char>(c)]);
    return;
  }
  if (!byte_level_) return init_symbols_chars(word, symbols);
  std::string mapped;
  for (const char c : word) mapped += byte_level_chars()[static_cast<unsigned char>(c)];
  init_symbols_chars(mapped, symbols);
}

// A pending unknown is written before the next known character, but bytes of a fallback come before it: the
// order of `tokenizers`.
void BpeModel::init_symbols_chars(std::string_view word, std::vector<std::int32_t>& symbols) const {
  bool pending_unk = false;
  std::string affixed;
  for (std::size_t i = 0; i < word.size();) {
    const std::size_t size = decode_utf8(word, i).size;
    std::string_view symbol = word.substr(i, size);
    const bool first = i == 0;
    i += size;
    if ((!first && !prefix_.empty()) || (i == word.size() && !suffix_.empty())) {
      affixed = first ? std::string(symbol) : prefix_ + std::string(symbol);
      if (i == word.size()) affixed += suffix_;
      symbol = affixed;
    }
    if (const std::int32_t id = names_.find(symbol); id >= 0) {
      if (pending_unk) symbols.push_back(unk_id_);
      pending_unk = false;
      symbols.push_back(id);
      continue;
    }
    const auto fallback_of = [&](char c) { return fallback_ids_[static_cast<unsigned char>(c)]; };
    if (byte_fallback_ &&
        std::all_of(symbol.begin(), symbol.end(), [&](char c) { return fallback_of(c) >= 0; })) {
      for (const char c : symbol) symbols.push_back(fallback_of(c));
      continue;
    }
    if (unk_id_ < 0) continue;
    if (pending_unk && !fuse_unk_) symbols.push_back(unk_id_);
    pending_unk = true;
  }
  if (pending_unk) symbols.push_back(unk_id_);
}

// Merges scratch.symbols in place and returns the number of remaining ones.
std::size_t BpeModel::merge_small(BpeScratch& scratch) const {
  std::int32_t* symbols = scratch.symbols.data();
  std::size_t n = scratch.symbols.size();
  std::uint32_t ranks[kSmallWord];
  std::int32_t ids[kSmallWord];
  const auto rank_at = [&](std::size_t i) {
    const Merge merge = merges_.find(symbols[i], symbols[i + 1]);
    ranks[i] = merge.rank;
    ids[i] = merge.id;
  };
  for (std::size_t i = 0; i + 1 < n; ++i) rank_at(i);
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i) {
      if (ranks[i] < ranks[best]) best = i;
    }
    if (ranks[best] == UINT32_MAX) break;
    symbols[best] = ids[best];
    std::memmove(symbols + best + 1, symbols + best + 2, (n - best - 2) * sizeof(*symbols));
    if (n - best > 2) {
      std::memmove(ranks + best, ranks + best + 1, (n - best - 2) * sizeof(*ranks));
      std::memmove(ids + best, ids + best + 1, (n - best - 2) * sizeof(*ids));
    }
    --n;
    if (best + 1 < n) rank_at(best);
    if (best > 0) rank_at(best - 1);
  }
  return n;
}

void BpeModel::rerank(BpeScratch& s, std::int32_t left) const {
  const std::int32_t right = s.next[static_cast<std::size_t>(left)];
  const auto l = static_cast<std::size_t>(left);
  const Merge merge =
      right < 0 ? Merge{} : merges_.find(s.symbols[l], s.symbols[static_cast<std::size_t>(right)]);
  s.ranks[l] = merge.rank;
  s.merged[l] = merge.id;
  if (merge.rank == UINT32_MAX) return;
  s.heap.push_back({(std::uint64_t{merge.rank} << 32) | static_cast<std::uint32_t>(left)});
}

void BpeModel::link_large(BpeScratch& s) const {
  const std::size_t n = s.symbols.size();
  s.prev.resize(n);
  s.next.resize(n);
  s.ranks.resize(n);
  s.merged.resize(n);
  s.heap.clear();
  for (std::size_t i = 0; i < n; ++i) {
    s.prev[i] = static_cast<std::int32_t>(i) - 1;
    s.next[i] = i + 1 < n ? static_cast<std::int32_t>(i) + 1 : -1;
  }
  for (std::size_t i = 0; i < n; ++i) rerank(s, static_cast<std::int32_t>(i));
  std::make_heap(s.heap.begin(), s.heap.end(), std::greater<>());
}

// The same merges in the same order as merge_small; heap entries whose pair has changed are skipped.
void BpeModel::merge_large(BpeScratch& s) const {
  link_large(s);
  const auto push_rerank = [&](std::int32_t left) {
    const std::size_t before = s.heap.size();
    rerank(s, left);
    if (s.heap.size() > before) std::push_heap(s.heap.begin(), s.heap.end(), std::greater<>());
  };
  while (!s.heap.empty()) {
    std::pop_heap(s.heap.begin(), s.heap.end(), std::greater<>());
    const std::uint64_t key = s.heap.back().key;
    s.heap.pop_back();
    const auto pos = static_cast<std::int32_t>(key & 0xffffffffU);
    const auto p = static_cast<std::size_t>(pos);
    if (s.symbols[p] < 0 || s.ranks[p] != static_cast<std::uint32_t>(key >> 32)) continue;
    const auto right = static_cast<std::size_t>(s.next[p]);
    s.symbols[p] = s.merged[p];
    s.symbols[right] = -1;
    s.next[p] = s.next[right];
    if (s.next[p] >= 0) s.prev[static_cast<std::size_t>(s.next[p])] = pos;
    push_rerank(pos);
    if (s.prev[p] >= 0) push_rerank(s.prev[p]);
  }
}

void BpeModel::encode_uncached(std::string_view word, BpeScratch& scratch,
                               std::vector<std::int32_t>& out) const {
  if (ignore_merges_) {
    const std::int32_t id = byte_level_ ? words_.find(word) : names_.find(word);
    if (id >= 0) {
      out.push_back(id);
      return;
    }
  }
  init_symbols(word, scratch.symbols);
  if (scratch.symbols.size() <= kSmallWord) {
    const std::size_t n = merge_small(scratch);
    out.insert(out.end(), scratch.symbols.begin(), scratch.symbols.begin() + static_cast<std::ptrdiff_t>(n));
    return;
  }
  merge_large(scratch);
  for (const std::int32_t id : scratch.symbols) {
    if (id >= 0) out.push_back(id);
  }
}

void BpeModel::encode_word(std::string_view word, BpeScratch& scratch, std::vector<std::int32_t>& out) const {
  using Entry = BpeScratch::Entry;
  if (word.empty()) return;
  if (word.size() > Entry::kKey) return encode_uncached(word, scratch, out);
  Entry& entry = scratch.cache[(hash_bytes(word.data(), word.size()) >> 17) % BpeScratch::kEntries];
  if (entry.size == word.size() && std::memcmp(entry.key, word.data(), word.size()) == 0) {
    out.insert(out.end(), entry.ids, entry.ids + entry.count);
    return;
  }
  const std::size_t before = out.size();
  encode_uncached(word, scratch, out);
  const std::size_t count = out.size() - before;
  if (count > Entry::kIds) return;
  entry.size = static_cast<std::uint8_t>(word.size());
  entry.count = static_cast<std::uint8_t>(count);
  std::memcpy(entry.key, word.data(), word.size());
  std::copy(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(), entry.ids);
}

}  // namespace armorm::text::tokenizer
