// Every option of every program.
#include "stages/options/declarations.h"

#include <set>

#include "io/publish.h"
#include "stages/gate/gate_training.h"
#include "stages/resume/resume_key.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::options;
using namespace armorm::test;

namespace {

// Gives an option another value.
struct Change {
  void operator()(bool* field) const { *field = !*field; }
  void operator()(std::int64_t* field) const { *field += 1; }
  void operator()(std::optional<std::int64_t>* field) const { *field = field->value_or(0) + 1; }
  void operator()(double* field) const { *field += 0.125; }
  void operator()(std::string* field) const { *field += "-other"; }
  void operator()(std::vector<std::string>* list) const { list->push_back("other"); }
  void operator()(std::vector<double>* list) const { list->push_back(0.5); }
  void operator()(std::vector<std::int64_t>* list) const { list->push_back(3); }
  void operator()(DatasetPaths* sets) const { sets->paths.emplace_back("other"); }
  void operator()(const WordField& field) const {
    std::vector<std::string> words = field.words();
    if (field.is_list())
      words.push_back(field.choices().back());
    else
      words.front() =
          words.front() == field.choices().back() ? field.choices().front() : field.choices().back();
    field.assign("changed", words);
  }
};

// Calls check(program, fields, list) for each program.
template <class Check>
void for_each_program(const Check& check) {
  const auto run = [&check](const char* program, auto fields) {
    INFO(program);
    const OptionList list = declare(fields);
    check(fields, list);
  };
  run("stage1-prepare", Stage1PrepareOptions{});
  run("stage1-train", Stage1TrainOptions{});
  run("stage2-prepare", Stage2PrepareOptions{});
  run("stage2-train", Stage2TrainOptions{});
  run("score", ScoreOptions{});
}

std::set<std::string> names_with(const OptionList& list, OptionEffect effect) {
  std::set<std::string> names;
  for (const Option& option : list.options())
    if (option.effect == effect) names.insert(option.name);
  return names;
}

}  // namespace

TEST_CASE("every option has a name of its own, a help text and a default among its choices", "[unit]") {
  for_each_program([](auto& fields, const OptionList& list) {
    fields.validate();
    CHECK(list.options().size() > 10);
    std::set<std::string> names;
    for (const Option& option : list.options()) {
      INFO(option.name);
      CHECK(names.insert(option.name).second);
      CHECK(option.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos);
      CHECK(option.help.size() > 5);
      CHECK(option.help.back() != '.');
      const std::vector<std::string>& choices = option.choices();
      CHECK((choices.empty() ||
             std::find(choices.begin(), choices.end(), value_text(option)) != choices.end()));
    }
  });
}

TEST_CASE("an option changes the resume key exactly when it changes results", "[unit]") {
  for_each_program([](auto& fields, const OptionList& list) {
    for (const Option& option : list.options()) {
      INFO(option.name);
      const stages::resume::ResumeKey before = stages::resume::options_key(describe(fields));
      std::visit(Change{}, option.target);
      const stages::resume::ResumeKey after = stages::resume::options_key(describe(fields));
      CHECK((after != before) == (option.effect == OptionEffect::results));
      CHECK(after.contains("--" + option.name) == (option.effect == OptionEffect::results));
    }
  });
}

TEST_CASE("a gate training's key holds every option of stage2-train that changes results", "[unit]") {
  const std::vector<float> rewards{1, 2, 3, 4};
  const std::vector<BFloat16> prompts(4, BFloat16::from_float(1.0F));
  const std::vector<std::int64_t> rows{0, 1};
  const gating::PairData pairs{.chosen = {rewards.data(), 2, 2},
                               .rejected = {rewards.data(), 2, 2},
                               .prompts = {prompts.data(), 2, 2},
                               .chosen_prompt = rows,
                               .rejected_prompt = rows};
  Stage2TrainOptions fields;
  fields.device = -1;
  const stages::resume::ResumeKey key = stages::gate::training_key(fields, pairs);
  const OptionList list = declare(fields);
  for (const std::string& name : names_with(list, OptionEffect::results)) CHECK(key.contains("--" + name));
  for (const OptionEffect other : {OptionEffect::inputs, OptionEffect::resources, OptionEffect::output})
    for (const std::string& name : names_with(list, other)) CHECK_FALSE(key.contains("--" + name));
  CHECK(key.at("--learning_rate") == "0.001");
  CHECK(key.at("--compat") == "none");
}

TEST_CASE("what does not change results is known by name", "[unit]") {
  using Names = std::set<std::string>;
  Stage1PrepareOptions prepare;
  const OptionList list = declare(prepare);
  CHECK(names_with(list, OptionEffect::inputs) ==
        Names{"model_path", "dataset_path", "dataset_name", "form", "on_bad_row", "max_bad_rows"});
  CHECK(names_with(list, OptionEffect::resources) == Names{"device", "threads", "weights_memory"});
  CHECK(names_with(list, OptionEffect::output) == Names{"data_root", "restart", "verify",
                                                        "checkpoint_seconds", "dry_run", "status", "all_sets",
                                                        "json", "assume_tflops"});
  Stage2TrainOptions train;
  CHECK(names_with(declare(train), OptionEffect::output) ==
        Names{"data_root", "output_dir", "scratch_dir", "restart", "verify", "checkpoint_seconds", "export",
              "export_weights", "export_scale", "json", "report_texts", "report_texts_dataset",
              "report_texts_columns", "training_gates"});
}

TEST_CASE("a config names one data set, or a list of several", "[unit]") {
  const TempDir dir;
  Stage1PrepareOptions fields;
  const auto assign = [&](const std::string& value) {
    io::publish_text(dir / "c.json", R"({"stage1-prepare": {"dataset_path": )" + value + "}}");
    apply_config({(dir / "c.json").string(), {"common", "stage1-prepare"}, "stage1-prepare", {}, "help"},
                 declare(fields), {});
    return fields.dataset_path.paths;
  };
  CHECK(assign(R"("a,b")") == std::vector<std::string>{"a,b"});
  CHECK(assign(R"(["a", "b"])") == std::vector<std::string>{"a", "b"});
  CHECK_THAT(error_of([&] { assign("3"); }, ErrorKind::usage),
             Catch::Contains("stage1-prepare.dataset_path must be a string, or a list of strings, found 3"));
  CHECK_THAT(error_of([&] { assign("[3]"); }, ErrorKind::usage), Catch::Contains("dataset_path must be"));
  for (const auto& paths : {std::vector<std::string>{}, std::vector<std::string>{"a", ""}}) {
    fields.dataset_path = paths;
    CHECK_THAT(error_of([&] { fields.validate(); }, ErrorKind::usage),
               Catch::Contains("--dataset_path: is empty"));
  }
}

TEST_CASE("reading the options of a const object leaves it as it is", "[unit]") {
  const Stage2TrainOptions options;
  const std::vector<OptionValue> values = describe(options);
  const auto find = [&](const std::string& name) {
    return std::find_if(values.begin(), values.end(), [&](const OptionValue& v) { return v.name == name; })
        ->text;
  };
  CHECK(find("n_steps") == "2000");
  CHECK(find("export_weights") == "auto");
  CHECK(find("eval").empty());
}

TEST_CASE("an unknown precision is a usage error that names the word and the choices", "[unit]") {
  CHECK(error_of([] { parse_word<Precision>("--precision", "int3"); }, ErrorKind::usage) ==
        "--precision: 'int3' is unknown; use bf16, fp32, fp8 or int8");
  ScoreOptions score;
  const OptionList list = declare(score);
  for (const Option& option : list.options())
    if (option.name == "precision") {
      const auto& field = std::get<WordField>(option.target);
      CHECK_THAT(error_of([&] { field.assign("--precision", {"int3"}); }, ErrorKind::usage),
                 Catch::Contains("'int3'"));
      CHECK(score.precision == Precision::bf16);
      field.assign("--precision", {"fp8"});
      CHECK(score.precision == Precision::fp8);
    }
}

TEST_CASE("messages of lower modules show the flags of every program", "[unit]") {
  CHECK(with_flags("use `batch_tokens`, `columns`, `max_length` or `subset`") ==
        "use --batch_tokens, --columns, --max_length or `subset`");
}

TEST_CASE("attention of a GPU is refused on a CPU", "[unit]") {
  Stage1PrepareOptions prepare;
  prepare.extraction.attention = GpuAttention::flash;
  prepare.validate();
  prepare.extraction.device = -1;
  CHECK(error_of([&] { prepare.validate(); }, ErrorKind::usage).find("--attention: flash") == 0);
  ScoreOptions score;
  score.attention = GpuAttention::flash;
  score.validate();
  score.device = -1;
  CHECK(error_of([&] { score.validate(); }, ErrorKind::usage).find("--attention: flash") == 0);
}
