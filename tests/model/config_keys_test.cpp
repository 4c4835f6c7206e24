// One key of config.json at a time, compared with what transformers computes with the same folder: equal
// numbers, or a refusal that names the key (scripts/goldens/make_config_goldens.py).
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/log.h"
#include "io/line_reader.h"
#include "io/read_file.h"
#include "model/model_test_support.h"

namespace armorm::model {
namespace {

using namespace test;
using Json = nlohmann::json;

// Values that transformers computes with and that are not supported here.
const std::set<std::string>& refused_keys() {
  static const std::set<std::string> keys{
      "rope_scaling", "partial_rotary_factor",       "hidden_act",     "hidden_activation", "is_causal",
      "layer_types",  "use_bidirectional_attention", "rope_parameters"};
  return keys;
}

// What transformers' strict types or its cache refuse, and what is the same number here.
bool may_accept(const std::string& architecture, const Json& entry) {
  const Json& changes = entry.at("changes");
  const Json full = Json::array({"full_attention", "full_attention", "full_attention"});
  return (architecture == "qwen2" && changes == Json{{"head_dim", nullptr}}) ||
         (architecture == "mistral" && changes == Json{{"layer_types", full}, {"sliding_window", nullptr}});
}

Json read_cases(const std::filesystem::path& path) {
  io::LineReader file(path);
  std::string text;
  for (std::string line; file.next(line);) text += line;
  return Json::parse(text);
}

void write_folder(const std::filesystem::path& from, const Json& entry, const std::filesystem::path& to) {
  Json config = Json::parse(io::read_text_file(from / "config.json"));
  Json& decoder = config.contains("vision_config") ? config.at("text_config") : config;
  if (entry.contains("absent"))
    for (const Json& key : entry.at("absent")) decoder.erase(key.get<std::string>());
  decoder.update(entry.at("changes"));
  std::ofstream(to / "config.json") << config.dump();
}

std::vector<float> last_state(const std::filesystem::path& folder, std::int64_t length) {
  const Backbone backbone =
      Backbone::load({.model_folder = folder, .precision = Precision::fp32, .device = kCpu});
  std::vector<text::tokenizer::TokenId> tokens;
  for (std::int64_t i = 0; i < length; ++i)
    tokens.push_back(static_cast<text::tokenizer::TokenId>((i * 37 + 11) % 100 + 1));
  PackedBatch batch = pack({tokens});
  batch.wanted = {length - 1};
  return embed(backbone, batch);
}

struct Counts {
  int equal = 0;
  int refused = 0;
};

void check_case(const std::string& architecture, const Json& entry, const std::filesystem::path& folder,
                std::int64_t length, Counts& counts) {
  std::vector<float> state;
  std::string message;
  try {
    static_cast<void>(ModelConfig::load(folder));
    state = last_state(folder, length);
  } catch (const Error& error) {
    REQUIRE(error.kind() == ErrorKind::data);
    message = error.what();
  }
  INFO("ours: " << message);
  if (state.empty()) {
    ++counts.refused;
    bool named = entry.contains("error");
    for (const auto& change : entry.at("changes").items())
      named |= refused_keys().contains(change.key()) && message.find(change.key()) != std::string::npos;
    CHECK(named);
    return;
  }
  if (entry.contains("error")) {
    CHECK(may_accept(architecture, entry));
    return;
  }
  ++counts.equal;
  for (std::size_t i = 0; i < entry.at("state").size(); ++i)
    CHECK(std::abs(entry.at("state")[i].get<float>() - state[i]) < 5e-5F);
}

}  // namespace

TEST_CASE("every key of config.json has transformers' effect, or is refused by name", "[golden]") {
  const Json golden_cases = read_cases(test::golden("model") / "config_keys.json.gz");
  log::set_level(log::Level::error);
  for (const std::string architecture :
       {"llama", "gemma2", "mistral", "qwen2", "qwen3", "phi3", "gemma3_text", "gemma3"}) {
    const Json& model = golden_cases.at(architecture);
    const std::filesystem::path from = test::golden_model(model.at("model").get<std::string>());
    const test::TempDir dir;
    std::filesystem::copy_file(from / "model.safetensors", dir / "model.safetensors");
    Counts counts;
    for (const Json& entry : model.at("cases")) {
      CAPTURE(architecture, entry.dump());
      write_folder(from, entry, dir.path());
      check_case(architecture, entry, dir.path(), golden_cases.at("length").get<std::int64_t>(), counts);
    }
    INFO(architecture << ": " << counts.equal << " equal, " << counts.refused << " refused");
    CHECK(counts.equal >= 159);
  }
  log::set_level(log::Level::info);
}

}  // namespace armorm::model
