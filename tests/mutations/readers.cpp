// The readers as the programs call them.
#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <span>

#include "core/error.h"
#include "core/log.h"
#include "data/conversation_row.h"
#include "data/dataset.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "model/model_config.h"
#include "model/model_test_support.h"
#include "mutations/mutation.h"
#include "stages/scoring/score_rows.h"
#include "support/log_capture.h"
#include "support/test_support.h"
#include "text/chat_template.h"
#include "text/tokenizer/tokenizer.h"

namespace armorm::test {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

std::string from_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string to_hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", std::to_integer<int>(byte));
  return text;
}

nlohmann::ordered_json patched(const Json& content) {
  const auto text = io::read_text_file(golden(content.at("golden").get<std::string>()));
  return nlohmann::ordered_json::parse(text).patch(nlohmann::ordered_json::parse(content.at("patch").dump()));
}

void put_file(const fs::path& path, const Json& content) {
  fs::create_directories(path.parent_path());
  if (content.is_string())
    io::publish_text(path, content.get<std::string>());
  else if (content.contains("patch"))
    io::publish_text(path, patched(content).dump());
  else if (content.contains("golden"))
    fs::copy_file(golden(content.at("golden").get<std::string>()), path);
  else
    io::publish_text(path, from_hex(content.at("hex").get<std::string>()));
}

const text::ChatTemplate& chat_template(const std::string& name) {
  static std::map<std::string, text::ChatTemplate> templates;
  const auto found = templates.find(name);
  if (found != templates.end()) return found->second;
  const std::string source = io::read_text_file(golden(name));
  return templates.emplace(name, text::ChatTemplate::compile(source, name)).first->second;
}

class Renderer {
 public:
  explicit Renderer(const Json& read) : template_(chat_template(read.at("template").get<std::string>())) {
    variables_.special_tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  }
  Json operator()(const Conversation& conversation) const {
    return template_.render(conversation, variables_).text;
  }
  Json all(const std::vector<Conversation>& conversations) const {
    Json texts = Json::array();
    for (const Conversation& conversation : conversations) texts.push_back((*this)(conversation));
    return texts;
  }

 private:
  const text::ChatTemplate& template_;
  text::TemplateVariables variables_;
};

data::Dataset open_input(const fs::path& folder, const Json& read) {
  data::DatasetOptions options;
  options.path = folder / read.value("path", ".");
  options.split = read.value("split", "train");
  options.config = read.value("config", "");
  return data::Dataset::open(options);
}

Json labels_of(const std::vector<float>& labels) {
  Json values = Json::array();
  for (const float label : labels) values.push_back(std::isnan(label) ? Json() : Json(label));
  return values;
}

Json read_labelled(const fs::path& folder, const Json& read) {
  const Renderer render(read);
  Json rows = Json::array();
  open_input(folder, read)
      .for_each_labelled(read.at("attributes").get<std::vector<std::string>>(), {},
                         [&](data::LabelledRow&& row) {
                           rows.push_back({labels_of(row.labels), render(row.messages)});
                         });
  return rows;
}

Json read_preference(const fs::path& folder, const Json& read) {
  const Renderer render(read);
  Json rows = Json::array();
  open_input(folder, read).for_each_preference({}, [&](data::PreferenceRow&& row) {
    const bool is_pair = row.all_chosen.empty();
    rows.push_back({is_pair ? Json::array({render(row.chosen)}) : render.all(row.all_chosen),
                    is_pair ? Json::array({render(row.rejected)}) : render.all(row.all_rejected),
                    row.subset});
  });
  return rows;
}

Json read_score(const fs::path& folder, const Json& read) {
  const Renderer render(read);
  stages::scoring::ScoreRow row;
  const Conversation conversation =
      data::parse_conversation(io::read_text_file(folder / "row.json"), {}, row);
  for (const std::string& key : row.unused) log::warn("key '{}'", key);  // as the program does
  return {render(conversation), row.id};
}

// The final-norm state of the last token.
Json read_config(const fs::path& folder, const Json& read) {
  static_cast<void>(model::ModelConfig::load(folder));
  const model::Backbone backbone =
      model::Backbone::load({.model_folder = folder, .precision = Precision::fp32, .device = kCpu});
  model::PackedBatch batch = pack({read.at("tokens").get<std::vector<text::tokenizer::TokenId>>()});
  batch.wanted = {std::ssize(batch.tokens) - 1};
  std::vector<float> state = embed(backbone, batch);
  state.resize(std::min(state.size(), read.at("shown").get<std::size_t>()));
  return state;
}

Json read_texts(const fs::path& folder, const Json& read) {
  return open_input(folder, read).read_strings(read.at("column").get<std::string>());
}

Json tensor_of(const io::TensorView& tensor) {
  return {name_of(tensor.dtype), tensor.shape, to_hex(tensor.bytes)};
}

Json read_tensors(const fs::path& folder, const Json&) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(folder / "x.safetensors");
  Json tensors = Json::object();
  for (const std::string& name : file.names()) tensors[name] = tensor_of(file.at(name));
  return {tensors, file.metadata()};
}

Json read_shards(const fs::path& folder, const Json&) {
  const io::SafetensorsFolder shards = io::SafetensorsFolder::open(folder);
  Json tensors = Json::object();
  for (const std::string& name : shards.names()) tensors[name] = tensor_of(shards.at(name));
  return tensors;
}

Json read_tokenizer(const fs::path& folder, const Json& read) {
  const text::tokenizer::Tokenizer tokenizer = text::tokenizer::Tokenizer::load(folder);
  if (Json::parse(io::read_text_file(folder / "tokenizer_config.json"), nullptr, false)
          .contains("chat_template"))
    text::ChatTemplate::load(folder);
  Json ids = Json::array();
  for (const Json& text : read.at("texts")) ids.push_back(tokenizer.encode(text.get<std::string>(), true));
  text::TemplateVariables variables;
  variables.special_tokens = tokenizer.special_tokens();
  const auto names = text::ChatTemplate::compile(read.at("template").get<std::string>(), "names");
  return {ids, names.render({{"user", "x"}}, variables).text};
}

const std::map<std::string, std::function<Json(const fs::path&, const Json&)>>& readers() {
  static const std::map<std::string, std::function<Json(const fs::path&, const Json&)>> all{
      {"labelled", read_labelled}, {"preference", read_preference}, {"score", read_score},
      {"config", read_config},     {"texts", read_texts},           {"tensors", read_tensors},
      {"shards", read_shards},     {"tokenizer", read_tokenizer}};
  return all;
}

}  // namespace

Outcome outcome_of(const Json& mutation) {
  Outcome outcome;
  const TempDir dir;
  const fs::path folder = dir / "set";
  for (const auto& file : mutation.at("files").items()) put_file(folder / file.key(), file.value());
  const LogCapture capture(outcome.log);
  try {
    outcome.value = readers().at(mutation.at("reader"))(folder, mutation.at("read"));
  } catch (const Error& error) {
    outcome.error = error.what();
    outcome.is_internal = error.kind() == ErrorKind::internal;
  } catch (const std::exception& error) {
    outcome.error = error.what();
    outcome.is_internal = true;
  }
  return outcome;
}

}  // namespace armorm::test
