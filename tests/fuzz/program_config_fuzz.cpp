// --config FILE, for a program with an option of every type.
#include "core/log.h"
#include "core/options.h"
#include "fuzz/driver.h"

namespace armorm::fuzz {
namespace {

struct Options {
  bool flag = false;
  std::int64_t whole = 0;
  double real = 0.0;
  std::string text;
  log::Level level = log::Level::info;
  std::vector<std::string> texts;
  std::vector<double> reals;
  std::vector<std::int64_t> wholes;
  std::vector<log::Level> levels;
};

}  // namespace

const MemoryBound kMemoryBound{160, 64 << 10};

void read_input(std::string_view input) {
  Options o;
  OptionList list;
  const auto text = [](const char* name) { return OptionText{name, OptionEffect::results, ""}; };
  list.add(text("eval_reward_bench"), o.flag).add(text("seed"), o.whole).add(text("learning_rate"), o.real);
  list.add(text("model_path"), o.text).add(text("device"), o.level).add(text("eval"), o.texts);
  list.add(text("penalty_grid"), o.reals).add(text("shards"), o.wholes).add(text("fields"), o.levels);
  apply_config(
      {.path = write_scratch("config.json", input).string(),
       .sections = {"common", "stage1-prepare", "stage1-train", "stage2-prepare", "stage2-train", "score"},
       .program = "stage2-train",
       .known_elsewhere = {"n_shards"},
       .help_command = "stage2-train --help"},
      list, {"given"});
  for (const Option& option : list.options()) touch(value_text(option));
}

}  // namespace armorm::fuzz
