#include "text/tokenizer/tokenizer.h"

#include <algorithm>
#include <mutex>
#include <unordered_set>

#include "core/error.h"
#include "io/read_file.h"
#include "text/tokenizer/added_tokens.h"
#include "text/tokenizer/bpe_model.h"
#include "text/tokenizer/document.h"
#include "text/tokenizer/json_view.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/post_processor.h"
#include "text/tokenizer/pre_tokenizer.h"
#include "text/tokenizer/pretrained.h"
#include "text/tokenizer/unicode16.h"

namespace armorm::text::tokenizer {
namespace {

// Lends scratch memory (with its word cache) to running calls, one each.
class ScratchPool {
 public:
  std::unique_ptr<BpeScratch> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        auto scratch = std::move(free_.back());
        free_.pop_back();
        return scratch;
      }
    }
    return std::make_unique<BpeScratch>();
  }
  void give(std::unique_ptr<BpeScratch> scratch) {
    const std::lock_guard lock(mutex_);
    if (free_.size() < kKept) free_.push_back(std::move(scratch));
  }

 private:
  static constexpr std::size_t kKept = 256;
  std::mutex mutex_;
  std::vector<std::unique_ptr<BpeScratch>> free_;
};

class ScratchLease {
 public:
  explicit ScratchLease(ScratchPool& pool) : pool_(pool), scratch_(pool.take()) {}
  ~ScratchLease() { pool_.give(std::move(scratch_)); }
  ScratchLease(const ScratchLease&) = delete;
  ScratchLease& operator=(const ScratchLease&) = delete;
  BpeScratch& operator*() const { return *scratch_; }

 private:
  ScratchPool& pool_;
  std::unique_ptr<BpeScratch> scratch_;
};

JsonView field_or_null(const JsonView& root, const char* key) {
  static const nlohmann::json null;
  return root.has(key) ? root.at(key) : JsonView(null, root.origin(), key);
}

void check_ranges(const RenderedText& rendered) {
  std::size_t last = 0;
  for (const RenderedText::Range& range : rendered.data_ranges) {
    if (range.begin < last || range.end <= range.begin || range.end > rendered.text.size()) {
      fail_internal("data range {}..{} of a text of {} bytes is out of order", range.begin, range.end,
                    rendered.text.size());
    }
    last = range.end;
  }
}

std::vector<Span> trusted_ranges(const RenderedText& rendered) {
  std::vector<Span> trusted;
  std::size_t at = 0;
  for (const RenderedText::Range& range : rendered.data_ranges) {
    if (at < range.begin) trusted.push_back({at, range.begin});
    at = range.end;
  }
  if (at < rendered.text.size()) trusted.push_back({at, rendered.text.size()});
  return trusted;
}

std::vector<Span> trusted_of_mask(const TrackedText& tracked) {
  if (tracked.from_data.empty()) return {{0, tracked.text.size()}};
  std::vector<Span> trusted;
  for (std::size_t i = 0; i < tracked.text.size(); ++i) {
    if (tracked.from_data[i] != 0) continue;
    if (trusted.empty() || trusted.back().end != i) trusted.push_back({i, i});
    trusted.back().end = i + 1;
  }
  return trusted;
}

std::optional<std::string> read_optional(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::nullopt;
  return io::read_text_file(file);
}

}  // namespace

struct Tokenizer::Impl {
  std::unique_ptr<Normalizer> normalizer;
  PreTokenizer pre_tokenizer;
  std::unique_ptr<BpeModel> model;
  AddedTokens added;
  PostProcessor post;
  Decoder decoder;
  std::map<std::string, std::string> special_tokens;
  std::optional<std::unordered_set<std::string>> control;  // chat_control_tokens
  mutable ScratchPool pool;

  void encode(std::string_view input, const std::vector<Span>& trusted, std::vector<TokenId>& out) const;
  void encode_plain(std::string_view input, Span part, const std::vector<Span>& trusted, BpeScratch& scratch,
                    std::vector<TokenId>& out) const;
  void encode_piece(std::string_view piece, bool at_origin, BpeScratch& scratch,
                    std::vector<TokenId>& out) const {
    pre_tokenizer.split(piece, at_origin,
                        [&](std::string_view word) { model->encode_word(word, scratch, out); });
  }
  void read(const nlohmann::json& document, const std::string& name);
  void restrict(std::span<const std::string_view> markers) {
    std::unordered_set<std::string> names;
    for (const std::string_view marker : markers) names.emplace(marker);
    added.restrict(names);
  }
};

// Text between added tokens: normalized, cut at the tokens that match normalized text, then split into words.
void Tokenizer::Impl::encode_plain(std::string_view input, Span part, const std::vector<Span>& trusted,
                                   BpeScratch& scratch, std::vector<TokenId>& out) const {
  const std::string_view piece = input.substr(part.begin, part.end - part.begin);
  if (!normalizer && !added.has_normalized()) return encode_piece(piece, part.begin == 0, scratch, out);
  TrackedText tracked{std::string(piece), {}};
  if (added.has_normalized() && !(trusted.size() == 1 && trusted[0].end - trusted[0].begin == input.size())) {
    tracked.from_data.assign(piece.size(), 1);
    for (const Span& range : trusted) {
      for (std::size_t i = std::max(range.begin, part.begin); i < std::min(range.end, part.end); ++i) {
        tracked.from_data[i - part.begin] = 0;
      }
    }
  }
  if (normalizer) normalizer->apply(tracked);
  for (const auto& [id, span] : added.split(tracked.text, trusted_of_mask(tracked), true)) {
    if (id >= 0) {
      out.push_back(id);
    } else {
      encode_piece(std::string_view(tracked.text).substr(span.begin, span.end - span.begin),
                   part.begin == 0 && span.begin == 0, scratch, out);
    }
  }
}

void Tokenizer::Impl::encode(std::string_view input, const std::vector<Span>& trusted,
                             std::vector<TokenId>& out) const {
  if (const auto bad = first_invalid_utf8(input)) {
    fail_data("text of {} bytes is not UTF-8 at byte {}; expected UTF-8, convert or drop the row",
              input.size(), *bad);
  }
  const ScratchLease scratch(pool);
  for (const auto& [id, span] : added.split(input, trusted, false)) {
    if (id >= 0) {
      out.push_back(id);
    } else {
      encode_plain(input, span, trusted, *scratch, out);
    }
  }
}

void Tokenizer::Impl::read(const nlohmann::json& document, const std::string& name) {
  const JsonView root = JsonView(document, name, "").object();
  normalizer = Normalizer::read(field_or_null(root, "normalizer"));
  pre_tokenizer = PreTokenizer::read(field_or_null(root, "pre_tokenizer"));
  model = std::make_unique<BpeModel>(root.at("model").object(), pre_tokenizer.byte_level());
  if (root.has("added_tokens")) added = AddedTokens(root.at("added_tokens"), *model, normalizer.get());
  post = PostProcessor::read(field_or_null(root, "post_processor"));
  decoder = Decoder::read(field_or_null(root, "decoder"));
}

Tokenizer Tokenizer::from_json(std::string_view tokenizer_json, std::string_view origin,
                               std::span<const std::string_view> turn_markers) {
  const std::string name(origin);
  auto impl = std::make_unique<Impl>();
  impl->read(parse_document(tokenizer_json, name), name);
  impl->restrict(turn_markers);
  return Tokenizer(std::move(impl));
}

Tokenizer Tokenizer::load(const std::filesystem::path& model_folder,
                          std::span<const std::string_view> turn_markers) {
  const auto file = model_folder / "tokenizer.json";
  const auto bytes = read_optional(file);
  if (!bytes) {
    const bool has_sentencepiece = std::filesystem::exists(model_folder / "tokenizer.model");
    fail_io(
        "{}: cannot be read; expected a model folder with a tokenizer.json{}; "
        "AutoTokenizer.from_pretrained(FOLDER, "
        "use_fast=True).save_pretrained(FOLDER) of transformers writes it",
        file.string(),
        has_sentencepiece ? ", and found tokenizer.model alone, which is SentencePiece's" : "");
  }
  nlohmann::json document = parse_document(*bytes, file.string());
  PretrainedNames names = apply_pretrained(model_folder, *bytes, document);
  auto impl = std::make_unique<Impl>();
  impl->read(document, file.string());
  impl->restrict(turn_markers);
  impl->added.restrict(names.special);
  impl->special_tokens = std::move(names.named);
  impl->control = std::move(names.control);
  return Tokenizer(std::move(impl));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 3 + 8);
  if (add_special_tokens) ids = impl_->post.before;
  impl_->encode(text, {{0, text.size()}}, ids);
  if (add_special_tokens) ids.insert(ids.end(), impl_->post.after.begin(), impl_->post.after.end());
  return ids;
}

std::vector<TokenId> Tokenizer::encode(const RenderedText& text, bool add_special_tokens) const {
  check_ranges(text);
  std::vector<TokenId> ids;
  ids.reserve(text.text.size() / 3 + 8);
  if (add_special_tokens) ids = impl_->post.before;
  impl_->encode(text.text, trusted_ranges(text), ids);
  if (add_special_tokens) ids.insert(ids.end(), impl_->post.after.begin(), impl_->post.after.end());
  return ids;
}

void Tokenizer::protect_literals(const std::vector<std::string>& literals) {
  if (impl_->control) return impl_->added.restrict(*impl_->control);
  for (const std::string& literal : literals) impl_->added.restrict(impl_->added.found_in(literal));
}

void Tokenizer::protect_ids(std::span<const TokenId> ids) {
  std::unordered_set<std::string> contents;
  for (const TokenId id : ids)
    if (const AddedToken* token = impl_->added.by_id(id)) contents.insert(token->content);
  impl_->added.restrict(contents);
}

bool Tokenizer::has_added(std::span<const TokenId> ids) const {
  return std::any_of(ids.begin(), ids.end(), [&](TokenId id) { return impl_->added.by_id(id) != nullptr; });
}

bool Tokenizer::has_special_in_data(const RenderedText& text) const {
  check_ranges(text);
  std::vector<Span> ranges;
  for (const RenderedText::Range& range : text.data_ranges) ranges.push_back({range.begin, range.end});
  return impl_->added.restricted_touches(text.text, ranges);
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids) const {
  std::vector<std::string> tokens;
  for (const TokenId id : ids) {
    if (auto token = id_to_token(id)) tokens.push_back(std::move(*token));
  }
  return impl_->decoder.decode(std::move(tokens));
}

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  if (const auto id = impl_->added.token_to_id(token)) return id;
  return impl_->model->token_to_id(token);
}

std::optional<std::string> Tokenizer::id_to_token(TokenId id) const {
  if (const auto* added = impl_->added.by_id(id)) return added->shown;
  const std::string* token = impl_->model->id_to_token(id);
  return token == nullptr ? std::nullopt : std::optional(*token);
}

bool Tokenizer::is_special(TokenId id) const {
  const auto* added = impl_->added.by_id(id);
  return added != nullptr && added->special;
}

std::int64_t Tokenizer::vocab_size() const { return impl_->added.size_with(*impl_->model); }

const std::map<std::string, std::string>& Tokenizer::special_tokens() const { return impl_->special_tokens; }

std::optional<TokenId> Tokenizer::bos_id() const {
  const auto found = impl_->special_tokens.find("bos_token");
  return found == impl_->special_tokens.end() ? std::nullopt : token_to_id(found->second);
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

}  // namespace armorm::text::tokenizer
