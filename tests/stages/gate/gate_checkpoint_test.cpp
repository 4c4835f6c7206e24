// Saved states of a gate training that carry the right digests and are still none that the training can have.
#include "stages/gate/gate_checkpoint.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "io/content_digests.h"
#include "stages/gate/gate_training.h"
#include "support/error_of.h"
#include "support/log_capture.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::gate;
using armorm::test::error_of;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// 40 pairs with two attributes and prompts of width 3.
struct Pairs {
  Pairs() {
    for (int i = 0; i < n; ++i) {
      const float sign = i % 2 == 0 ? 1.0F : -1.0F;
      rewards.insert(rewards.end(), {sign, 0.5F, 0.1F * static_cast<float>(i), -sign});
      for (int d = 0; d < 3; ++d)
        prompts.push_back(BFloat16::from_float(sign * static_cast<float>((i + d) % 5)));
      own_prompt.push_back(i);
    }
    train.resize(30);
    validation.resize(n - 30);
    std::iota(train.begin(), train.end(), 0);
    std::iota(validation.begin(), validation.end(), 30);
  }
  gating::PairData data() const {
    return {{rewards.data(), n, 2, 4},
            {rewards.data() + 2, n, 2, 4},
            {prompts.data(), n, 3},
            own_prompt,
            own_prompt};
  }

  static constexpr int n = 40;
  std::vector<float> rewards;
  std::vector<BFloat16> prompts;
  std::vector<std::int64_t> own_prompt, train, validation;
};

constexpr gating::GateShape kShape{3, 1, 4, 2, 10.0};

Stage2TrainOptions options() {
  Stage2TrainOptions options;
  options.device = -1;
  options.threads = 1;
  options.n_steps = 50;
  options.batch_size = 8;
  options.n_hidden = kShape.n_hidden;
  options.hidden_size = kShape.hidden_size;
  options.select = SelectCheckpoint::best;
  options.eval_every = 7;
  options.seeds = 3;
  return options;
}

// As stage2-train, in a folder that may hold the saves of an interrupted training.
class Training {
 public:
  explicit Training(const Stage2TrainOptions& options) : options_(options) {}

  // Saves after every step if it may be stopped, else only between seeds.
  std::vector<GateRun> run(const fs::path& folder, const StopRequested& stop = {}) const {
    const stages::options::StageEnvironment environment{.stop_requested = stop};
    GateCheckpoint checkpoint(folder / "gate.checkpoint", training_key(options_, pairs_.data()),
                              stop ? 0.0 : 1e6, false, environment);
    return train_gates(options_, kShape, pairs_.data(), pairs_.train, pairs_.validation, checkpoint);
  }
  // Ends after `polls` steps of all seeds.
  void interrupt(const fs::path& folder, int polls) const {
    int polled = 0;
    error_of([&] { run(folder, [&] { return ++polled == polls; }); }, ErrorKind::interrupted);
  }

 private:
  Pairs pairs_;
  Stage2TrainOptions options_;
};

void check_same(const std::vector<GateRun>& a, const std::vector<GateRun>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].selected.step == b[i].selected.step);
    CHECK(a[i].selected.gate.logit_scale == b[i].selected.gate.logit_scale);
    REQUIRE(a[i].selected.gate.layers.size() == b[i].selected.gate.layers.size());
    for (std::size_t l = 0; l < a[i].selected.gate.layers.size(); ++l) {
      CHECK(a[i].selected.gate.layers[l].weight == b[i].selected.gate.layers[l].weight);
      CHECK(a[i].selected.gate.layers[l].bias == b[i].selected.gate.layers[l].bias);
    }
  }
}

using Values = std::map<std::string, std::vector<float>>;  // by tensor

struct Content {
  json key, training;
  std::map<std::string, std::vector<std::int64_t>> shapes;
  Values values;
  bool digests = true;
};

Content read(const fs::path& path) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  Content content{
      json::parse(file.metadata().at("resume_key")), json::parse(file.metadata().at("training")), {}, {}};
  for (const std::string& name : file.names()) {
    const auto values = file.at(name).as<float>();
    content.shapes[name] = file.at(name).shape;
    content.values[name] = {values.begin(), values.end()};
  }
  return content;
}

void write(const fs::path& path, const Content& content) {
  std::vector<io::TensorContent> tensors;
  std::vector<io::TensorSpec> specs;
  for (const auto& [name, values] : content.values) {
    specs.push_back({name, DType::f32, content.shapes.at(name)});
    tensors.push_back({specs.back(), std::as_bytes(std::span(values))});
  }
  io::Metadata metadata{{"resume_key", content.key.dump()}, {"training", content.training.dump()}};
  if (content.digests) io::add_content_digests(metadata, tensors);
  io::SafetensorsWriter writer(path, specs, metadata);
  for (const io::TensorContent& tensor : tensors) writer.append(tensor.bytes);
  writer.publish();
}

struct Case {
  const char* name;
  std::function<void(Content&)> change;
  const char* reported;
};

// In the second seed, after 32 of 50 steps.
const std::vector<Case>& impossible_states() {
  static const std::vector<Case> cases{
      {"a step beyond the last",
       [](Content& c) { c.training["current"]["step"] = std::int64_t{1000000000000000}; },
       "step is 1000000000000000, expected 1 to 49"},
      {"no step", [](Content& c) { c.training["current"]["step"] = 0; }, "step is 0"},
      {"a step before the saved one", [](Content& c) { c.training["current"]["step"] = 20; }, "curve"},
      {"a step that is no integer", [](Content& c) { c.training["current"]["step"] = 1e300; },
       "expected an integer"},
      {"a step above the largest integer",
       [](Content& c) { c.training["current"]["step"] = ~std::uint64_t{0}; }, "expected an integer"},
      {"a step that is text", [](Content& c) { c.training["current"]["step"] = "32"; },
       "expected an integer"},
      {"a best evaluation that does not exist",
       [](Content& c) { c.training["current"]["best_look"] = 1000000; }, "best_look is 1000000"},
      {"a best evaluation below 0", [](Content& c) { c.training["current"]["best_look"] = -1; },
       "best_look is -1"},
      {"an empty curve", [](Content& c) { c.training["current"]["curve"] = json::array(); },
       "seed 2: curve: the number of entries is 0, expected 4"},
      {"an empty curve of a finished seed",
       [](Content& c) { c.training["done"][0]["curve"] = json::array(); }, "seed 1: curve: has no entries"},
      {"a gate of a step without evaluation", [](Content& c) { c.training["done"][0]["step"] = 3; },
       "seed 1: step is 3"},
      {"an evaluation at another step", [](Content& c) { c.training["current"]["curve"][1][0] = 15; },
       "the step of entry 1 is 15, expected 14"},
      {"an accuracy above 1", [](Content& c) { c.training["current"]["curve"][1][1] = 1.5; }, "accuracy 1.5"},
      {"a report of the loss less", [](Content& c) { c.training["current"]["losses"].erase(3); }, "losses"},
      {"a learning rate that is not a number",
       [](Content& c) { c.training["current"]["losses"][3][2] = "nan"; }, "learning rate"},
      {"another count of losses", [](Content& c) { c.training["current"]["loss_steps"] = 1; },
       "loss_steps is 1"},
      {"a seed more than there are",
       [](Content& c) {
         for (int i = 1; i < 3; ++i) {
           c.training["done"].push_back(c.training["done"][0]);
           for (const char* name :
                {"logit_scale", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"}) {
             const std::string to = fmt::format("done.{}.{}", i, name), from = fmt::format("done.0.{}", name);
             c.shapes[to] = c.shapes[from];
             c.values[to] = c.values[from];
           }
         }
       },
       "the number of finished seeds is 3, expected 0 to 2"},
      {"a finished seed that stopped early without patience",
       [](Content& c) { c.training["done"][0]["stopped_early"] = true; }, "stopped_early"},
      {"a weight that is not finite", [](Content& c) { c.values["gate.layers.0.weight"][2] = NAN; },
       "not finite"},
      {"a moment that is not finite",
       [](Content& c) { c.values["first_moment.layers.1.bias"][0] = INFINITY; }, "not finite"},
      {"a negative mean of squares", [](Content& c) { c.values["second_moment.layers.0.bias"][1] = -1.0F; },
       "second_moment: found a negative value"},
      {"a layer less",
       [](Content& c) {
         for (const char* name : {"gate.layers.1.weight", "gate.layers.1.bias"}) {
           c.shapes.erase(name);
           c.values.erase(name);
         }
       },
       "gate: the number of layers is 1, expected 2"},
      {"moments of another shape",
       [](Content& c) {
         c.shapes["first_moment.layers.0.weight"] = {4, 2};
         c.values["first_moment.layers.0.weight"].resize(8);
       },
       "first_moment: found a layer of shape [4, 2], expected [4, 3]"},
      {"no best gate",
       [](Content& c) {
         c.shapes.erase("best.logit_scale");
         c.values.erase("best.logit_scale");
       },
       "\"best.logit_scale\" is missing"},
      {"no state of the optimiser",
       [](Content& c) {
         for (const char* name : {"second_moment.layers.0.weight", "second_moment.layers.0.bias"}) {
           c.shapes.erase(name);
           c.values.erase(name);
         }
       },
       "second_moment: the number of layers is 0"},
      {"no curve at all", [](Content& c) { c.training["current"].erase("curve"); },
       "is not that of a checkpoint"},
      {"something else", [](Content& c) { c.training = json::array(); }, "is not that of a checkpoint"},
  };
  return cases;
}

bool any_line(const std::vector<std::string>& lines, const std::string& file, const std::string& text) {
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    return line.find(file + ": ") != std::string::npos && line.find(text) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("a state that the training cannot have is reported, and the previous checkpoint is used",
          "[unit]") {
  const Training training(options());
  const test::TempDir whole, begun;
  std::vector<std::string> lines;
  const test::LogCapture capture(lines);
  const std::vector<GateRun> expected = training.run(whole.path());
  training.interrupt(begun.path(), 49 + 32);
  const Content saved = read(begun / "gate.checkpoint");
  REQUIRE(saved.training["current"]["step"] == 32);
  for (const Case& c : impossible_states()) {
    INFO(c.name);
    Content changed = saved;
    c.change(changed);
    for (const bool with_previous : {true, false}) {
      const test::TempDir place;
      if (with_previous) fs::copy(begun / "gate.checkpoint.previous", place / "gate.checkpoint.previous");
      write(place / "gate.checkpoint", changed);
      lines.clear();
      check_same(training.run(place.path()), expected);
      CHECK(any_line(lines, "gate.checkpoint", c.reported));
      CHECK(any_line(lines, "gate.checkpoint",
                     with_previous ? "using the previous checkpoint" : "restarting the training"));
    }
  }
}

TEST_CASE("what was saved passes the checks, at every step and for every choice of the gate", "[unit]") {
  Stage2TrainOptions changed = options();
  changed.n_steps = 9;
  changed.seeds = 2;
  for (const SelectCheckpoint select : {SelectCheckpoint::best, SelectCheckpoint::last}) {
    for (const auto& [every, patience] : {std::pair{1, 0}, {2, 0}, {1, 2}, {4, 1}, {9, 0}, {100, 0}}) {
      changed.select = select;
      changed.eval_every = every;
      changed.patience = patience;
      const Training training(changed);
      const test::TempDir whole, place;
      std::vector<std::string> lines;
      const test::LogCapture capture(lines);
      const std::vector<GateRun> expected = training.run(whole.path());
      for (;;) {  // one step at a time
        bool stopped = false;
        int polls = 0;
        try {
          check_same(training.run(place.path(), [&] { return ++polls == 1; }), expected);
        } catch (const Error& error) {
          REQUIRE(error.kind() == ErrorKind::interrupted);
          stopped = true;
        }
        if (!stopped) break;
      }
      CHECK_FALSE(any_line(lines, "gate.checkpoint", "the"));
    }
  }
}

TEST_CASE("a training that diverged resumes to the same values", "[unit]") {
  Stage2TrainOptions diverging = options();
  diverging.learning_rate = 1e38;
  diverging.seeds = 1;
  const Training training(diverging);
  const test::TempDir whole, begun;
  std::vector<std::string> lines;
  const test::LogCapture capture(lines);
  const std::vector<GateRun> expected = training.run(whole.path());
  const float* const weights = expected[0].selected.gate.layers[0].weight.data();
  training.interrupt(begun.path(), 32);
  lines.clear();
  const std::vector<GateRun> resumed = training.run(begun.path());
  CHECK(any_line(lines, "resuming an interrupted training", "0 of 1 seeds are done, 32 steps"));
  CHECK(resumed[0].selected.step == expected[0].selected.step);
  CHECK(std::memcmp(resumed[0].selected.gate.layers[0].weight.data(), weights, 12 * sizeof(float)) == 0);
}

TEST_CASE("a file without digests begins anew with one warning, and is not mixed with other inputs",
          "[unit]") {
  const Training training(options());
  const test::TempDir whole, begun;
  std::vector<std::string> lines;
  const test::LogCapture capture(lines);
  const std::vector<GateRun> expected = training.run(whole.path());
  training.interrupt(begun.path(), 20);
  Content old = read(begun / "gate.checkpoint");
  old.key["checkpoint format"] = "2";
  old.key["program version"] = "0.1";
  old.digests = false;
  fs::remove(begun / "gate.checkpoint.previous");
  write(begun / "gate.checkpoint", old);
  lines.clear();
  check_same(training.run(begun.path()), expected);
  CHECK(any_line(lines, "gate.checkpoint",
                 "was written by an earlier version, without checksums; restarting the training"));
  CHECK(std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
          return line.find("gate.checkpoint") != std::string::npos;
        }) == 1);

  old.key["--seed"] = "5";
  write(begun / "gate.checkpoint", old);
  CHECK_THAT(error_of([&] { training.run(begun.path()); }, ErrorKind::data),
             Catch::Contains("--seed (5 then, 0 now)"));

  old.key["--seed"] = "0";
  old.key["checkpoint format"] = "3";  // lost its digests
  write(begun / "gate.checkpoint", old);
  lines.clear();
  training.run(begun.path());
  CHECK(any_line(lines, "gate.checkpoint", "has no digests"));
}
