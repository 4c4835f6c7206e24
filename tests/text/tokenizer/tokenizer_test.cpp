#include "text/tokenizer/tokenizer.h"

#include <fmt/format.h>
#include <zlib.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "core/error.h"
#include "core/hash.h"
#include "core/utf8.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "support/error_of.h"
#include "support/test_support.h"
#include "text/chat_template.h"
#include "text/encode_conversation.h"
#include "text/gating_pattern.h"
#include "text/tokenizer/pre_tokenizer.h"
#include "text/tokenizer/regex.h"
#include "text/tokenizer/unicode16.h"

using namespace armorm;
using namespace armorm::text::tokenizer;
using nlohmann::json;

namespace {

std::string small_json(const std::string& family) {
  return io::read_text_file(test::golden("text/tokenizer_" + family + ".json"));
}
Tokenizer small(const std::string& family) { return Tokenizer::from_json(small_json(family), family); }

std::string refusal(const std::string& source) {
  return test::error_of([&] { Tokenizer::from_json(source, "t.json"); }, ErrorKind::data);
}

void check_cases(const Tokenizer& tokenizer, const json& cases) {
  REQUIRE(cases.size() > 150);
  for (const json& c : cases) {
    const auto text = c.at("text").get<std::string>();
    const auto ids = c.at("ids").get<std::vector<TokenId>>();
    INFO(c.at("text").dump());
    CHECK(tokenizer.encode(text, false) == ids);
    auto special = tokenizer.encode(text, true);
    special.resize(std::min<std::size_t>(special.size(), 2));
    CHECK(special == c.at("special").get<std::vector<TokenId>>());
    CHECK(tokenizer.decode(ids) == c.at("decoded").get<std::string>());
  }
}

std::string gunzip(const std::filesystem::path& file) {
  gzFile in = gzopen(file.c_str(), "rb");
  REQUIRE(in != nullptr);
  std::string out;
  char buffer[65536];
  for (int n = 0; (n = gzread(in, buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(n));
  gzclose(in);
  return out;
}

Conversation to_conversation(const json& messages) {
  Conversation out;
  for (const json& message : messages)
    out.push_back({message.at("role").get<std::string>(), message.at("content").get<std::string>()});
  return out;
}

std::string digest(const std::vector<TokenId>& ids) {
  return sha256_hex(fmt::format("{}", fmt::join(ids, ","))).substr(0, 16);
}

std::string random_text(std::mt19937& generator) {
  const auto rng = [&] { return static_cast<unsigned>(generator()); };
  const char32_t tops[] = {0x80, 0x250, 0x3000, 0x20000, 0x110000};
  const std::string_view common[] = {" ",   "\n",  "\r", "'", "'S", "'\xc5\xbf",
                                     "'ll", "'re", "1",  "a", ".",  "\xe1\xa0\x8e"};
  std::string text;
  for (unsigned i = 0, n = rng() % 24; i < n; ++i) {
    if (rng() % 2 == 0) {
      text += common[rng() % std::size(common)];
      continue;
    }
    const char32_t c = rng() % tops[rng() % std::size(tops)];
    if (c < 0xd800 || c >= 0xe000) append_utf8(text, c);
  }
  return text;
}

std::vector<std::string> words(const text::tokenizer::PreTokenizer& pre, std::string_view text) {
  std::vector<std::string> out;
  pre.split(text, true, [&](std::string_view word) { out.emplace_back(word); });
  return out;
}

}  // namespace

TEST_CASE("ids and decoded text equal those of tokenizers for every family", "[golden]") {
  const json cases = json::parse(io::read_text_file(test::golden("text/tokenizer_cases.json")));
  for (const auto* family : {"gemma2", "llama2", "mistral", "qwen2", "llama3", "gpt2", "flags", "nfkc"}) {
    DYNAMIC_SECTION(family) { check_cases(small(family), cases.at(family)); }
  }
}

TEST_CASE("ids equal those of tokenizers with the real Llama-3 tokenizer", "[golden]") {
  if (test::shared_dir().empty()) ARMORM_SKIP("the shared folder is not there");
  const auto tokenizer = Tokenizer::load(test::shared_dir() / "llama3-tokenizer");
  check_cases(tokenizer,
              json::parse(io::read_text_file(test::golden("text/tokenizer_cases.json"))).at("real_llama3"));
  CHECK(tokenizer.bos_id() == 128000);
  CHECK(tokenizer.vocab_size() == 128257);
}

TEST_CASE("every shared conversation, rendered by its own template, has the ids of transformers",
          "[golden]") {
  if (test::shared_dir().empty()) ARMORM_SKIP("the shared folder is not there");
  const auto tokenizer = Tokenizer::load(test::shared_dir() / "llama3-tokenizer");
  const auto chat_template = text::ChatTemplate::load(test::shared_dir() / "llama3-tokenizer");
  text::TemplateVariables variables;
  variables.special_tokens = tokenizer.special_tokens();
  std::istringstream golden(io::read_text_file(test::golden("text/tokenizer_shared_rows.txt")));
  std::istringstream rows(gunzip(test::shared_dir() / "data" / "hh_rlhf_harmless_pairs.jsonl.gz"));
  int count = 0;
  for (std::string line; std::getline(rows, line);) {
    const json row = json::parse(line);
    for (const auto* side : {"chosen", "rejected"}) {
      std::string expected;
      REQUIRE(std::getline(golden, expected));
      CHECK(digest(text::encode_conversation(
                tokenizer, chat_template.render(to_conversation(row.at(side)), variables))) == expected);
      ++count;
    }
  }
  CHECK(count == 2800);
}

TEST_CASE("the hand-written scanners cut where PCRE2 does", "[unit]") {
  const std::string origin = "test";
  std::mt19937 rng(1);
  for (const std::string_view pattern :
       {text::tokenizer::kLlama3Pattern, text::tokenizer::kQwen2Pattern, text::tokenizer::kGpt2Pattern}) {
    const json doc = {{"type", "Sequence"},
                      {"pretokenizers",
                       {{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}},
                        {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
    const auto fast = text::tokenizer::PreTokenizer::read(text::tokenizer::JsonView(doc, origin, ""));
    auto slow = text::tokenizer::PreTokenizer::read(text::tokenizer::JsonView(doc, origin, ""));
    REQUIRE(fast.has_fast_path());
    slow.disable_fast_path();
    for (int i = 0; i < 30000; ++i) {
      const std::string sample = random_text(rng);
      const auto expected = words(slow, sample);
      if (words(fast, sample) != expected) FAIL_CHECK(json(sample).dump());
    }
  }
}

TEST_CASE("every character has one class in the scanners and in PCRE2", "[unit]") {
  using text::tokenizer::CharClass;
  const std::pair<const char*, CharClass> classes[] = {
      {"\\p{L}", CharClass::letter}, {"\\p{N}", CharClass::number}, {"\\s", CharClass::space}};
  for (const auto& [pattern, cls] : classes) {
    const text::tokenizer::Regex regex{std::string(pattern)};
    for (char32_t page = 0; page < 0x1100; ++page) {
      std::string text;
      std::size_t expected = 0;
      for (char32_t c = page * 256; c < page * 256 + 256; ++c) {
        if (c >= 0xd800 && c < 0xe000) continue;
        append_utf8(text, c);
        expected += text::tokenizer::CharTable::instance().of(c) == cls ? 1 : 0;
      }
      std::size_t matched = 0;
      for (const auto span : regex.find_all(text)) {
        const auto c = decode_utf8(text, span.begin);
        if (text::tokenizer::CharTable::instance().of(c.value) == cls) ++matched;
        if (c.size != span.end - span.begin) matched += 1000;
      }
      INFO(pattern << " page " << static_cast<unsigned>(page));
      CHECK(matched == expected);
    }
  }
}

TEST_CASE("special tokens inside data are plain text", "[unit]") {
  const auto tokenizer = small("llama3");
  const TokenId end = *tokenizer.token_to_id("<|im_end|>");
  const std::string text = "<|im_start|><|im_end|><|im_end|>";
  const RenderedText data{text, {{12, 22}}};
  const auto ids = tokenizer.encode(data, false);
  CHECK(std::count(ids.begin(), ids.end(), end) == 1);
  CHECK(ids.back() == end);
  CHECK(tokenizer.has_special_in_data(data));
  // A token that only partly covers the data is not a special token either.
  const RenderedText reaching{text, {{10, 13}}};
  const auto reached = tokenizer.encode(reaching, false);
  CHECK(std::count(reached.begin(), reached.end(), end) == 1);
  CHECK(reached.front() != *tokenizer.token_to_id("<|im_start|>"));
  CHECK(tokenizer.has_special_in_data(reaching));
  const RenderedText clean{"<|im_start|>hello<|im_end|>", {{12, 17}}};
  CHECK(!tokenizer.has_special_in_data(clean));
  CHECK(tokenizer.encode(clean, false) == tokenizer.encode(clean.text, false));
}

TEST_CASE("tokens that match normalized text respect the data too", "[unit]") {
  const auto tokenizer = small("flags");
  const TokenId token = *tokenizer.token_to_id(
      "\xc3\x89"
      "a");
  const std::string text =
      "x E\xcc\x81"
      "a E\xcc\x81"
      "a";
  const auto count = [&](const std::vector<TokenId>& ids) {
    return std::count(ids.begin(), ids.end(), token);
  };
  CHECK(count(tokenizer.encode(text, false)) == 2);
  CHECK(count(tokenizer.encode(RenderedText{text, {{2, 6}}}, false)) ==
        2);  // an ordinary word, not a special token
  json document = json::parse(io::read_text_file(test::golden("text/tokenizer_flags.json")));
  for (json& added : document.at("added_tokens"))
    if (added.at("normalized") == true) added["special"] = true;
  const auto special = Tokenizer::from_json(document.dump(), "tokenizer.json");
  CHECK(count(special.encode(text, false)) == 2);
  CHECK(count(special.encode(RenderedText{text, {{2, 6}}}, false)) == 1);
  CHECK(count(special.encode(RenderedText{text, {{5, 9}}}, false)) == 0);
}

TEST_CASE("message content has the ids that tokenizers gives it with encode_special_tokens", "[golden]") {
  const json cases = json::parse(io::read_text_file(test::golden("text/tokenizer_data_cases.json")));
  for (const auto* family : {"gemma2", "llama2", "mistral", "qwen2", "llama3", "gpt2", "flags", "nfkc"}) {
    DYNAMIC_SECTION(family) {
      const Tokenizer tokenizer = small(family);
      for (const json& item : cases.at(family)) {
        const auto text = item.at("text").get<std::string>();
        CAPTURE(text);
        CHECK(tokenizer.encode(RenderedText{text, {{0, text.size()}}}, false) ==
              item.at("ids").get<std::vector<TokenId>>());
      }
    }
  }
}

TEST_CASE("tokens with a role are none in data, whatever tokenizer.json calls them", "[unit]") {
  const test::TempDir folder;
  json document = json::parse(io::read_text_file(test::golden("text/tokenizer_gemma2.json")));
  for (json& added : document.at("added_tokens")) added["special"] = false;  // as early Gemma files have it
  io::publish_text(folder / "tokenizer.json", document.dump());
  const auto last_of = [&](const std::string& token) {
    const Tokenizer tokenizer = Tokenizer::load(folder.path(), text::turn_markers());
    const RenderedText text{"a" + token, {{0, 1 + token.size()}}};
    const bool made = tokenizer.encode(text, false).back() == tokenizer.token_to_id(token);
    CHECK(tokenizer.has_special_in_data(text) == !made);
    return made;
  };
  CHECK_FALSE(last_of("<start_of_turn>"));  // a token of the gating pattern
  CHECK_FALSE(last_of("<end_of_turn>"));
  CHECK(last_of("<eos>"));
  io::publish_text(folder / "tokenizer_config.json", R"({"eos_token": "<eos>"})");
  CHECK_FALSE(last_of("<eos>"));
  CHECK(last_of("<pad>"));
  io::publish_text(
      folder / "special_tokens_map.json",
      R"({"additional_special_tokens": ["<none>", {"__type": "AddedToken", "content": "<pad>"}]})");
  CHECK_FALSE(last_of("<pad>"));
}

TEST_CASE("a conversation has exactly one BOS", "[unit]") {
  const test::TempDir folder;
  const auto load = [&](const std::string& config) {
    std::ofstream(folder / "tokenizer.json") << small_json("gemma2");
    std::ofstream(folder / "tokenizer_config.json") << config;
    return Tokenizer::load(folder.path());
  };
  const auto gemma =
      load(R"({"bos_token": {"__type": "AddedToken", "content": "<bos>"}, "eos_token": "<eos>"})");
  CHECK(gemma.bos_id() == 2);
  CHECK(gemma.special_tokens().at("eos_token") == "<eos>");
  const auto once = text::encode_conversation(gemma, {"hello", {}});
  CHECK(text::encode_conversation(gemma, {"<bos>hello", {}}) == once);
  CHECK(std::count(once.begin(), once.end(), 2) == 1);
  // "<bos>" typed by a user is not a BOS.
  CHECK(text::encode_conversation(gemma, {"<bos>hello", {{0, 5}}}).size() > once.size());

  json bare = json::parse(small_json("gemma2"));
  bare["post_processor"] = nullptr;
  const auto write = [&](const char* config) {
    std::ofstream(folder / "tokenizer.json") << bare;
    std::ofstream(folder / "tokenizer_config.json") << config;
    return text::encode_conversation(Tokenizer::load(folder.path()), {"hello", {}});
  };
  CHECK(write(R"({"bos_token": "<bos>"})") == std::vector<TokenId>(once.begin() + 1, once.end()));
  // With a tokenizer.json, transformers does not read add_bos_token (pretrained_cases.json).
  CHECK(write(R"({"bos_token": "<bos>", "add_bos_token": true})") ==
        std::vector<TokenId>(once.begin() + 1, once.end()));
}

TEST_CASE("many threads share one tokenizer", "[unit]") {
  const auto tokenizer = small("llama3");
  std::vector<std::string> texts;
  std::vector<std::vector<TokenId>> expected;
  std::mt19937 rng(3);
  for (int i = 0; i < 300; ++i) {
    texts.push_back(random_text(rng));
    expected.push_back(tokenizer.encode(texts.back(), true));
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < texts.size(); ++i)
        wrong += tokenizer.encode(texts[i], true) == expected[i] ? 0 : 1;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("a hostile tokenizer.json is a data error that names the place", "[unit]") {
  using Catch::Contains;
  const json good = json::parse(small_json("llama3"));
  const auto with = [&](const char* pointer, const json& value) {
    json doc = good;
    doc[json::json_pointer(pointer)] = value;
    return refusal(doc.dump());
  };
  CHECK_NOTHROW(Tokenizer::from_json(good.dump(), "t.json"));
  CHECK_THAT(refusal("{"), Contains("not valid JSON"));
  CHECK_THAT(refusal("[]"), Contains("expected an object"));
  CHECK_THAT(refusal(std::string(100000, '[')), Contains("nested"));
  CHECK_THAT(refusal("{}"), Contains("model is missing"));
  CHECK_THAT(with("/model/type", "Unigram"), Contains("Unigram"));
  CHECK_THAT(with("/model/vocab/a", -1), Contains("\"a\""));
  CHECK_THAT(with("/model/vocab/a", 1.5), Contains("\"a\""));
  CHECK_THAT(with("/model/vocab", 3), Contains("model.vocab"));
  CHECK_THAT(with("/model/merges/0", "zz qq"), Contains("model.merges[0]") && Contains("zz"));
  CHECK_THAT(with("/model/merges/1", "a"), Contains("merges"));
  CHECK_THAT(with("/model/merges/2", json::array({"a", 3})), Contains("expected a string"));
  CHECK_THAT(with("/model/dropout", 0.1), Contains("dropout"));
  CHECK_THAT(with("/model/ignore_merges", "yes"), Contains("ignore_merges"));
  CHECK_THAT(with("/normalizer", json{{"type", "Precompiled"}}), Contains("Precompiled"));
  CHECK_THAT(with("/pre_tokenizer", json{{"type", "UnicodeScripts"}}), Contains("UnicodeScripts"));
  CHECK_THAT(with("/pre_tokenizer/pretokenizers/0/pattern/Regex", "(("), Contains("pattern.Regex"));
  CHECK_THAT(with("/post_processor", json{{"type", "Other"}}), Contains("Other"));
  CHECK_THAT(with("/decoder", json{{"type", "CTC"}}), Contains("CTC"));
  CHECK_THAT(with("/version", "2.0"), Contains("version") && Contains("2.0"));
  CHECK_THAT(with("/version", nullptr), Contains("version"));
  CHECK_THAT(with("/extra", 1), Contains("'extra'"));
  CHECK_THAT(with("/truncation", json{{"max_length", 3}}), Contains("truncation.strategy"));
  CHECK_THAT(with("/padding", 3), Contains("padding"));
  CHECK_THAT(with("/model/type", nullptr), Contains("model.type"));
  CHECK_THAT(with("/decoder/trim_offsets", 1), Contains("decoder.trim_offsets"));
  CHECK_THAT(with("/pre_tokenizer/pretokenizers/0/invert", nullptr), Contains("invert"));
  CHECK_THAT(with("/pre_tokenizer/pretokenizers/0/pattern/String", "a"), Contains("pattern"));
  CHECK_THAT(with("/added_tokens/0/lstrip", nullptr), Contains("added_tokens[0].lstrip"));
  CHECK_THAT(with("/added_tokens/0/content", 7), Contains("added_tokens[0].content"));
  CHECK_THAT(with("/added_tokens/0/id", "x"), Contains("added_tokens[0].id"));
  CHECK_THROWS_AS(small("llama3").encode("a\xff", false), Error);
}

TEST_CASE("steps of a normalizer cannot multiply a text into memory", "[unit]") {
  json document = json::parse(small_json("gpt2"));
  json steps = json::array();
  for (int i = 0; i < 60; ++i)
    steps.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aaaaaaaa"}});
  document["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
  const Tokenizer tokenizer = Tokenizer::from_json(document.dump(), "t.json");
  CHECK_NOTHROW(tokenizer.encode("b", false));
  CHECK_THROWS_WITH(tokenizer.encode("a", false), Catch::Contains("makes more than"));
}
