#include "stages/reward_model/model_card.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <vector>

#include "armorm/extraction_options.h"
#include "core/date.h"
#include "core/version.h"
#include "data/dataset_card.h"

namespace armorm {
namespace {

using nlohmann::json;

// A JSON string is a YAML string, whatever is in it.
std::string quoted(const std::string& text) { return json(text).dump(); }

std::string number(const json& value, const char* pattern = "{:.4f}") {
  return value.is_number() ? fmt::format(fmt::runtime(pattern), value.get<double>()) : "-";
}
std::string percent(const json& share) {
  return share.is_number() ? fmt::format("{:.2f} %", 100.0 * share.get<double>()) : "-";
}

class MarkdownTable {
 public:
  explicit MarkdownTable(const std::vector<std::string>& header) {
    add(header);
    add(std::vector<std::string>(header.size(), "---"));
  }
  void add(const std::vector<std::string>& cells) {
    text_ += fmt::format("| {} |\n", fmt::join(cells, " | "));
  }
  const std::string& str() const { return text_; }

 private:
  std::string text_;
};

json list_of(const json& report, const char* key) {
  const auto found = report.find(key);
  return found != report.end() && found->is_array() ? *found : json::array();
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

json field(const json& object, const char* key) {
  return object.is_object() ? object.value(key, json()) : json();
}

std::string attribute_table(const json& report) {
  MarkdownTable table({"attribute", "penalty", "correlation with verbosity before", "after"});
  for (const json& a : list_of(report, "debiasing"))
    table.add({text_of(a, "name"), number(field(a, "penalty"), "{:g}"),
               number(field(a, "correlation_before")), number(field(a, "correlation_after"))});
  return "## Attributes and debiasing\n\n`penalty` is how much of the verbosity reward is taken from each "
         "attribute.\n\n" +
         table.str() + "\n";
}

std::string regression_table(const json& report) {
  MarkdownTable table({"attribute", "n train", "n val", "alpha", "val MSE", "R2", "Spearman"});
  for (const json& a : list_of(report, "attributes"))
    table.add({text_of(a, "name"), number(field(a, "n_train"), "{:.0f}"),
               number(field(a, "n_validation"), "{:.0f}"), number(field(a, "best_alpha"), "{:g}"),
               number(field(a, "validation_mse"), "{:.5f}"), number(field(a, "r_squared")),
               number(field(a, "spearman"))});
  return "## Rewards\n\nRidge regressions on the decoder's last hidden state, on rows they have not "
         "seen.\n\n" +
         table.str() + "\n";
}

std::string usage_table(const json& report) {
  MarkdownTable table({"attribute", "mean weight", "is the largest"});
  for (const json& a : list_of(field(report, "gate_usage"), "attributes"))
    table.add({text_of(a, "name"), percent(field(a, "mean_weight")), percent(field(a, "top_share"))});
  return "## What the gate does\n\nOver the prompts of the validation pairs.\n\n" + table.str() + "\n";
}

std::string scorers_table(const std::string& title, const json& scorers) {
  MarkdownTable table({"scorer", "accuracy", "95 % interval", "loss"});
  for (const json& s : scorers)
    table.add({text_of(s, "name"), percent(field(s, "accuracy")),
               percent(field(s, "low")) + " - " + percent(field(s, "high")), number(field(s, "loss"))});
  return fmt::format("## {}\n\n{}\n", title, table.str());
}

// One column for each scorer; `title` heads the column of sections.
std::string sections_table(const std::string& title, const json& results) {
  std::vector<std::string> header{title};
  for (const json& r : results) header.push_back(text_of(r, "name"));
  MarkdownTable table(header);
  const json sections = list_of(results.front(), "sections");
  for (std::size_t i = 0; i < sections.size(); ++i) {
    std::vector<std::string> row{text_of(sections[i], "name")};
    for (const json& r : results) {
      const json own = list_of(r, "sections");
      row.push_back(i < own.size() ? number(field(own[i], "score"), "{:.2f}") : "-");
    }
    table.add(row);
  }
  std::vector<std::string> total{"Score"};
  for (const json& r : results) total.push_back(number(field(r, "score"), "{:.2f}"));
  table.add(total);
  return fmt::format("## {}\n\n{}\n", title, table.str());
}

std::string length_bias_table(const json& entries) {
  MarkdownTable table({"set", "scorer", "chosen longer", "chosen shorter", "margin ~ length"});
  for (const json& e : entries)
    table.add({text_of(e, "set"), text_of(e, "name"), percent(field(field(e, "chosen_longer"), "accuracy")),
               percent(field(field(e, "chosen_shorter"), "accuracy")),
               number(field(e, "margin_correlation"), "{:+.3f}")});
  return "## Length bias\n\nAccuracy where the chosen response is the longer one and where it is the "
         "shorter, and the rank "
         "correlation of score margin and length difference.\n\n" +
         table.str() + "\n";
}

std::string tables(const json& report, const json& regression) {
  std::string text;
  if (const json results = list_of(report, "reward_bench"); !results.empty())
    text += sections_table("RewardBench", results);
  if (const json results = list_of(field(report, "reward_bench_2"), "scorers"); !results.empty())
    text += sections_table("RewardBench 2", results);
  if (const json scorers = list_of(report, "validation"); !scorers.empty())
    text += scorers_table("Validation pairs", scorers);
  for (const json& set : list_of(report, "eval"))
    text += scorers_table("Preference set " + text_of(set, "name"), list_of(set, "scorers"));
  if (const json entries = list_of(report, "length_bias"); !entries.empty())
    text += length_bias_table(entries);
  if (!list_of(regression, "attributes").empty()) text += regression_table(regression);
  if (!list_of(field(report, "gate_usage"), "attributes").empty()) text += usage_table(report);
  if (!list_of(report, "debiasing").empty()) text += attribute_table(report);
  return text;
}

// https://huggingface.co/docs/hub/model-cards: results under "model-index".
std::string evaluation_metadata(const ModelCardInputs& inputs) {
  const json results = list_of(inputs.report, "reward_bench");
  if (results.empty()) return "";
  const std::string dataset = text_of(field(inputs.report, "options"), "reward_bench_dataset");
  std::string text = fmt::format(
      "model-index:\n- name: {}\n  results:\n  - task:\n      type: text-classification\n    dataset:\n"
      "      name: RewardBench\n      type: {}\n    metrics:\n",
      quoted(inputs.name), quoted(dataset));
  const auto add = [&text](const std::string& name, const json& score) {
    if (!score.is_number()) return;
    text += fmt::format("    - name: {}\n      type: accuracy\n      value: {:.2f}\n", quoted(name),
                        score.get<double>());
  };
  for (const json& section : list_of(results.front(), "sections"))
    add(text_of(section, "name"), field(section, "score"));
  add("Score", field(results.front(), "score"));
  return text;
}

std::string front_matter(const ModelCardInputs& inputs) {
  std::string text = "---\nlibrary_name: transformers\npipeline_tag: text-classification\n" + inputs.license;
  if (!inputs.base_model.empty()) text += "base_model: " + quoted(inputs.base_model) + "\n";
  return text + "tags:\n- reward-model\n- armorm\n" + evaluation_metadata(inputs) + "---\n";
}

constexpr std::string_view kUse = R"(## Use

```python
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

path = "{name}"
tokenizer = AutoTokenizer.from_pretrained(path)
model = AutoModelForSequenceClassification.from_pretrained(path, trust_remote_code=True, dtype=torch.bfloat16)
conversations = [[{{"role": "user", "content": "What is 2 + 2?"}}, {{"role": "assistant", "content": "4"}}]]
inputs = tokenizer.apply_chat_template(conversations, padding=True, return_tensors="pt", return_dict=True)
with torch.no_grad():
    output = model(**inputs)
print(output.score)  # [B]
print(output.rewards, output.gating_output, output.contributions)  # [B, {k}], by model.attributes
```

`score = contributions.sum(-1)` and `contributions = gating_output * (rewards @ reward_transform_matrix)`. Without Python:

```sh
score --model_path {name} --input conversations.jsonl
```

)";

std::string introduction(const ModelCardInputs& inputs) {
  const GateArtifact& a = inputs.artifact;
  return fmt::format(
      "\n# {}\n\nA reward model after [ArmoRM](https://arxiv.org/abs/2406.12845): a frozen decoder ({}, "
      "hidden size {}) reads a "
      "conversation; its last hidden state gives {} rewards, that of the prompt's end gives each of them a "
      "weight, and the score "
      "is the weighted sum of the debiased rewards.\n\n",
      inputs.name, inputs.base_model.empty() ? a.model : inputs.base_model, a.hidden_size,
      a.attributes.size());
}

// "26 Jul 2024", as the templates of Llama 3 write it.
std::string written_out(const std::string& date) {
  const std::chrono::year_month_day day = parse_date("template_date", date);
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{:02} {} {}", static_cast<unsigned>(day.day()),
                     kMonths[static_cast<unsigned>(day.month()) - 1], static_cast<int>(day.year()));
}

std::string date_note(const std::string& date) {
  if (date.empty()) return "";
  return fmt::format(
      "The chat template reads the clock. In training it was told {0}, and `score` tells it the same; in "
      "Python pass "
      "`date_string=\"{1}\"` to `apply_chat_template` (a template without that variable tells today's date), "
      "or scores "
      "change from day to day.\n\n",
      date, written_out(date));
}

}  // namespace

std::string model_card(const ModelCardInputs& inputs) {
  const json options = field(inputs.report, "options");
  std::string made =
      fmt::format("## How it was made\n\nBy armorm {}, `stage2-train`, with\n\n```json\n{}\n```\n", kVersion,
                  options.dump(2));
  return front_matter(inputs) + introduction(inputs) +
         fmt::format(fmt::runtime(kUse), fmt::arg("name", inputs.name),
                     fmt::arg("k", inputs.artifact.attributes.size())) +
         date_note(inputs.template_date) + tables(inputs.report, inputs.regression) + made;
}

std::string license_lines(const std::string& card) {
  std::istringstream lines(data::front_matter(card));
  std::string line, text;
  while (std::getline(lines, line))
    if (line.starts_with("license")) text += line + "\n";
  return text;
}

}  // namespace armorm
