// score --explain, and the texts of stage2-train's report, run like a user and looked at in a browser.
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "armorm/attributes.h"
#include "data/dataset.h"
#include "e2e/demo_fixture.h"
#include "e2e/page_look.h"
#include "io/content_digests.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "report/explain_page.h"
#include "support/explained_pair.h"
#include "support/fixed_kernels.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using Catch::Contains;
using nlohmann::json;

namespace {

std::vector<json> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

std::vector<std::string> score_flags(const fs::path& model) {
  return {"--model_path", model.string(), "--device", "-1", "--kernels", fixed_kernels_name()};
}

ProcessResult try_score(const std::vector<std::string>& more, const fs::path& model = demo_export()) {
  std::vector<std::string> flags = score_flags(model);
  flags.insert(flags.end(), more.begin(), more.end());
  return run_program("score", flags);
}

ProcessResult score(const std::vector<std::string>& more) {
  ProcessResult result = try_score(more);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return result;
}

json messages_json(const Conversation& conversation) {
  json messages = json::array();
  for (const Message& message : conversation)
    messages.push_back({{"role", message.role}, {"content", message.content}});
  return messages;
}

std::vector<data::PreferenceRow> demo_pairs() {
  std::vector<data::PreferenceRow> rows;
  const data::Dataset demo =
      data::Dataset::open({.path = demo_dir() / "preference", .split = "train", .config = "", .columns = {}});
  demo.for_each_preference({}, [&](data::PreferenceRow&& row) { rows.push_back(std::move(row)); });
  return rows;
}

// The demo's pairs as JSON Lines; `change` may alter a row.
void write_pairs(const fs::path& path, std::size_t count,
                 const std::function<void(json&, std::size_t)>& change) {
  std::string text;
  const std::vector<data::PreferenceRow> rows = demo_pairs();
  for (std::size_t i = 0; i < std::min(count, rows.size()); ++i) {
    json row{{"chosen", messages_json(rows[i].chosen)}, {"rejected", messages_json(rows[i].rejected)}};
    if (change) change(row, i);
    text += row.dump() + "\n";
  }
  write_text(path, text);
}

double sum_of(const json& values) {
  double sum = 0.0;
  for (const auto& [name, value] : values.items()) sum += value.get<double>();
  return sum;
}

// The numbers of a line fit together.
void check_line(const json& line) {
  CAPTURE(line.dump());
  double equal = 0.0;  // margin after the flip's change
  const bool flips = line["flip"]["possible"];
  for (const char* side : {"chosen", "rejected"}) {
    CHECK(std::abs(sum_of(line["contributions"][side]) - line["score"][side].get<double>()) < 1e-6);
    const double sum = sum_of(line["gate"][side]);
    for (const auto& [name, gate] : line["gate"][side].items()) {
      const double debiased = line["debiased"][side][name];
      CHECK(std::abs(gate.get<double>() * debiased - line["contributions"][side][name].get<double>()) < 1e-6);
      const double share =
          gate.get<double>() / sum + (flips ? line["flip"]["change"][name].get<double>() : 0.0);
      CHECK(share > -1e-12);
      equal += (side == std::string("chosen") ? 1 : -1) * share * debiased;
    }
  }
  if (flips) CHECK(std::abs(equal) < 1e-9);
  const double margin = line["score"]["chosen"].get<double>() - line["score"]["rejected"].get<double>();
  CHECK(std::abs(margin - line["margin"].get<double>()) < 1e-6);
  CHECK(line["preferred"] == (line["margin"] > 0.0 ? "chosen" : "rejected"));
}

std::vector<std::string> train_flags(const fs::path& gate) {
  return {"--output_dir", gate.string(), "--export", (gate / "export").string()};
}

ProcessResult try_train(const fs::path& root, const std::vector<std::string>& more) {
  std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), root);
  flags.insert(flags.end(), more.begin(), more.end());
  return run_program("stage2-train", flags);
}

std::string text_of(const Conversation& conversation) { return conversation.back().content; }

}  // namespace

TEST_CASE("the lines of score --explain have the bits of score, and add up", "[e2e]") {
  const TempDir dir;
  write_pairs(dir / "pairs.jsonl", 30, {});
  std::string conversations;
  for (const json& row : lines_of(io::read_text_file(dir / "pairs.jsonl")))
    for (const char* side : {"chosen", "rejected"})
      conversations += json{{"messages", row[side]}}.dump() + "\n";
  write_text(dir / "in.jsonl", conversations);
  // Equal batches where the bits depend on them.
  const std::vector<std::string> windows =
      can_be_batch_invariant() ? std::vector<std::string>{"1024", "16"} : std::vector<std::string>{"2", "2"};
  const auto plain = lines_of(score({"--input", (dir / "in.jsonl").string(), "--window", windows[0]}).out);
  const auto lines = lines_of(score({"--explain", (dir / "pairs.jsonl").string(), "--html",
                                     (dir / "why.html").string(), "--window", windows[1]})
                                  .out);
  REQUIRE(lines.size() == 30);
  REQUIRE(plain.size() == 60);
  std::size_t flips = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(lines[i]["row_id"] == i);
    check_line(lines[i]);
    flips += lines[i]["flip"]["possible"].get<bool>() ? 1 : 0;
    for (const std::size_t side : {0, 1}) {
      const json& row = plain[2 * i + side];
      const char* const name = side == 0 ? "chosen" : "rejected";
      CHECK(lines[i]["score"][name].get<float>() == row["score"].get<float>());
      for (const char* field : {"rewards", "gate", "contributions"})
        for (const auto& [attribute, value] : row[field].items())
          CHECK(lines[i][field][name][attribute].get<float>() == value.get<float>());
    }
  }
  CHECK(flips > 0);
}

TEST_CASE("the page of score --explain holds hostile and long texts on every screen", "[e2e]") {
  const TempDir dir;
  write_pairs(dir / "pairs.jsonl", 6, [](json& row, std::size_t i) {
    if (i == 1) row["chosen"].back()["content"] = hostile_text();
    if (i == 2)
      for (const char* side : {"chosen", "rejected"}) row[side].front()["content"] = hostile_text();
    if (i == 3) row["rejected"].back()["content"] = long_text(6000);
    if (i == 4) row["rejected"].front()["content"] = "Another prompt?";
    if (i == 5) row = {{"prompt", "What is 2 + 2?"}, {"chosen", "4"}, {"rejected", "five"}};
  });
  const ProcessResult result = score({"--explain", (dir / "pairs.jsonl").string(), "--html",
                                      (dir / "why.html").string(), "--html_pairs", "6"});
  const auto lines = lines_of(result.out);
  REQUIRE(lines.size() == 6);
  for (const json& line : lines) check_line(line);
  const std::string page = io::read_text_file(dir / "why.html");
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("<img") == std::string::npos);
  CHECK_THAT(page, Contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") &&
                       Contains("Prompt of the rejected answer") &&
                       Contains("The other 4,520 of 6,020 characters"));
  const auto program = Browser::find();
  if (!program) ARMORM_SKIP("no Chromium or Chrome here; scripts/setup.sh --test installs one");
  Browser browser(*program);
  for (View view : views()) {
    if (view.width > 1000) view.width = 1200;
    const json seen = look(browser, dir / "why.html", view);
    CHECK(seen["sections"] == json{"pairs-part", "meanings-part", "origin-part"});
    CHECK(seen["summaries"].size() >= 6);
    CHECK(seen["charts"].size() == 12);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const json& table = seen["tables"]["pair-" + std::to_string(i)];
      CHECK(table["rows"].size() == lines[i]["gate"]["chosen"].size());
      const double shown = std::stod(table["foot"][0][2].get<std::string>());
      CHECK(std::abs(shown - lines[i]["margin"].get<double>()) <= 0.5e-4 + 1e-9);
    }
    // What was written is what is read, NUL and all.
    const json said = browser.evaluate(
        "[...document.querySelectorAll('#pairs-part .said')].map(e => e.textContent).filter(t => "
        "t.includes('alert'))");
    CHECK(said.size() == 2);
    CHECK_THAT(said[0].get<std::string>(),
               Contains("</div></details><script>alert('x')</script> <img src=") &&
                   Contains("NUL \xe2\x90\x80 ESC \xe2\x90\x9b[31m"));
  }
  browser.open(dir / "why.html", {1200, 900, false, "print"});
  CHECK(browser.evaluate(probe())["hidden_when_printed"] == json::array());
}

TEST_CASE("a page of pairs with texts of 100 kB fits every screen", "[e2e]") {
  const auto program = Browser::find();
  if (!program) ARMORM_SKIP("no Chromium or Chrome here; scripts/setup.sh --test installs one");
  const TempDir dir;
  report::ExplainReport report;
  report.model = "model";
  report.attributes = default_attributes();
  report.pairs = 2;
  report.shown = {explained_pair(19), explained_pair(19)};
  report.shown[0].texts =
      report::PairTexts{{{"user", long_text()}},
                        {},
                        {{{"assistant", long_text() + hostile_text()}}, {{"assistant", hostile_text()}}}};
  report.shown[1].texts->prompt = std::vector<report::Turn>(50, {"user", hostile_text()});
  for (report::ExamplePair& pair : report.shown) {
    pair.flip = report::FlipFigures{true, 0.25, std::vector<double>(19, 0.0)};
    pair.flip->change[2] = -0.25;
    pair.flip->change[6] = 0.25;
    pair.nearest = {{12345, 0.01, pair.gate.chosen}};
  }
  write_text(dir / "long.html", report::explain_page(report));
  Browser browser(*program);
  for (const View& view : views()) {
    const json seen = look(browser, dir / "long.html", view);
    CHECK(seen["tables"]["meanings"]["rows"].size() == 19);
    CHECK(browser.evaluate(
              "[...document.querySelectorAll('.said')].map(e => e.textContent).join('').length") > 200'000);
  }
}

TEST_CASE("rows that cannot be scored end score --explain, or have an error in their line", "[e2e]") {
  const TempDir dir;
  write_pairs(dir / "pairs.jsonl", 4, [](json& row, std::size_t i) {
    if (i == 1) row["rejected"] = json();
    if (i == 2) row["rejected"].back()["content"] = std::string(20'000, 'x');
  });
  const std::string pairs = (dir / "pairs.jsonl").string();
  const ProcessResult stopped =
      try_score({"--explain", pairs, "--html", (dir / "why.html").string(), "--max_length", "500"});
  CHECK(stopped.exit_code == 4);
  CHECK_FALSE(fs::exists(dir / "why.html"));
  const ProcessResult skipped = score({"--explain", pairs, "--html", (dir / "why.html").string(),
                                       "--max_length", "500", "--on_bad_row", "skip"});
  const auto lines = lines_of(skipped.out);
  REQUIRE(lines.size() == 4);
  check_line(lines[0]);
  CHECK(lines[1]["row_id"] == 1);
  CHECK_THAT(lines[1]["error"].get<std::string>(), Contains("column \"rejected\": found null"));
  CHECK_THAT(lines[2]["error"].get<std::string>(), Contains("rejected: ") && Contains("--max_length"));
  check_line(lines[3]);
  CHECK_THAT(io::read_text_file(dir / "why.html"), Contains("2 more could not be scored"));
}

TEST_CASE("score names options that do not fit --explain", "[e2e]") {
  const std::vector<std::vector<std::string>> wrong{
      {"--html", "why.html"},
      {"--training_gates", "gates.safetensors"},
      {"--html_pairs", "3"},
      {"--explain", "pairs.jsonl", "--input", "in.jsonl"},
      {"--explain", "pairs.jsonl", "--fields", "score"},
      {"--explain", "pairs.jsonl", "--copy_keys", "a"},
      {"--explain", "pairs.jsonl", "--html", "-"},
      {"--explain", "pairs.jsonl", "--html", "out", "--output", "out"},
      {"--explain", "pairs.jsonl", "--html", "out", "--html_pairs", "0"}};
  for (const auto& flags : wrong) {
    const ProcessResult result = run_program("score", flags);
    CAPTURE(flags, result.err);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Contains("--"));
  }
  CHECK(try_score({"--explain", "no-such-pairs.jsonl"}).exit_code == 3);
}

TEST_CASE("a report with texts shows the rows of the data set, and the gates of the training prompts",
          "[e2e]") {
  const TempDir dir;
  const ProcessResult train = [&] {
    std::vector<std::string> flags = train_flags(dir / "gate");
    flags.insert(flags.end(), {"--report_texts", "12", "--training_gates"});
    return run_stage("stage2-train", demo_run(), flags);
  }();
  const json report = json::parse(io::read_text_file(dir / "gate" / "gating_network_model.json"));
  const std::vector<data::PreferenceRow> rows = demo_pairs();
  std::size_t texts = 0;
  for (const json& set : report["examples"])
    for (const json& example : set["rows"]) {
      if (!example.contains("texts")) continue;
      ++texts;
      const data::PreferenceRow& row = rows[example["row_id"].get<std::size_t>()];
      CHECK(set["set"] == "validation");
      CHECK(example["texts"]["chosen"].back()["content"] == text_of(row.chosen));
      CHECK(example["texts"]["rejected"].back()["content"] == text_of(row.rejected));
      CHECK(example["texts"]["prompt"].front()["content"] == row.chosen.front().content);
      CHECK(example.contains("flip"));
    }
  CHECK(texts >= 7);
  CHECK(texts <= 12);
  const std::string page = io::read_text_file(dir / "gate" / "gating_network_model.html");
  CHECK_THAT(page, Contains("What would flip it") && Contains("What the attributes measure"));

  // The same training without texts: the same gate, and none of the texts.
  const ProcessResult plain =
      run_stage("stage2-train", demo_run(), {"--output_dir", (dir / "plain").string()});
  for (const char* file : {"gating_network_model.safetensors", "gating_network_model.pt"})
    CHECK(io::read_text_file(dir / "gate" / file) == io::read_text_file(dir / "plain" / file));
  CHECK_THAT(io::read_text_file(dir / "plain" / "gating_network_model.json"), !Contains("\"texts\""));
  CHECK_FALSE(fs::exists(dir / "plain" / "gating_network_model.gates.safetensors"));

  write_pairs(dir / "pairs.jsonl", 200, {});
  const fs::path gates = dir / "gate" / "gating_network_model.gates.safetensors";
  const ProcessResult explained =
      try_score({"--explain", (dir / "pairs.jsonl").string(), "--training_gates", gates.string(),
                 "--precision", "fp32", "--html", (dir / "why.html").string()},
                dir / "gate" / "export");
  INFO(explained.err);
  REQUIRE(explained.exit_code == 0);
  const auto lines = lines_of(explained.out);
  const io::SafetensorsFile file = io::SafetensorsFile::open(gates);
  const auto row_ids = file.at("row_ids").as<std::int64_t>();
  const std::set<std::int64_t> trained(row_ids.begin(), row_ids.end());
  CHECK(trained.size() == 160);
  for (const json& line : lines) {
    const json& nearest = line["nearest"];
    REQUIRE(nearest.size() == 5);
    for (std::size_t i = 1; i < nearest.size(); ++i) CHECK(nearest[i - 1]["moved"] <= nearest[i]["moved"]);
    for (const json& near : nearest) CHECK(trained.contains(near["row_id"].get<std::int64_t>()));
    if (trained.contains(line["row_id"].get<std::int64_t>())) CHECK(nearest[0]["moved"] < 1e-4);
  }
  CHECK_THAT(io::read_text_file(dir / "why.html"), Contains("The training prompts with the nearest weights"));

  const ProcessResult other = try_score({"--explain", (dir / "pairs.jsonl").string(), "--training_gates",
                                         (demo_run() / "gating_network_model.safetensors").string()});
  CHECK(other.exit_code == 4);
  CHECK_THAT(other.err, Contains("training_gates"));

  const auto program = Browser::find();
  if (!program) ARMORM_SKIP("no Chromium or Chrome here; scripts/setup.sh --test installs one");
  Browser browser(*program);
  fs::copy_file(dir / "gate" / "gating_network_model.html", dir / "texts.html");
  for (const View& view : views()) {
    const json seen = look(browser, dir / "texts.html", view);
    CHECK(seen["charts"].size() > 2 * texts);
  }
}

TEST_CASE("texts of another data set are an error before the training", "[e2e]") {
  const TempDir dir;
  const auto check_refused = [&](const fs::path& root, const std::vector<std::string>& more, int exit_code,
                                 const std::string& message) {
    std::vector<std::string> flags{"--output_dir", (dir / "gate").string(), "--report_texts", "5"};
    flags.insert(flags.end(), more.begin(), more.end());
    const ProcessResult result = try_train(root, flags);
    CAPTURE(result.err);
    CHECK(result.exit_code == exit_code);
    CHECK_THAT(result.err, Contains(message) && Contains("--report_texts"));
    CHECK_FALSE(fs::exists(dir / "gate" / "gating_network_model.safetensors"));
    CHECK_FALSE(fs::exists(dir / "gate" / "gating_network_model.checkpoint"));
  };
  const auto texts_from = [](const fs::path& path) {
    return std::vector<std::string>{"--report_texts_dataset", path.string()};
  };
  check_refused(demo_run(), texts_from(dir / "missing.jsonl"), 3, "cannot be opened");
  write_pairs(dir / "fewer.jsonl", 100, {});
  check_refused(demo_run(), texts_from(dir / "fewer.jsonl"), 4, "has 100 rows");
  write_pairs(dir / "same.jsonl", 200, {});
  check_refused(demo_run(), texts_from(dir / "same.jsonl"), 4, "have the digest");

  // Embeddings that do not record the digest: prompts are compared.
  const fs::path root = dir / "root";
  copy_tree(demo_run(), root);
  const fs::path file = root / "embeddings" / "model" / "preference-train.safetensors";
  {
    const io::SafetensorsFile old = io::SafetensorsFile::open(file);
    io::Metadata metadata = old.metadata();
    metadata.erase("data_sha256");
    std::vector<io::TensorSpec> specs;
    for (const std::string& name : old.names())
      specs.push_back({name, old.at(name).dtype, old.at(name).shape});
    io::SafetensorsWriter writer(file, specs, io::with_reserved_digests(metadata, specs));
    for (const io::TensorSpec& spec : specs) writer.append(old.at(spec.name).bytes);
    writer.publish();
  }
  write_pairs(dir / "changed.jsonl", 200, [](json& row, std::size_t) {
    for (const char* side : {"chosen", "rejected"}) row[side].front()["content"] = "another prompt";
  });
  check_refused(root, texts_from(dir / "changed.jsonl"), 4, "its prompt is not the one that was embedded");
  const ProcessResult accepted =
      try_train(root, {"--output_dir", (dir / "gate").string(), "--restart", "--report_texts", "5",
                       "--report_texts_dataset", (dir / "same.jsonl").string()});
  INFO(accepted.err);
  CHECK(accepted.exit_code == 0);
  CHECK_THAT(io::read_text_file(dir / "gate" / "gating_network_model.json"), Contains("\"texts\""));
}
