// --config FILE, for a program with an option of every type.
#include "core/options.h"
#include "fuzz/driver.h"

namespace armorm::fuzz {
namespace {

struct Options {
  bool flag = false;
  std::int64_t whole = 0;
  double real = 0.0;
  std::string text;
  std::string choice = "a";
  std::vector<std::string> texts;
  std::vector<double> reals;
  std::vector<std::int64_t> wholes;
};

}  // namespace

const MemoryBound kMemoryBound{160, 64 << 10};

void read_input(std::string_view input) {
  Options o;
  OptionList list;
  list.add("eval_reward_bench", o.flag, "").add("seed", o.whole, "").add("learning_rate", o.real, "");
  list.add("model_path", o.text, "").add("device", o.choice, "", {"a", "b"}).add("eval", o.texts, "");
  list.add("penalty_grid", o.reals, "").add("shards", o.wholes, "");
  apply_config(write_scratch("config.json", input).string(), "stage2-train", list, {"given"}, {"n_shards"});
  for (const Option& option : list.options()) touch(value_text(option));
}

}  // namespace armorm::fuzz
