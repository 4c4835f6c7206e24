#include "stages/options/all_options.h"

#include <set>

namespace armorm {

std::vector<std::string> all_option_names() {
  std::set<std::string> names;
  const auto collect = [&names](auto options) {
    const OptionList list = options.declare();
    for (const Option& option : list.options()) names.insert(option.name);
  };
  collect(Stage1PrepareOptions{});
  collect(Stage1TrainOptions{});
  collect(Stage2PrepareOptions{});
  collect(Stage2TrainOptions{});
  collect(ScoreOptions{});
  return {names.begin(), names.end()};
}

}  // namespace armorm
