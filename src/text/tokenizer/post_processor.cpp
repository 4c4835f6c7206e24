#include "text/tokenizer/post_processor.h"

#include <fmt/core.h>

#include "core/error.h"
#include "text/tokenizer/bpe_model.h"
#include "text/tokenizer/component.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/unicode16.h"

namespace armorm::text::tokenizer {
namespace {

void check_specials(const JsonView& specials) {
  for (const auto& [name, value] : specials.object().raw().items()) {
    const JsonView special = specials.at(name.c_str()).object();
    special.account({"id", "ids", "tokens"});
    special.at("id").string();
    const JsonView ids = special.at("ids").array(), tokens = special.at("tokens").array();
    for (std::size_t i = 0; i < ids.size(); ++i) ids.at(i).id();
    for (std::size_t i = 0; i < tokens.size(); ++i) tokens.at(i).string();
    if (ids.size() != tokens.size())
      special.fail(fmt::format("{} ids and {} tokens", ids.size(), tokens.size()), "as many of both");
  }
}

void append_special(const JsonView& post, const std::string& name, std::vector<std::int32_t>& out) {
  const JsonView ids = post.at("special_tokens").at(name.c_str()).at("ids").array();
  for (std::size_t i = 0; i < ids.size(); ++i) out.push_back(ids.at(i).id());
}

// The sequence A or B, or a special token.
struct Piece {
  JsonView id;
  bool is_special;
};

Piece read_piece(const JsonView& piece) {
  if (piece.object().size() != 1)
    piece.fail(fmt::format("{} fields", piece.size()), "one field, Sequence or SpecialToken");
  const bool is_special = piece.raw().contains("SpecialToken");
  const JsonView content = piece.at(is_special ? "SpecialToken" : "Sequence").object();
  content.account({"id", "type_id"});
  content.at("type_id").id();
  const JsonView id = content.at("id");
  if (const std::string& name = id.string(); !is_special && name != "A" && name != "B")
    id.fail("\"" + name + "\"", "A or B");
  return {id, is_special};
}

std::vector<Piece> read_pieces(const JsonView& list) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < list.array().size(); ++i) pieces.push_back(read_piece(list.at(i)));
  return pieces;
}

PostProcessor read_template(const JsonView& view) {
  PostProcessor result;
  bool seen = false;
  view.account({"type", "single", "pair", "special_tokens"});
  check_specials(view.at("special_tokens"));
  if (view.raw().contains("pair")) read_pieces(view.at("pair"));  // a single text does not use it
  const JsonView single = view.at("single");
  for (const auto& [id, is_special] : read_pieces(single)) {
    if (is_special) {
      append_special(view, id.string(), seen ? result.after : result.before);
      continue;
    }
    if (id.string() != "A" || seen) single.unsupported("a template of more than the one sequence A");
    seen = true;
  }
  if (!seen) single.unsupported("a template without the sequence A");
  return result;
}

std::int32_t read_pair_id(const JsonView& pair) {
  if (pair.array().size() != 2) pair.fail(fmt::format("{} items", pair.size()), "a token and its id");
  return pair.at(std::size_t{1}).id();
}

std::string to_valid_utf8(const std::string& text) {
  std::string out;
  std::string_view rest = text;
  while (const auto bad = first_invalid_utf8(rest)) {
    out += rest.substr(0, *bad);
    out += "\xef\xbf\xbd";
    rest.remove_prefix(*bad + 1);
    // The remaining bytes of a cut character belong to the same replacement.
    while (!rest.empty() && is_utf8_continuation(rest[0])) rest.remove_prefix(1);
  }
  out += rest;
  return out;
}

int byte_of_fallback(const std::string& token) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const int high = digit(token[3]);
  const int low = digit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Runs of byte tokens become their text; a run that is not UTF-8 becomes one U+FFFD per byte.
std::vector<std::string> join_bytes(const std::vector<std::string>& tokens) {
  std::vector<std::string> out;
  std::string run;
  const auto flush = [&] {
    if (run.empty()) return;
    if (!first_invalid_utf8(run)) {
      out.push_back(run);
    } else {
      out.insert(out.end(), run.size(), "\xef\xbf\xbd");
    }
    run.clear();
  };
  for (const std::string& token : tokens) {
    const int byte = byte_of_fallback(token);
    if (byte >= 0) {
      run.push_back(static_cast<char>(byte));
      continue;
    }
    flush();
    out.push_back(token);
  }
  flush();
  return out;
}

std::string replace_all(const std::string& text, const std::string& from, const std::string& to) {
  if (from.empty()) return text;
  std::string out;
  std::size_t at = 0;
  for (std::size_t found = text.find(from); found != std::string::npos; found = text.find(from, at)) {
    check_grown(out.size(), found - at + to.size());
    out.append(text, at, found - at).append(to);
    at = found + from.size();
  }
  return out.append(text, at);
}

std::string strip_char(std::string token, const std::string& c, std::size_t start, std::size_t stop) {
  if (c.empty()) return token;
  for (std::size_t i = 0; i < start && token.starts_with(c); ++i) token.erase(0, c.size());
  for (std::size_t i = 0; i < stop && token.ends_with(c); ++i) token.erase(token.size() - c.size());
  return token;
}

std::string concat(const std::vector<std::string>& tokens) {
  std::string out;
  for (const std::string& token : tokens) out += token;
  return out;
}

}  // namespace

PostProcessor PostProcessor::read(const JsonView& view) {
  PostProcessor result;
  if (view.raw().is_null()) return result;
  const std::string type = view.type();
  if (type == "ByteLevel") {
    check_byte_level(view);
    return result;  // affects only offsets
  }
  if (type == "TemplateProcessing") return read_template(view);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    view.account({"type", "cls", "sep", "trim_offsets", "add_prefix_space"});
    result.before.push_back(read_pair_id(view.at("cls")));
    result.after.push_back(read_pair_id(view.at("sep")));
    return result;
  }
  if (type != "Sequence") view.unsupported("the post-processor \"" + type + "\"");
  view.account({"type", "processors"});
  const JsonView list = view.at("processors").array();
  for (std::size_t i = 0; i < list.size(); ++i) {
    const PostProcessor step = read(list.at(i));
    result.before.insert(result.before.begin(), step.before.begin(), step.before.end());
    result.after.insert(result.after.end(), step.after.begin(), step.after.end());
  }
  return result;
}

Decoder Decoder::read(const JsonView& view) {
  Decoder result;
  if (!view.raw().is_null()) result.add(view);
  return result;
}

void Decoder::add_replace(const JsonView& view, Step& step) {
  view.account({"type", "pattern", "content"});
  const auto [pattern, is_literal] = read_pattern(view);
  step.to = view.at("content").string();
  step.kind = is_literal ? Kind::replace : Kind::replace_regex;
  if (is_literal)
    step.from = pattern.string();
  else
    step.regex.emplace_back(pattern.string(), pattern);
}

void Decoder::add(const JsonView& view) {
  any_ = true;
  const std::string type = view.type();
  Step step{Kind::fuse, {}, {}, 0, 0, false, {}};
  if (type == "Sequence") {
    view.account({"type", "decoders"});
    const JsonView list = view.at("decoders").array();
    for (std::size_t i = 0; i < list.size(); ++i) add(list.at(i));
    return;
  }
  if (type == "ByteLevel") {
    check_byte_level(view);
    step.kind = Kind::byte_level;
  } else if (type == "ByteFallback") {
    step.kind = Kind::byte_fallback;
  } else if (type == "Replace") {
    add_replace(view, step);
  } else if (type == "Strip") {
    view.account({"type", "content", "start", "stop"});
    step.kind = Kind::strip;
    step.from = view.at("content").string();
    step.start = static_cast<std::size_t>(view.at("start").id());
    step.stop = static_cast<std::size_t>(view.at("stop").id());
  } else if (type == "Metaspace") {
    account_for_metaspace(view);
    step.kind = Kind::metaspace;
    step.from = view.string_or("replacement", "\xe2\x96\x81");
    step.prepended =
        view.string_or("prepend_scheme",
                       view.optional_boolean("add_prefix_space", true) ? "always" : "never") != "never";
  } else if (type != "Fuse") {
    view.unsupported("the decoder \"" + type + "\"");
  }
  steps_.push_back(std::move(step));
}

std::vector<std::string> Decoder::apply(const Step& step, std::vector<std::string> tokens) {
  if (step.kind == Kind::fuse) return {concat(tokens)};
  if (step.kind == Kind::byte_fallback) return join_bytes(tokens);
  if (step.kind == Kind::byte_level) {
    std::string bytes;
    for (const std::string& token : tokens) bytes += byte_level_to_raw(token).value_or(token);
    return {to_valid_utf8(bytes)};
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string& token = tokens[i];
    if (step.kind == Kind::replace) token = replace_all(token, step.from, step.to);
    if (step.kind == Kind::strip) token = strip_char(std::move(token), step.from, step.start, step.stop);
    if (step.kind == Kind::metaspace) {
      if (i == 0 && step.prepended && token.starts_with(step.from)) token.erase(0, step.from.size());
      token = replace_all(token, step.from, " ");
    }
    if (step.kind != Kind::replace_regex) continue;
    std::string out;
    std::size_t at = 0;
    for (const Span span : step.regex.front().find_all(token)) {
      check_grown(out.size(), span.begin - at + step.to.size());
      out.append(token, at, span.begin - at).append(step.to);
      at = span.end;
    }
    token = out.append(token, at);
  }
  return tokens;
}

std::string Decoder::decode(std::vector<std::string> tokens) const {
  if (!any_) {
    std::string out;
    for (std::size_t i = 0; i < tokens.size(); ++i) out += (i > 0 ? " " : "") + tokens[i];
    return out;
  }
  for (const Step& step : steps_) tokens = apply(step, std::move(tokens));
  return concat(tokens);
}

}  // namespace armorm::text::tokenizer
