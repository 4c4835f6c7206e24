#include "stages/reward_model/model_card.h"

#include <fmt/format.h>

#include <cctype>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <vector>

#include "armorm/extraction_options.h"
#include "core/date.h"
#include "core/strings.h"
#include "core/version.h"
#include "data/dataset_card.h"
#include "stages/reward_model/reward_model.h"

namespace armorm::stages::reward_model {
namespace {

using nlohmann::json;

constexpr std::size_t kSourcesOnCard = 20;

// A JSON string is a YAML string, whatever is in it.
std::string quoted(const std::string& text) { return json(text).dump(); }

std::string number(double value, const char* pattern = "{:.4f}") {
  return std::isfinite(value) ? fmt::format(fmt::runtime(pattern), value) : "-";
}
std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.2f} %", 100.0 * share) : "-";
}

bool is_of_a_word(const std::string& text, std::size_t at) {
  return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
}

// Names as CommonMark shows them, in one cell of a table. An underscore inside a word is none of its marks.
std::string escaped(const std::string& name) {
  constexpr std::string_view kMarks = R"(\`*[]<>|~&$)";
  const std::string text = one_line(name);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool inside = i > 0 && is_of_a_word(text, i - 1) && is_of_a_word(text, i + 1);
    if (kMarks.find(text[i]) != std::string_view::npos || (text[i] == '_' && !inside)) out += '\\';
    out += text[i];
  }
  return out;
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

std::string debiasing_table(const report::Debiasing& debiasing) {
  MarkdownTable table({"attribute", "penalty", "correlation with verbosity before", "after"});
  for (const report::PenaltyFigures& a : debiasing.attributes)
    table.add({escaped(a.name), number(a.penalty, "{:g}"), number(a.correlation_before),
               number(a.correlation_after)});
  return "## Attributes and debiasing\n\n`penalty` is how much of the verbosity reward is taken from each "
         "attribute.\n\n" +
         table.str() + "\n";
}

std::string regression_table(const report::RidgeReport& report) {
  MarkdownTable table({"attribute", "n train", "n val", "alpha", "val MSE", "R2", "Spearman"});
  for (std::size_t k = 0; k < report.attributes.size(); ++k) {
    const linear::AttributeFit& a = report.result.attributes[k];
    const std::string mark = linear::measured_on_few_rows(a) ? " (few rows)" : "";
    table.add({escaped(report.attributes[k]), std::to_string(a.n_train), std::to_string(a.n_validation),
               number(a.best_alpha, "{:g}"), number(a.validation_mse, "{:.5f}"), number(a.r_squared) + mark,
               number(a.spearman) + mark});
  }
  return "## Rewards\n\nRidge regressions on the decoder's last hidden state, on rows they have not "
         "seen.\n\n" +
         table.str() + "\n";
}

std::string usage_table(const report::UsageFigures& usage) {
  MarkdownTable table({"attribute", "mean weight", "is the largest"});
  for (const report::AttributeUsage& a : usage.attributes)
    table.add({escaped(a.name), percent(a.mean_weight), percent(a.top_share)});
  return "## What the gate does\n\nOver the prompts of the validation pairs.\n\n" + table.str() + "\n";
}

std::string scorers_table(const std::string& title, const std::vector<report::ScorerFigures>& scorers) {
  MarkdownTable table({"scorer", "accuracy", "95 % interval", "loss"});
  for (const report::ScorerFigures& s : scorers)
    table.add({escaped(s.name), percent(s.accuracy),
               percent(s.interval.low) + " - " + percent(s.interval.high), number(s.loss)});
  return fmt::format("## {}\n\n{}\n", title, table.str());
}

std::string sources_table(const report::SetBySource& set) {
  MarkdownTable table({"source", "pairs", "accuracy", "95 % interval", "loss"});
  for (const report::SourceFigures& source : report::largest_sources(set.sources, kSourcesOnCard)) {
    const report::SourceScorer& gate = source.scorers.front();
    table.add({escaped(report::source_label(source.name)), std::to_string(source.pairs),
               percent(report::accuracy_of(gate, source.pairs)),
               percent(gate.interval.low) + " - " + percent(gate.interval.high), number(gate.loss)});
  }
  return fmt::format("## The gate on {} by source\n\n{}\n", escaped(set.set), table.str());
}

// One column for each scorer; `title` heads the column of sections.
std::string sections_table(const std::string& title, const report::Benchmark& bench) {
  const auto row = [&bench](const std::string& name, const auto& cell_of) {
    std::vector<std::string> cells{name};
    for (const report::BenchmarkScorer& scorer : bench.scorers) cells.push_back(cell_of(scorer));
    return cells;
  };
  MarkdownTable table(row(title, [](const report::BenchmarkScorer& s) { return escaped(s.name); }));
  const std::vector<report::SectionScore>& sections = bench.scorers.front().sections;
  for (std::size_t i = 0; i < sections.size(); ++i)
    table.add(row(escaped(sections[i].name), [i](const report::BenchmarkScorer& s) {
      return number(s.sections.at(i).score, "{:.2f}");
    }));
  table.add(row("Score", [](const report::BenchmarkScorer& s) { return number(s.score, "{:.2f}"); }));
  return fmt::format("## {}\n\n{}\n", title, table.str());
}

std::string length_bias_table(const std::vector<report::LengthBiasFigures>& scorers) {
  MarkdownTable table({"set", "scorer", "chosen longer", "chosen shorter", "margin ~ length"});
  for (const report::LengthBiasFigures& s : scorers)
    table.add({escaped(s.set), escaped(s.name), percent(s.chosen_longer.accuracy),
               percent(s.chosen_shorter.accuracy), number(s.margin_correlation, "{:+.3f}")});
  return "## Length bias\n\nAccuracy where the chosen response is the longer one and where it is the "
         "shorter, and the rank "
         "correlation of score margin and length difference.\n\n" +
         table.str() + "\n";
}

bool measured(const std::optional<report::Benchmark>& bench) { return bench && !bench->scorers.empty(); }

std::string tables(const report::GateReport& report, const report::RidgeReport& regression) {
  std::string text;
  if (measured(report.reward_bench)) text += sections_table("RewardBench", *report.reward_bench);
  if (measured(report.reward_bench_2)) text += sections_table("RewardBench 2", *report.reward_bench_2);
  if (!report.validation.empty()) text += scorers_table("Validation pairs", report.validation);
  for (const report::EvaluatedSet& set : report.eval)
    text += scorers_table("Preference set " + escaped(set.name), set.scorers);
  for (const report::SetBySource& set : report.by_source) text += sources_table(set);
  if (!report.length_bias.empty()) text += length_bias_table(report.length_bias);
  if (!regression.attributes.empty()) text += regression_table(regression);
  if (report.gate_usage) text += usage_table(*report.gate_usage);
  if (report.debiasing) text += debiasing_table(*report.debiasing);
  return text;
}

// https://huggingface.co/docs/hub/model-cards: results under "model-index".
std::string evaluation_metadata(const ModelCardInputs& inputs) {
  if (!measured(inputs.report.reward_bench)) return "";
  const report::Benchmark& bench = *inputs.report.reward_bench;
  std::string text = fmt::format(
      "model-index:\n- name: {}\n  results:\n  - task:\n      type: text-classification\n    dataset:\n"
      "      name: RewardBench\n      type: {}\n    metrics:\n",
      quoted(inputs.name), quoted(bench.dataset));
  const auto add = [&text](const std::string& name, double score) {
    if (std::isfinite(score))
      text += fmt::format("    - name: {}\n      type: accuracy\n      value: {:.2f}\n", quoted(name), score);
  };
  const report::BenchmarkScorer& gate = bench.scorers.front();
  for (const report::SectionScore& section : gate.sections) add(section.name, section.score);
  add("Score", gate.score);
  return text;
}

std::string front_matter(const ModelCardInputs& inputs) {
  std::string text = "---\nlibrary_name: transformers\npipeline_tag: text-classification\n" + inputs.license;
  if (!inputs.base_model.empty()) text += "base_model: " + quoted(inputs.base_model) + "\n";
  return text + "tags:\n- reward-model\n- armorm\n" + evaluation_metadata(inputs) + "---\n";
}

// Whether a line of YAML belongs to the value of the key above it: a list, a block of text or a comment.
bool continues_value(const std::string& line) {
  return line.empty() || std::string_view(" \t\r-]}#").find(line.front()) != std::string_view::npos;
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

`score = contributions.sum(-1)` and `contributions = gating_output * (rewards @ reward_transform_matrix)`. {scale}

Without Python:

```sh
score --model_path {name} --input conversations.jsonl
```

)";

// What the scores can be compared with.
std::string scale_note(const artifacts::GateArtifact& artifact) {
  if (artifact.bradley_terry_scale)
    return fmt::format(
        "The gate's weights sum to 1, as in the released ArmoRM. The Bradley-Terry scale of the training, "
        "`{}` in config.json, is {:g}: answer a is preferred to b with probability "
        "sigmoid({:g} * (score_a - score_b)).",
        kScaleField, *artifact.bradley_terry_scale, *artifact.bradley_terry_scale);
  return fmt::format(
      "The gate's weights sum to {:g}, the trained Bradley-Terry scale: answer a is preferred to b with "
      "probability sigmoid(score_a - score_b).",
      artifact.gate.logit_scale);
}

std::string introduction(const ModelCardInputs& inputs) {
  const artifacts::GateArtifact& a = inputs.artifact;
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
      "The chat template inserts today's date. Training used {0}, and `score` uses the same. In Python pass "
      "`date_string=\"{1}\"` to `apply_chat_template`; otherwise scores change from day to day (always, if "
      "the "
      "template does not read that variable).\n\n",
      date, written_out(date));
}

}  // namespace

std::string model_card(const ModelCardInputs& inputs) {
  const std::string made =
      fmt::format("## How it was made\n\nBy armorm {}, `stage2-train`, with\n\n```json\n{}\n```\n", kVersion,
                  json(inputs.report.options).dump(2));
  return front_matter(inputs) + introduction(inputs) +
         fmt::format(fmt::runtime(kUse), fmt::arg("name", inputs.name),
                     fmt::arg("k", inputs.artifact.attributes.size()),
                     fmt::arg("scale", scale_note(inputs.artifact))) +
         date_note(inputs.template_date) + tables(inputs.report, inputs.regression) + made;
}

std::string license_lines(const std::string& card) {
  std::istringstream lines(data::front_matter(card));
  std::string line, text;
  bool inside = false;
  while (std::getline(lines, line)) {
    inside = line.starts_with("license") || (inside && continues_value(line));
    if (inside) text += line + "\n";
  }
  return text;
}

}  // namespace armorm::stages::reward_model
